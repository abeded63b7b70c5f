//! A final ArgMax over classes, which is left out: a model gives the probabilities of all classes.

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Axis};
use crate::onnx::builder::Builder;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new("ArgMax", &["axis", "keepdims", "select_last_index"])
        .lower(arg_max)
        .takes(&[Special::Probabilities, Special::LogProbabilities])];

fn arg_max<'a>(builder: &mut Builder<'a>, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
    let x = builder.settled(node, 0)?;
    let axis = node.axis(node.int("axis", 0)?, x.dimensions(builder.batch).len())?;
    let is_over_classes = x.view.is_none() && x.axis(axis) == Some(Axis::Channel);
    if !is_over_classes {
        return Err(node.refuse("only an ArgMax over classes, at the end, is supported"));
    }
    Ok(Activation { softmax: true, indices: true, ..x })
}
