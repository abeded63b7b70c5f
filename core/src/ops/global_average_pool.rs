//! The mean over all positions.

use super::{
    AveragePool, AveragePooling, GraphError, Inputs, Operation, Real, RealValue, Site, Weightless,
};
use crate::error::ModelError;
use crate::geometry::{Shape, Window};

/// The mean over all planes, rows and columns.
pub struct GlobalAveragePool;

/// Returns the pool whose window is the whole input.
fn pool(input: Shape) -> AveragePool {
    AveragePool { window: Window::whole(input), count_include_pad: false }
}

impl Operation for GlobalAveragePool {
    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        Ok(Shape::vector(inputs.first().channels))
    }

    fn steps_per_element(&self, input: Shape) -> u64 {
        pool(input).steps_per_element(input)
    }
}

impl Weightless for GlobalAveragePool {
    type Job = AveragePooling;

    fn job(&self, site: &Site<'_>) -> Result<AveragePooling, ModelError> {
        pool(site.inputs[0].shape).job(site)
    }
}

impl Real for GlobalAveragePool {
    fn real(&self, inputs: &[RealValue<'_>], shape: Shape, output: &mut [f32]) {
        pool(inputs[0].shape).real(inputs, shape, output);
    }
}
