//! Cast and CastLike: of activations to float, of constants to any type of number.

use std::rc::Rc;

use crate::error::ImportError;
use crate::onnx::activation::Activation;
use crate::onnx::builder::{Builder, Slot};
use crate::onnx::constant::{Constant, Data, is_float};
use crate::onnx::evidence::kept;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Cast", &["round_mode", "saturate", "to"])
        .lower(cast)
        .fold(fold)
        .trace(kept)
        .takes(&[Special::Bytes, Special::Indices]),
    Operator::new("CastLike", &["round_mode", "saturate"]).lower_all(cast_like).fold(fold_like),
];

fn cast<'a>(builder: &mut Builder<'a>, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
    let x = builder.activation(node, 0)?;
    match node.data_type("to")? {
        // Of the outputs, only those before the ArgMax remain.
        _ if x.indices => Ok(x),
        to if is_float(to) => Ok(Activation { bytes: false, ..x }),
        to => Err(node.refuse(format!("casts of activations to {to} are not supported"))),
    }
}

/// Of a constant or an activation, to the type of another one.
fn cast_like<'a>(builder: &mut Builder<'a>, node: &OnnxNode<'a>) -> Result<Vec<Slot>, ImportError> {
    let like = node.input(1).ok_or_else(|| node.refuse("input 1 is missing"))?;
    let to_floats = match builder.slot(node, like)? {
        Slot::Constant(like) => like.floats().is_some(),
        Slot::Activation(like) => !like.bytes && !like.indices,
        Slot::Mask(_) | Slot::Moment(_) | Slot::Stack(_) => true,
    };
    if !to_floats {
        return Err(node.refuse("only casts to floats are supported"));
    }
    Ok(vec![match builder.is_constant(node, 0).then(|| builder.constant(node, 0)) {
        Some(constant) => {
            let constant = constant?.ok_or_else(|| node.refuse("input 0 is missing"))?;
            Slot::Constant(Rc::new(as_floats(&constant)))
        }
        None => Slot::Activation(Box::new(builder.activation(node, 0)?)),
    }])
}

fn fold_like(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let data = operands.required(node, 0)?;
    match (&data.data, &operands.required(node, 1)?.data) {
        (_, Data::Float(_)) => Ok(as_floats(data)),
        (Data::Integer(_), Data::Integer(_)) => Ok(data.clone()),
        (Data::Float(_), Data::Integer(_)) => {
            Err(node.refuse("it casts floats to integers; use Cast"))
        }
    }
}

/// The constant as floats; one that holds floats keeps its source.
fn as_floats(constant: &Constant) -> Constant {
    match &constant.data {
        Data::Float(_) => constant.clone(),
        Data::Integer(numbers) => {
            let floats = numbers.iter().map(|&x| x as f32).collect();
            Constant::new(constant.shape.clone(), Data::Float(floats))
        }
    }
}

fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let data = operands.required(node, 0)?;
    let to = node.data_type("to")?;
    let cast = match (to.0, &data.data) {
        _ if is_float(to) => return Ok(as_floats(data)),
        (2..=7 | 12 | 13, Data::Integer(_)) => return Ok(data.clone()),
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
