//! Shape, which is constant, and ReduceProd of such constants.

use std::rc::Rc;

use crate::error::ImportError;
use crate::onnx::builder::Slot;
use crate::onnx::constant::{Constant, Data, slice_axis};
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Shape", &["end", "start"])
        .lower_all(|builder, node| {
            let shape = builder.activation(node, 0)?.dimensions(builder.batch);
            Ok(vec![Slot::Constant(Rc::new(part(node, shape)?))])
        })
        .fold(|node, operands| part(node, operands.required(node, 0)?.shape.clone()))
        .takes(Special::ALL),
    Operator::new("ReduceProd", &["axes", "keepdims", "noop_with_empty_axes"]).fold(product),
];

/// The part of a shape that `Shape`'s `start` and `end` attributes select.
fn part(node: &OnnxNode<'_>, shape: Vec<usize>) -> Result<Constant, ImportError> {
    let (start, end) = (node.int("start", 0)?, node.int("end", i64::MAX)?);
    let (start, count) = slice_axis(shape.len(), start, end, 1).unwrap_or((0, 0));
    let part = shape.into_iter().map(|d| d as i64).skip(start).take(count);
    Ok(Constant::integers(part.collect()))
}

fn product(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let data = operands.required(node, 0)?;
    let axes = operands.integers(node, 1, "axes")?;
    let rank = data.shape.len();
    if axes.is_some_and(|axes| axes.len() != rank) || node.int("noop_with_empty_axes", 0)? != 0 {
        return Err(node.refuse("only the product over all axes is supported"));
    }
    let values = data.as_integers().ok_or_else(|| node.refuse("only integers are supported"))?;
    let product = values.iter().try_fold(1i64, |p, &v| p.checked_mul(v));
    let product = product.ok_or_else(|| node.refuse("overflow"))?;
    let shape = vec![1; if node.int("keepdims", 1)? != 0 { rank } else { 0 }];
    Ok(Constant::new(shape, Data::Integer(vec![product])))
}
