//! Extents, windows and ranges: what a graph knows of the sizes of its values.

use serde::{Deserialize, Serialize};

/// The largest extent of an axis and the largest number of elements of one value. Far above any
/// real network, low enough that no product of extents overflows and none asks for absurd memory.
pub const MAX_ELEMENTS: usize = 1 << 26;

/// Shape of one picture's activations, in NHWC order without N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, the innermost axis.
    pub channels: usize,
}

impl Shape {
    /// A shape `[height, width, channels]`.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// A vector: `[1, 1, channels]`.
    pub const fn vector(channels: usize) -> Self {
        Self::new(1, 1, channels)
    }

    /// Number of positions: rows times columns.
    pub const fn spatial(self) -> usize {
        self.height * self.width
    }

    /// Number of elements.
    pub const fn elements(self) -> usize {
        self.height * self.width * self.channels
    }

    /// The shape with `padding` around it.
    pub const fn padded(self, padding: &Padding) -> Self {
        Self {
            height: self.height + padding.top + padding.bottom,
            width: self.width + padding.left + padding.right,
            channels: self.channels,
        }
    }

    /// `None` when an axis is empty or the value would hold more than [`MAX_ELEMENTS`].
    pub(super) fn checked(self) -> Option<Self> {
        let elements = self.height.checked_mul(self.width)?.checked_mul(self.channels)?;
        (1..=MAX_ELEMENTS).contains(&elements).then_some(self)
    }
}

impl core::fmt::Display for Shape {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// Rows and columns that a window sees around its input; they count as x = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Padding {
    /// Rows above the first.
    pub top: usize,
    /// Columns before the first.
    pub left: usize,
    /// Rows below the last.
    pub bottom: usize,
    /// Columns after the last.
    pub right: usize,
}

impl Padding {
    /// The same padding on all four sides.
    pub const fn uniform(n: usize) -> Self {
        Self { top: n, left: n, bottom: n, right: n }
    }
}

/// A window that slides over rows and columns; pairs are `[vertical, horizontal]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Extent in rows and columns, before dilation.
    pub kernel: [usize; 2],
    /// Step between neighbouring outputs.
    pub stride: [usize; 2],
    /// Step between neighbouring taps of the kernel.
    pub dilation: [usize; 2],
    /// Border around the input.
    pub padding: Padding,
}

impl Window {
    /// A window of stride 1 without dilation or padding.
    pub const fn new(kernel: [usize; 2]) -> Self {
        Self { kernel, stride: [1, 1], dilation: [1, 1], padding: Padding::uniform(0) }
    }

    /// Number of taps.
    pub const fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Rows and columns of the output over an input of `height` x `width`, or `None` when a
    /// parameter is zero or absurd, or the window does not fit.
    pub fn output(&self, height: usize, width: usize) -> Option<[usize; 2]> {
        let axis = |input: usize, before: usize, after: usize, i: usize| {
            let (kernel, stride, dilation) = (self.kernel[i], self.stride[i], self.dilation[i]);
            let sane = |n: usize| (1..=MAX_ELEMENTS).contains(&n);
            if !(sane(kernel) && sane(stride) && sane(dilation)) {
                return None;
            }
            let reach = (kernel - 1).checked_mul(dilation)?.checked_add(1)?;
            let padded = input.checked_add(before)?.checked_add(after)?;
            Some(padded.checked_sub(reach)? / stride + 1)
        };
        let [rows, columns] = self.kernel;
        if rows.checked_mul(columns)? > MAX_ELEMENTS {
            return None;
        }
        let Padding { top, left, bottom, right } = self.padding;
        Some([axis(height, top, bottom, 0)?, axis(width, left, right, 1)?])
    }
}

/// A strided range of rows or columns: `start, start + step, ...` while below `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// First index.
    pub start: usize,
    /// One past the last index that may be taken.
    pub end: usize,
    /// Distance between neighbours, at least 1.
    pub step: usize,
}

impl Range {
    pub(super) fn count(&self, extent: usize) -> Option<usize> {
        (self.step > 0 && self.start < self.end && self.end <= extent)
            .then(|| (self.end - self.start).div_ceil(self.step))
    }
}
