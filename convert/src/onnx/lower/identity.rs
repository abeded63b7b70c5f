//! Operators that pass their input on.

use crate::error::ImportError;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::evidence::kept;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Identity", &[])
        .lower(|builder, node| builder.activation(node, 0))
        .fold_to_first()
        .trace(kept)
        .takes(Special::ALL),
    Operator::new("Dropout", &["ratio", "seed"])
        .lower(|builder, node| builder.dropout(node))
        .fold_to_first()
        .trace(kept),
];

impl<'a> Builder<'a> {
    fn dropout(&self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let training = self.integers(node, 2, "training_mode")?.unwrap_or_default();
        if training.iter().any(|&t| t != 0) {
            return Err(node.refuse("it is in training mode"));
        }
        self.activation(node, 0)
    }
}
