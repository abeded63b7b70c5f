//! A final softmax, which is dropped, and Log and Exp: a Log after a Softmax makes it a LogSoftmax,
//! and an Exp the reverse. Elsewhere they are functions of one number.

use crate::error::ImportError;
use crate::function::Unary;
use crate::onnx::activation::{Activation, Axis};
use crate::onnx::builder::Builder;
use crate::onnx::evidence::kept;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Softmax", &["axis"]).lower(|builder, node| builder.softmax(node, false)),
    Operator::new("LogSoftmax", &["axis"]).lower(|builder, node| builder.softmax(node, true)),
    Operator::new("Log", &[])
        .lower(|builder, node| builder.exponential(node, true))
        .trace(kept)
        .takes(&[Special::Probabilities]),
    Operator::new("Exp", &[])
        .lower(|builder, node| builder.exponential(node, false))
        .trace(kept)
        .takes(&[Special::LogProbabilities]),
];

impl<'a> Builder<'a> {
    /// A softmax over classes; the network's output is the logits before it.
    fn softmax(&mut self, node: &OnnxNode<'a>, logarithm: bool) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        let default = if self.operator_set < 13 { 1 } else { -1 };
        let rank = x.form.rank();
        let axis = node.axis(node.int("axis", default)?, rank)?;
        // Before operator set 13, over all axes from `axis` on.
        let last = if self.operator_set < 13 { rank } else { axis + 1 };
        let over_channels = axis > 0 && (axis..last).any(|i| x.axis(i) == Some(Axis::Channel));
        // From an axis on, over positions too.
        let over_positions = (axis.max(1)..last).any(|i| {
            x.axis(i).and_then(Axis::spatial).is_some_and(|spatial| x.shape.axes()[spatial] != 1)
        });
        if !over_channels || over_positions {
            return Err(node.refuse("only a softmax over classes is supported"));
        }
        Ok(Activation { softmax: true, logarithm, ..x })
    }

    /// Log, or otherwise Exp.
    fn exponential(
        &mut self,
        node: &OnnxNode<'a>,
        logarithm: bool,
    ) -> Result<Activation, ImportError> {
        let x = self.activation(node, 0)?;
        if x.softmax {
            return Ok(Activation { logarithm, ..x });
        }
        let function = if logarithm { Unary::Log } else { Unary::Exp };
        self.pointwise(node, 0, |x| x.then(function))
    }
}
