//! Transpose: between the orders of a value's axes, of the groups of a channel shuffle, and of constants.

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Form};
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Constant, Strided, strides};
use crate::onnx::evidence::{Step, Traced};
use crate::onnx::known::Known;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[Operator::new("Transpose", &["perm"])
    .lower(|builder, node| builder.transpose(node))
    .fold(fold)
    .trace(permuted)
    .takes(&[Special::Bytes, Special::Groups, Special::Probabilities, Special::LogProbabilities])];

impl<'a> Builder<'a> {
    /// Another order of a value's axes. The graph keeps its own, so that nothing moves.
    fn transpose(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.activation(node, 0)?;
        let rank = x.dimensions(self.batch).len();
        let order = match node.ints("perm")? {
            Some(perm) => {
                perm.iter().map(|&a| node.axis(a, rank)).collect::<Result<Vec<_>, _>>()?
            }
            None => (0..rank).rev().collect(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..rank) {
            return Err(node.refuse("`perm` is not a permutation of the axes"));
        }
        if order.iter().copied().eq(0..rank) {
            return Ok(x);
        }
        if let Some(view) = &x.view {
            let view = view.transposed(&order).ok_or_else(|| node.refuse("it moves the batch"))?;
            return Ok(Activation { view: Some(view), ..x });
        }
        let axes: Vec<_> = order.iter().map(|&axis| x.axis(axis)).collect();
        let form = match axes.split_first() {
            Some((None, axes)) if axes.len() + 1 == rank => {
                let axes = axes.iter().copied().collect::<Option<Vec<_>>>();
                axes.and_then(|axes| Form::of(axes.into_iter()))
            }
            _ => None,
        };
        match form {
            Some(form) => Ok(Activation { form, ..x }),
            None => Err(node.refuse(format!(
                "permutes the axes by {order:?}; only channels can be moved, to the front or the end"
            ))),
        }
    }
}

fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let data = operands.required(node, 0)?;
    let rank = data.shape.len();
    let axes: Vec<usize> = match node.ints("perm")? {
        Some(perm) => perm.iter().map(|&a| node.axis(a, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    if axes.len() != rank || (0..rank).any(|a| !axes.contains(&a)) {
        return Err(node.refuse("`perm` is not a permutation of the axes"));
    }
    let from = strides(&data.shape);
    Ok(data.rearranged(&Strided {
        shape: axes.iter().map(|&a| data.shape[a]).collect(),
        strides: axes.iter().map(|&a| from[a]).collect(),
        offset: 0,
    }))
}

/// The order in which a Transpose puts the axes after the batch, if the batch stays first.
fn permuted(node: &OnnxNode<'_>, axes: &[Traced], _: &Known<'_, '_>) -> Option<Step> {
    let order = node.ints("perm").ok()??;
    let order = order.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<Vec<_>>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let stays = order.first() == Some(&0) && sorted.iter().copied().eq(0..=axes.len());
    stays.then(|| Step::Permutes(order[1..].iter().map(|axis| axis - 1).collect()))
}
