//! The sum of two values.

use super::{Arity, GraphError, Inputs, Operation, Real, RealValue, Rescale, Site, Weightless};
use crate::check::{check_number, named};
use crate::error::ModelError;
use crate::geometry::Shape;
use crate::numerics::Target;

/// The sum of two values of the same shape.
pub struct Add;

impl Operation for Add {
    fn arity(&self) -> Arity {
        Arity::Two
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        let first = inputs.first();
        match inputs.shapes[1] {
            other if other != first => Err(inputs.mismatch(other)),
            _ => Ok(first),
        }
    }
}

impl Weightless for Add {
    type Job = Addition;

    fn job(&self, site: &Site<'_>) -> Result<Addition, ModelError> {
        let inputs = [site.rescale(0)?, site.rescale(1)?];
        // The largest sum that codes can have must be finite.
        let sum = inputs.iter().map(|input| 255.0 * input.multiplier).sum::<f32>();
        let what = named(site.node, "255 * (input scales / output scale)");
        check_number(what, sum, sum.is_finite(), "a finite number")?;
        Ok(Addition { inputs, target: site.target()? })
    }
}

impl Real for Add {
    fn real(&self, inputs: &[RealValue<'_>], _: Shape, output: &mut [f32]) {
        let terms = inputs[0].numbers.iter().zip(inputs[1].numbers);
        output.iter_mut().zip(terms).for_each(|(sum, (a, b))| *sum = a + b);
    }
}

/// A residual addition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Addition {
    /// First and second input, in this order.
    pub inputs: [Rescale; 2],
    /// Grid and bounds that results are rounded to.
    pub target: Target,
}

impl Addition {
    /// Computes `round(f32(a - z_a) * r_a + f32(b - z_b) * r_b)`: two products and one addition, no
    /// FMA. The order of the operands makes no difference, since a single addition commutes.
    #[inline(always)]
    pub fn apply(&self, a: u8, b: u8) -> u8 {
        let [first, second] = self.inputs;
        self.target.round(first.apply(a) + second.apply(b))
    }

    #[inline(always)]
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        for ((&a, &b), code) in input(0).iter().zip(input(1)).zip(output) {
            *code = self.apply(a, b);
        }
    }
}
