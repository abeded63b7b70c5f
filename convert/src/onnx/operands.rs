//! The inputs of a node: activations and constants of the network under construction, or the
//! operands of a node of constants.

use std::rc::Rc;

use bayes8_core::quoted::Echo;

use super::{
    activation::Activation,
    budget::Budget,
    builder::{Builder, Slot},
    constant::Constant,
    node::{OnnxNode, Special},
};
use crate::error::ImportError;

impl<'a> Builder<'a> {
    /// The value that `name`, an input of `node`, stands for.
    pub(super) fn slot(&self, node: &OnnxNode<'_>, name: &str) -> Result<&Slot, ImportError> {
        let unknown = || node.refuse(format!("reads `{}`, which nothing makes", Echo(name)));
        self.slots.get(name).ok_or_else(unknown)
    }

    /// Input `i`, which must be an activation.
    pub(super) fn activation(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
    ) -> Result<Activation, ImportError> {
        let name = node.input(i).ok_or_else(|| node.refuse(format!("input {i} is missing")))?;
        let takes = |special| node.takes.contains(&special);
        match self.slot(node, name)? {
            Slot::Constant(_) => Err(node.refuse(format!("input {i} must not be constant"))),
            Slot::Mask(_) => Err(node.refuse(format!("input {i} must not be random"))),
            Slot::Moment(moment) => Err(moment.unfinished()),
            Slot::Stack(_) => Err(node.refuse(format!("input {i} holds stacked values"))),
            Slot::Activation(a) if a.softmax && !takes(a.probabilities()) => {
                let what = if a.indices { "an ArgMax" } else { "a Softmax" };
                Err(node.refuse(format!("reads {what}; only a final one is supported")))
            }
            Slot::Activation(a) if a.view.is_some() && !takes(Special::Groups) => Err(node
                .refuse(format!(
                    "reads {:?}, axes split by a Reshape; only a shuffle of channels or positions, which \
                 joins them again, is supported",
                    a.dimensions(self.batch)
                ))),
            Slot::Activation(a) if a.bytes && !takes(Special::Bytes) => {
                Err(node.refuse("computes with uint8; cast the input to float first"))
            }
            Slot::Activation(a) => Ok(Activation::clone(a)),
        }
    }

    /// Input `i`, which must be constant, or `None` if it is left out.
    pub(super) fn constant(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
    ) -> Result<Option<Rc<Constant>>, ImportError> {
        let Some(name) = node.input(i) else { return Ok(None) };
        match self.slot(node, name)? {
            Slot::Constant(c) => Ok(Some(Rc::clone(c))),
            Slot::Activation(_) | Slot::Mask(_) | Slot::Moment(_) | Slot::Stack(_) => {
                Err(node.refuse(format!("input {i} (`{}`) must be constant", Echo(name))))
            }
        }
    }

    /// Integers of input `i` or, as in older operator sets, of the attribute `name`.
    pub(super) fn integers(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
        name: &str,
    ) -> Result<Option<Vec<i64>>, ImportError> {
        integers(node, i, name, self.constant(node, i)?.as_deref())
    }

    /// Whether input `i` is a constant.
    pub(super) fn is_constant(&self, node: &OnnxNode<'_>, i: usize) -> bool {
        node.input(i).is_some_and(|name| matches!(self.slot(node, name), Ok(Slot::Constant(_))))
    }

    /// Constant input `i`, if its numbers are all equal and it does not enlarge `x`.
    pub(super) fn number(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
        x: &Activation,
    ) -> Result<Option<f64>, ImportError> {
        let Some(constant) = self.constant(node, i)? else { return Ok(None) };
        let dimensions = x.dimensions(self.batch);
        let fits = |(at, &extent): (usize, &usize)| {
            extent == 1 || dimensions.iter().rev().nth(at) == Some(&extent)
        };
        if constant.shape.len() > dimensions.len()
            || !constant.shape.iter().rev().enumerate().all(fits)
        {
            return Ok(None);
        }
        let number = constant.uniform();
        match number {
            Some(number) if !number.is_finite() && !matches!(node.op, "Min" | "Max") => {
                Err(node.refuse(format!("input {i} is {number}")))
            }
            _ => Ok(number),
        }
    }
}

/// Operands of a node whose inputs are all constant.
pub(super) struct Operands<'a> {
    /// The inputs; left-out ones are `None`.
    pub(super) inputs: &'a [Option<Rc<Constant>>],
    pub(super) budget: &'a Budget,
}

impl Operands<'_> {
    pub(super) fn get(&self, i: usize) -> Option<&Constant> {
        self.inputs.get(i)?.as_deref()
    }

    pub(super) fn required(&self, node: &OnnxNode<'_>, i: usize) -> Result<&Constant, ImportError> {
        self.get(i).ok_or_else(|| node.refuse(format!("input {i} is missing")))
    }

    /// Integers of input `i` or, as in older operator sets, of the attribute `name`.
    pub(super) fn integers(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
        name: &str,
    ) -> Result<Option<Vec<i64>>, ImportError> {
        integers(node, i, name, self.get(i))
    }
}

fn integers(
    node: &OnnxNode<'_>,
    i: usize,
    name: &str,
    input: Option<&Constant>,
) -> Result<Option<Vec<i64>>, ImportError> {
    match input.map(Constant::as_integers) {
        Some(Some(values)) => Ok(Some(values.to_vec())),
        Some(None) => Err(node.refuse(format!("input {i} must hold integers"))),
        None => Ok(node.ints(name)?.map(<[i64]>::to_vec)),
    }
}
