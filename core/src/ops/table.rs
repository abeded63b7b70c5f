//! A function of each element.

use super::{GraphError, GridRule, Inputs, Operation, Site, Weightless};
use crate::error::ModelError;
use crate::geometry::Shape;
use alloc::boxed::Box;

/// A function of each element, such as sigmoid, SiLU or tanh, as a table from codes to codes.
pub struct Table;

impl Operation for Table {
    fn since(&self) -> u32 {
        2
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        Ok(inputs.first())
    }

    fn grid(&self) -> GridRule {
        GridRule::Table
    }
}

impl Weightless for Table {
    type Job = Lookup;

    fn job(&self, site: &Site<'_>) -> Result<Lookup, ModelError> {
        let other = || ModelError::Parameters { node: site.node.into() };
        let table = site.quantized.table().ok_or_else(other)?;
        Ok(Lookup(Box::new(*table)))
    }
}

/// Looks up the table's entry for each code.
#[derive(Clone, Debug)]
pub struct Lookup(pub Box<crate::numerics::Table>);

impl Lookup {
    #[inline(always)]
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        for (&q, code) in input(0).iter().zip(output) {
            *code = self.0[usize::from(q)];
        }
    }
}
