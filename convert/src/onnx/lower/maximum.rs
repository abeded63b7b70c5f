//! Maxima over planes, rows and columns.

use bayes8_core::graph::{Op, Window};
use bayes8_core::ops::MaxPool;

use crate::error::ImportError;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::evidence::channels_first;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;
use crate::onnx::reduction::{self, Reduction};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("GlobalMaxPool", &[])
        .lower(|builder, node| builder.global_max_pool(node))
        .trace(channels_first),
    Operator::new("ReduceMax", &["axes", "keepdims", "noop_with_empty_axes"])
        .lower(|builder, node| builder.reduce_max(node))
        .trace(reduction::trace),
];

impl<'a> Builder<'a> {
    fn global_max_pool(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        x.spatial_axes(node)?;
        x.require_channels_first(node)?;
        if x.shape.spatial() == 1 {
            return Ok(x);
        }
        self.slide(node, Op::GlobalMaxPool, &x)
    }

    /// A maximum over some or all of planes, rows and columns.
    fn reduce_max(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let Reduction { x, kernel, all, form } = self.reduction(node, "maximum")?;
        let maximum = match (kernel, all) {
            ([1, 1, 1], _) => x,
            (_, true) => self.slide(node, Op::GlobalMaxPool, &x)?,
            ([planes, rows, columns], false) => {
                let mut window = Window::new([rows, columns]);
                window.depth.kernel = planes;
                self.slide(node, MaxPool { window }.into(), &x)?
            }
        };
        Ok(Activation { form, ..maximum })
    }
}
