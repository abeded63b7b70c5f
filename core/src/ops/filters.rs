//! How operations with weights see their input.

use crate::geometry::{Shape, Window};
use alloc::vec::Vec;

/// A weighted operation seen as a convolution. A linear layer has a single tap over a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters {
    /// Shape of one picture's input.
    pub input: Shape,
    /// Kernel, stride, dilation and padding.
    pub window: Window,
    /// Number of groups of channels that see only each other.
    pub groups: usize,
    /// Channels of the output.
    pub out_channels: usize,
}

impl Filters {
    /// Returns the number of weights per output.
    pub fn fan_in(&self) -> usize {
        self.window.taps().saturating_mul(self.input.channels / self.groups)
    }

    /// Returns whether every channel has a separate filter: groups = input channels = output
    /// channels > 1.
    pub fn is_depthwise(&self) -> bool {
        let groups = self.groups;
        groups > 1 && groups == self.input.channels && groups == self.out_channels
    }

    /// Returns the shape of the weight tensor: `[O, KH, KW, I / groups]`, or
    /// `[O, KD, KH, KW, I / groups]` if the window has a depth.
    pub fn weight_shape(&self) -> Vec<usize> {
        let ([rows, columns], channels) = (self.window.kernel, self.input.channels / self.groups);
        let filter = Shape::volume(self.window.depth.kernel, rows, columns, channels);
        [&[self.out_channels], &filter.extents()[..]].concat()
    }
}
