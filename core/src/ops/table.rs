//! A function of each element.

use super::{GraphError, GridRule, Inputs, Job, Operation, Site, Weightless, Work};
use crate::error::ModelError;
use crate::geometry::Shape;
use alloc::boxed::Box;

/// A function of each element, as a table from codes to codes: sigmoid, SiLU, tanh.
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
    fn work(&self, site: &Site<'_>) -> Result<Work, ModelError> {
        let table = site.table.ok_or_else(|| ModelError::Parameters { node: site.node.into() })?;
        Ok(Work::from(Job::Lookup(Lookup(Box::new(*table)))))
    }
}

/// The table's entry for each code.
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
