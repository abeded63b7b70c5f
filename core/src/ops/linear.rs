//! The fully connected layer.

use super::{Dice, Filters, GraphError, Inputs, Operation, STEPS_PER_ELEMENT, Weighted};
use crate::geometry::{Shape, Window};
use serde::{Deserialize, Serialize};

/// A fully connected layer over the whole input, in `[D][H][W][C]` order. Weights are
/// `[out][D * H * W * C]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Length of the output vector.
    pub out_features: usize,
}

impl Linear {
    pub(super) fn invent(_: Shape, dice: &mut Dice<'_>) -> Self {
        Self { out_features: dice.between(1, 40) }
    }
}

impl Operation for Linear {
    fn shape(&self, _: &Inputs<'_>) -> Result<Shape, GraphError> {
        Ok(Shape::vector(self.out_features))
    }

    fn steps_per_element(&self, input: Shape) -> u64 {
        STEPS_PER_ELEMENT.max(self.filters(input).fan_in() as u64)
    }
}

impl Weighted for Linear {
    fn filters(&self, input: Shape) -> Filters {
        let (input, window) = (Shape::vector(input.elements()), Window::new([1, 1]));
        Filters { input, window, groups: 1, out_channels: self.out_features }
    }
}
