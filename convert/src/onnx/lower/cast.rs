//! Cast: of activations to float, of constants to any type of number.

use crate::error::ImportError;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Constant, Data, is_float};
use crate::onnx::evidence::kept;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new("Cast", &["round_mode", "saturate", "to"])
        .lower(cast)
        .fold(fold)
        .trace(kept)
        .takes(&[Special::Bytes, Special::Indices])];

fn cast<'a>(builder: &mut Builder<'a>, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
    let x = builder.activation(node, 0)?;
    match node.data_type("to")? {
        // Of the outputs, only those before the ArgMax remain.
        _ if x.indices => Ok(x),
        to if is_float(to) => Ok(Activation { bytes: false, ..x }),
        to => Err(node.refuse(format!("casts of activations to {to} are not supported"))),
    }
}

fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let data = operands.required(node, 0)?;
    let to = node.data_type("to")?;
    let cast = match (to.0, &data.data) {
        // Same kind: the constant keeps its source.
        (_, Data::Float(_)) if is_float(to) => return Ok(data.clone()),
        (2..=7 | 12 | 13, Data::Integer(_)) => return Ok(data.clone()),
        (_, Data::Integer(v)) if is_float(to) => Data::Float(v.iter().map(|&x| x as f32).collect()),
        (2..=7 | 12 | 13, Data::Float(v)) => match v.iter().find(|x| !x.is_finite()) {
            Some(x) => return Err(node.refuse(format!("{x} is not an integer"))),
            None => Data::Integer(v.iter().map(|&x| x as i64).collect()),
        },
        (9, Data::Float(v)) => Data::Integer(v.iter().map(|&x| (x != 0.0).into()).collect()),
        (9, Data::Integer(v)) => Data::Integer(v.iter().map(|&x| (x != 0).into()).collect()),
        _ => return Err(node.refuse(format!("casts to {to} are not supported"))),
    };
    Ok(Constant::new(data.shape.clone(), cast))
}
