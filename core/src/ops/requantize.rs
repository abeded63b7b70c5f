//! A change of grid or range.

use super::{GraphError, Inputs, Operation, Real, RealValue, Rescale, Site, Weightless};
use crate::error::ModelError;
use crate::geometry::Shape;
use crate::numerics::Target;

/// The same numbers on another quantization grid, or clamped: an activation function that could not
/// be fused with another operation.
pub struct Requantize;

impl Operation for Requantize {
    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        Ok(inputs.first())
    }
}

impl Weightless for Requantize {
    type Job = Requantization;

    fn job(&self, site: &Site<'_>) -> Result<Requantization, ModelError> {
        let (rescale, target) = (site.rescale(0)?, site.target()?);
        Ok(Requantization { rescale, target })
    }
}

impl Real for Requantize {
    fn real(&self, inputs: &[RealValue<'_>], _: Shape, output: &mut [f32]) {
        output.copy_from_slice(inputs[0].numbers);
    }
}

/// Computes `round(f32(q - z) * r)`.
#[derive(Clone, Copy, Debug)]
pub struct Requantization {
    /// Change from the grid of the input to that of the output.
    pub rescale: Rescale,
    /// Grid and bounds that results are rounded to.
    pub target: Target,
}

impl Requantization {
    #[inline(always)]
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        for (&q, code) in input(0).iter().zip(output) {
            *code = self.target.round(self.rescale.apply(q));
        }
    }
}
