//! Activation functions that are clamps.

use super::arithmetic;
use crate::clamp::Clamp;
use crate::error::ImportError;
use crate::onnx::builder::Builder;
use crate::onnx::constant::Constant;
use crate::onnx::evidence::kept;
use crate::onnx::node::OnnxNode;
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Relu", &[])
        .lower(|builder, node| builder.clamp(node, 0, Clamp::RELU))
        .trace(kept),
    Operator::new("Clip", &["max", "min"])
        .lower(|builder, node| {
            let clamp = builder.clip_bounds(node)?;
            builder.clamp(node, 0, clamp)
        })
        .fold(fold)
        .trace(kept),
];

impl<'a> Builder<'a> {
    /// Bounds of a Clip; left-out ones are infinite.
    fn clip_bounds(&self, node: &OnnxNode<'a>) -> Result<Clamp, ImportError> {
        let bound = |i, name, default| match self.constant(node, i)? {
            None => node.bound(name, default),
            Some(c) => match c.floats() {
                Some([bound]) if bound.is_nan() => Err(node.refuse(format!("its {name} is NaN"))),
                Some(&[bound]) => Ok(bound),
                _ => Err(node.refuse(format!("input {i} must be one float"))),
            },
        };
        let clamp = Clamp {
            min: bound(1, "min", f32::NEG_INFINITY)?,
            max: bound(2, "max", f32::INFINITY)?,
        };
        if clamp.min <= clamp.max && clamp.min < f32::INFINITY && clamp.max > f32::NEG_INFINITY {
            return Ok(clamp);
        }
        Err(node.refuse(format!("its bounds {} and {} exclude every number", clamp.min, clamp.max)))
    }
}

/// The Clip of a constant.
fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let mut result = operands.required(node, 0)?.clone();
    for (i, op) in [(1, "Max"), (2, "Min")] {
        if let Some(bound) = operands.get(i) {
            result = arithmetic::fold_two(node, op, operands, [&result, bound])?;
        }
    }
    Ok(Constant::new(result.shape, result.data))
}
