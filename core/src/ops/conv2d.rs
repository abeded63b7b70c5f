//! Convolution.

use super::{
    Dice, Filters, GraphError, Inputs, Operation, STEPS_PER_ELEMENT, SizeChange, Weighted,
};
use crate::geometry::{Shape, Window};
use serde::{Deserialize, Serialize};

/// Convolution over rows and columns, and over planes if its window has a depth. Weights are
/// `[out_channels][KD][KH][KW][in_channels / groups]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Channels of the output.
    pub out_channels: usize,
    /// Number of groups of channels that see only each other. It divides both channel counts.
    pub groups: usize,
    /// Kernel, stride, dilation and padding.
    pub window: Window,
}

impl Conv2d {
    pub(super) fn invent(input: Shape, dice: &mut Dice<'_>) -> Self {
        let channels = input.channels;
        let groups = if dice.coin() { 1 } else { channels };
        // One group and one output per input channel: a depthwise layer.
        let out_channels = groups * if dice.coin() { 1 } else { dice.between(1, 5) };
        Self { out_channels, groups, window: dice.window(input) }
    }
}

impl Operation for Conv2d {
    fn since(&self) -> u32 {
        if self.window.slides_over_planes() { 2 } else { 1 }
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        let Self { out_channels, groups, ref window } = *self;
        let in_channels = inputs.first().channels;
        let divides = |n: usize| groups > 0 && n.is_multiple_of(groups);
        if !divides(in_channels) || !divides(out_channels) {
            let node = inputs.node.into();
            return Err(GraphError::Groups { node, groups, in_channels, out_channels });
        }
        Ok(Shape { channels: out_channels, ..inputs.under(window)? })
    }

    fn at_size(&self, change: &SizeChange) -> Result<Self, &'static str> {
        change.window(&self.window).map(|()| self.clone())
    }

    fn steps_per_element(&self, input: Shape) -> u64 {
        STEPS_PER_ELEMENT.max(self.filters(input).fan_in() as u64)
    }
}

impl Weighted for Conv2d {
    fn filters(&self, input: Shape) -> Filters {
        let Self { out_channels, groups, window } = *self;
        Filters { input, window, groups, out_channels }
    }
}
