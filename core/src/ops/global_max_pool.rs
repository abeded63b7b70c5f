//! The maximum over all positions.

use super::{
    GraphError, GridRule, Inputs, MaxPool, MaxPooling, Operation, Real, RealValue, Site, Weightless,
};
use crate::error::ModelError;
use crate::geometry::{Shape, Window};

/// The maximum over all planes, rows and columns.
pub struct GlobalMaxPool;

/// Returns the pool whose window is the whole input.
fn pool(input: Shape) -> MaxPool {
    MaxPool { window: Window::whole(input) }
}

impl Operation for GlobalMaxPool {
    fn since(&self) -> u32 {
        3
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        Ok(Shape::vector(inputs.first().channels))
    }

    fn grid(&self) -> GridRule {
        GridRule::Kept
    }

    fn steps_per_element(&self, input: Shape) -> u64 {
        pool(input).steps_per_element(input)
    }
}

impl Weightless for GlobalMaxPool {
    type Job = MaxPooling;

    fn job(&self, site: &Site<'_>) -> Result<MaxPooling, ModelError> {
        pool(site.inputs[0].shape).job(site)
    }
}

impl Real for GlobalMaxPool {
    fn real(&self, inputs: &[RealValue<'_>], shape: Shape, output: &mut [f32]) {
        pool(inputs[0].shape).real(inputs, shape, output);
    }
}
