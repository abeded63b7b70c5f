//! Expand and Tile: values repeated along axes of extent 1, and channels repeated.
//!
//! An axis of extent 1 that an Unsqueeze adds may be joined with the one before it: this repeats each element.

use crate::error::ImportError;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Constant, Strided, elements, strides};
use crate::onnx::evidence::resized;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Expand", &[])
        .lower(|builder, node| builder.expand(node))
        .fold(fold)
        .takes(&[Special::Groups]),
    Operator::new("Tile", &[])
        .lower(|builder, node| builder.tile(node))
        .trace(resized)
        .takes(&[Special::Groups]),
];

/// A constant that is expanded, without its source: entries may come more than once.
fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let data = operands.required(node, 0)?;
    let to = operands.integers(node, 1, "shape")?.ok_or_else(|| node.refuse("it has no shape"))?;
    let refuse = || node.refuse(format!("it expands {:?} to {to:?}", data.shape));
    let rank = to.len().max(data.shape.len());
    let from = [vec![1; rank - data.shape.len()], data.shape.clone()].concat();
    let (mut shape, mut steps) = (from.clone(), strides(&from));
    for (axis, &extent) in (rank - to.len()..).zip(&to) {
        let extent = usize::try_from(extent).map_err(|_| refuse())?;
        match (from[axis], extent) {
            (own, extent) if own == extent || extent == 1 => {}
            (1, extent) => (shape[axis], steps[axis]) = (extent, 0),
            _ => return Err(refuse()),
        }
    }
    operands.budget.check(node.name, elements(&shape).ok_or_else(refuse)?)?;
    let expanded = data.rearranged(&Strided { shape, strides: steps, offset: 0 });
    Ok(Constant { source: None, ..expanded })
}

impl<'a> Builder<'a> {
    fn expand(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        let to = self.integers(node, 1, "shape")?.ok_or_else(|| node.refuse("it has no shape"))?;
        let from = x.dimensions(self.batch);
        let missing = from.len().checked_sub(to.len());
        let extent = |i: usize| match to.get(i.wrapping_sub(missing.unwrap_or(0))) {
            Some(&extent) => usize::try_from(extent).ok().map(|extent| extent.max(from[i])),
            None => Some(from[i]),
        };
        let extents = (0..from.len()).map(extent).collect::<Option<Vec<_>>>();
        let refuse = || node.refuse(format!("it expands {from:?} to {to:?}"));
        let extents = extents.filter(|all| missing.is_some() && all[0] == self.batch);
        let extents = extents.ok_or_else(refuse)?;
        if let Some(view) = &x.view {
            let fits = |(&from, &to): (&usize, &usize)| from == to || from == 1;
            if !from.iter().zip(&extents).all(fits) || elements(&extents).is_none() {
                return Err(refuse());
            }
            let count = |(from, &to): (&usize, &usize)| if *from == to { 1 } else { to };
            let counts: Vec<usize> = from.iter().zip(&extents).map(count).collect();
            return Ok(Activation { view: Some(view.clone().repeated(&counts[1..])), ..x });
        }
        let shape = x.form.shape(&extents[1..]);
        self.repeated(node.name, x, shape)?.ok_or_else(refuse)
    }

    fn tile(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        let counts = self.integers(node, 1, "repeats")?.unwrap_or_default();
        let from = x.dimensions(self.batch);
        let refuse = || node.refuse(format!("it repeats {from:?} by {counts:?}"));
        let Some((1, counts)) = counts.split_first() else { return Err(refuse()) };
        let counts = counts.iter().map(|&count| usize::try_from(count).ok());
        let counts = counts.collect::<Option<Vec<_>>>().ok_or_else(refuse)?;
        let times = |(&extent, &count): (&usize, &usize)| extent.checked_mul(count);
        let to = from[1..].iter().zip(&counts).map(times).collect::<Option<Vec<_>>>();
        let to = to.filter(|to| counts.len() == to.len() && to.len() + 1 == from.len());
        let to = to.filter(|to| elements(to).is_some_and(|n| n > 0)).ok_or_else(refuse)?;
        if let Some(view) = &x.view {
            return Ok(Activation { view: Some(view.clone().repeated(&counts)), ..x });
        }
        let mut shape = x.form.shape(&to);
        let channels = std::mem::replace(&mut shape.channels, x.shape.channels);
        self.budget.charge(node.name, channels)?;
        let x = self.repeated(node.name, x, shape)?.ok_or_else(refuse)?;
        Ok(x.selecting(node.name, |order| order.iter().copied().cycle().take(channels).collect()))
    }
}
