//! A value as a vector.

use super::{GraphError, GridRule, Inputs, Operation, Real, RealValue, Site, View, Weightless};
use crate::error::ModelError;
use crate::geometry::Shape;

/// A value `[D, H, W, C]` as a vector, in that order.
pub struct Flatten;

impl Operation for Flatten {
    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        Ok(Shape::vector(inputs.first().elements()))
    }

    fn grid(&self) -> GridRule {
        GridRule::Kept
    }

    fn steps_per_element(&self, _: Shape) -> u64 {
        0
    }
}

impl Weightless for Flatten {
    type Job = View;

    fn job(&self, _: &Site<'_>) -> Result<View, ModelError> {
        Ok(View)
    }
}

impl Real for Flatten {
    fn real(&self, inputs: &[RealValue<'_>], _: Shape, output: &mut [f32]) {
        output.copy_from_slice(inputs[0].numbers);
    }
}
