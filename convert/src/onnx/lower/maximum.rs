//! Maxima over planes, rows and columns.

use bayes8_core::graph::Op;
use bayes8_core::ops::MaxPool;

use crate::onnx::evidence::channels_first;
use crate::onnx::operator::Operator;
use crate::onnx::reduction;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("GlobalMaxPool", &[])
        .lower(|builder, node| builder.global_pool(node, Op::GlobalMaxPool))
        .trace(channels_first),
    Operator::new("ReduceMax", &["axes", "keepdims", "noop_with_empty_axes"])
        .lower(|builder, node| {
            builder.reduce(node, "maximum", Op::GlobalMaxPool, |window| MaxPool { window }.into())
        })
        .trace(reduction::trace),
];
