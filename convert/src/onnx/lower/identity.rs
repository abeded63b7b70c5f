//! Operators that pass their input on.

use crate::onnx::evidence::kept;
use crate::onnx::node::Special;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[Operator::new("Identity", &[])
    .lower(|builder, node| builder.activation(node, 0))
    .fold_to_first()
    .trace(kept)
    .takes(Special::ALL)];
