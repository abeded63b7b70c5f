//! Means over planes, rows and columns.

use bayes8_core::graph::Op;
use bayes8_core::ops::AveragePool;

use crate::onnx::builder::Slot;
use crate::onnx::evidence::channels_first;
use crate::onnx::operator::Operator;
use crate::onnx::reduction;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("GlobalAveragePool", &[])
        .lower(|builder, node| builder.global_pool(node, Op::GlobalAveragePool))
        .trace(channels_first),
    Operator::new("ReduceMean", &["axes", "keepdims", "noop_with_empty_axes"])
        .lower_all(|builder, node| {
            if let Some(mean) = builder.mean_of_groups(node)? {
                return Ok(vec![mean]);
            }
            let mean = builder.reduce(node, "mean", Op::GlobalAveragePool, |window| {
                Op::AveragePool(AveragePool { window, count_include_pad: false })
            })?;
            Ok(vec![Slot::Activation(Box::new(mean))])
        })
        .trace(reduction::trace),
];
