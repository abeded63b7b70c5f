//! Pools of a window.

use bayes8_core::graph::{Op, Padding, Value, Window};
use bayes8_core::ops::{AveragePool, MaxPool};

use crate::error::ImportError;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::evidence::channels_first;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        "MaxPool",
        &["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"],
    )
    .lower(|builder, node| builder.max_pool(node))
    .trace(channels_first),
    Operator::new(
        "AveragePool",
        &[
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "strides",
        ],
    )
    .lower(|builder, node| builder.average_pool(node))
    .trace(channels_first),
];

impl<'a> Builder<'a> {
    fn max_pool(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let (mut x, mut border) = self.bordered(node, 0)?;
        // A border of zeros equals padding that never wins only if no value is negative.
        if border != Padding::default() && !self.non_negative(x.value) {
            (x, border) = (self.settled(node, 0)?, Padding::default());
        }
        let window = self.window(node, &x, border, None)?;
        let window = with_ceil_mode(node, &x, window)?;
        self.slide(node, Op::MaxPool(MaxPool { window }), &x)
    }

    fn average_pool(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let (x, border) = self.bordered(node, 0)?;
        let mut window = self.window(node, &x, border, None)?;
        let mut count_include_pad = node.int("count_include_pad", 0)? != 0;
        let whole = with_ceil_mode(node, &x, window)?;
        if whole != window && (count_include_pad || border != Padding::default()) {
            return Err(node.refuse(
                "ceil_mode is not supported where padding counts and the output's shape changes",
            ));
        }
        if border != Padding::default() && !count_include_pad {
            // The border always counts; the node's own padding would not.
            if window.padding != border {
                return Err(node.refuse("cannot tell its padding from the border of a Pad"));
            }
            count_include_pad = true;
        }
        window = whole;
        // Adaptive pooling that changes nothing is exported like this.
        if window == Window::new([1, 1]) {
            return Ok(x);
        }
        self.slide(node, Op::AveragePool(AveragePool { window, count_include_pad }), &x)
    }

    /// Whether a clamp keeps every element of `value` at or above zero.
    fn non_negative(&self, mut value: Value) -> bool {
        loop {
            let Value::Node(n) = value else { return false };
            let node = &self.graph.nodes()[n];
            match node.inputs.first() {
                _ if node.data.clamp.min >= 0.0 => return true,
                Some(&input) if node.op.only_moves() || node.op.is_random() => value = input,
                _ => return false,
            }
        }
    }
}

/// `window` with the padding at the ends that `ceil_mode` adds for another plane, row or column.
fn with_ceil_mode(
    node: &OnnxNode<'_>,
    x: &Activation,
    window: Window,
) -> Result<Window, ImportError> {
    let mut axes = window.axes();
    if node.int("ceil_mode", 0)? == 0 {
        return Ok(window);
    }
    for (axis, extent) in axes.iter_mut().zip(x.shape.axes()) {
        let steps = (extent + axis.before + axis.after).saturating_sub(axis.reach() + 1);
        // A further window must begin before the padding at the end.
        let next = (steps / axis.stride + 1) * axis.stride;
        if !steps.is_multiple_of(axis.stride) && next < extent + axis.before {
            axis.after = next + axis.reach() + 1 - (extent + axis.before);
        }
    }
    Ok(axes.into())
}
