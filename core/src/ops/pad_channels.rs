//! Zero channels.

use super::concat::place;
use super::{Dice, GraphError, GridRule, Inputs, Operation, Real, RealValue, Site, Weightless};
use crate::error::ModelError;
use crate::geometry::Shape;
use serde::{Deserialize, Serialize};

/// Zero channels before and after the input's channels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PadChannels {
    /// Number of channels before the first.
    pub before: usize,
    /// Number of channels after the last.
    pub after: usize,
}

impl PadChannels {
    pub(super) fn invent(_: Shape, dice: &mut Dice<'_>) -> Self {
        Self { before: dice.between(0, 3), after: dice.between(0, 3) }
    }

    fn padding<T>(&self, input: Shape, output: Shape, zero: T) -> ChannelPadding<T> {
        let (channels, width) = (input.channels, output.channels);
        ChannelPadding { channels, before: self.before, width, zero }
    }
}

impl Operation for PadChannels {
    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        let input = inputs.first();
        let channels = input.channels.saturating_add(self.before).saturating_add(self.after);
        Ok(Shape { channels, ..input })
    }

    fn grid(&self) -> GridRule {
        GridRule::Kept
    }
}

impl Weightless for PadChannels {
    type Job = ChannelPadding;

    fn job(&self, site: &Site<'_>) -> Result<ChannelPadding, ModelError> {
        let input = site.inputs[0];
        let padding = self.padding(input.shape, site.output, input.grid.zero_point);
        Ok(padding)
    }
}

impl Real for PadChannels {
    fn real(&self, inputs: &[RealValue<'_>], shape: Shape, output: &mut [f32]) {
        self.padding(inputs[0].shape, shape, 0.0).over(inputs[0].numbers, output);
    }
}

/// Fills the output with zeros and copies channels to their places.
#[derive(Clone, Debug)]
pub struct ChannelPadding<T = u8> {
    /// Channels of the input.
    channels: usize,
    /// Zeros before them.
    before: usize,
    /// Channels of the output.
    width: usize,
    /// The value that stands for x = 0.
    zero: T,
}

impl ChannelPadding {
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        self.over(input(0), output);
    }
}

impl<T: Copy> ChannelPadding<T> {
    fn over(&self, input: &[T], output: &mut [T]) {
        output.fill(self.zero);
        place(self.channels, self.before, self.width, input, output, |x| x);
    }
}
