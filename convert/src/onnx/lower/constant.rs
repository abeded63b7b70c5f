//! Constants that nodes make.

use crate::error::ImportError;
use crate::onnx::constant::{Constant, Data, elements};
use crate::onnx::external::External;
use crate::onnx::node::OnnxNode;
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        "Constant",
        &[
            "sparse_value",
            "value",
            "value_float",
            "value_floats",
            "value_int",
            "value_ints",
            "value_string",
            "value_strings",
        ],
    )
    .fold(|node, _| constant(node)),
    Operator::new("ConstantOfShape", &["value"]).fold(constant_of_shape),
];

fn constant(node: &OnnxNode<'_>) -> Result<Constant, ImportError> {
    let float = |v: Vec<f32>, shape| Constant::new(shape, Data::Float(v));
    if let Some(tensor) = node.attribute("value").and_then(|a| a.t.as_ref()) {
        Constant::decode(tensor, node.name, &mut External::refused())
    } else if node.attribute("value_int").is_some() {
        Ok(Constant::new(vec![], Data::Integer(vec![node.int("value_int", 0)?])))
    } else if let Some(values) = node.ints("value_ints")? {
        Ok(Constant::integers(values.to_vec()))
    } else if node.attribute("value_float").is_some() {
        Ok(float(vec![node.bound("value_float", 0.0)?], vec![]))
    } else if let Some(values) = node.floats("value_floats")? {
        if values.iter().any(|v| v.is_nan()) {
            return Err(node.refuse("attribute `value_floats` holds NaN"));
        }
        Ok(float(values.to_vec(), vec![values.len()]))
    } else {
        Err(node.refuse("only tensors, integers and floats are supported"))
    }
}

fn constant_of_shape(
    node: &OnnxNode<'_>,
    operands: &Operands<'_>,
) -> Result<Constant, ImportError> {
    let shape = operands.required(node, 0)?.as_integers();
    let shape: Option<Vec<usize>> =
        shape.and_then(|s| s.iter().map(|&d| usize::try_from(d).ok()).collect());
    let count = shape.as_deref().and_then(elements);
    let (Some(shape), Some(count)) = (shape, count) else {
        return Err(node.refuse("the shape is not a list of extents"));
    };
    operands.budget.check(node.name, count)?;
    let value = match node.attribute("value").and_then(|a| a.t.as_ref()) {
        Some(tensor) => Constant::decode(tensor, node.name, &mut External::refused())?.data,
        None => Data::Float(vec![0.0]),
    };
    let data = match value {
        Data::Float(v) if v.len() == 1 => Data::Float(vec![v[0]; count]),
        Data::Integer(v) if v.len() == 1 => Data::Integer(vec![v[0]; count]),
        _ => return Err(node.refuse("`value` must hold one number")),
    };
    Ok(Constant::new(shape, data))
}
