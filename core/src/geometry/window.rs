//! Windows that slide over a value.

use super::shape::{MAX_ELEMENTS, Shape};
use serde::{Deserialize, Serialize};

/// Planes, rows and columns of zeros (x = 0) that a window sees around its input.
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
    /// Planes before the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub front: usize,
    /// Planes after the last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub back: usize,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl Padding {
    /// Returns a padding of `n` on all four sides of every plane.
    pub const fn uniform(n: usize) -> Self {
        Self { top: n, left: n, bottom: n, right: n, front: 0, back: 0 }
    }

    /// Returns the padding before and after the planes, rows and columns.
    pub const fn axes(&self) -> [[usize; 2]; 3] {
        [[self.front, self.back], [self.top, self.bottom], [self.left, self.right]]
    }
}

/// The reverse of [`Padding::axes`].
impl From<[[usize; 2]; 3]> for Padding {
    fn from([[front, back], [top, bottom], [left, right]]: [[usize; 2]; 3]) -> Self {
        Self { top, left, bottom, right, front, back }
    }
}

/// A window that slides over planes, rows and columns. Pairs are `[vertical, horizontal]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Extent in rows and columns, before dilation.
    pub kernel: [usize; 2],
    /// Steps between neighbouring outputs.
    pub stride: [usize; 2],
    /// Steps between neighbouring taps of the kernel.
    pub dilation: [usize; 2],
    /// Zeros around the input.
    pub padding: Padding,
    /// How the window slides over planes.
    #[serde(default, skip_serializing_if = "Depth::is_one")]
    pub depth: Depth,
}

/// How a window slides over planes. By default it sees one plane at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Depth {
    /// Extent in planes, before dilation.
    pub kernel: usize,
    /// Step between neighbouring outputs.
    pub stride: usize,
    /// Step between neighbouring taps of the kernel.
    pub dilation: usize,
}

impl Depth {
    const ONE: Self = Self { kernel: 1, stride: 1, dilation: 1 };

    fn is_one(&self) -> bool {
        *self == Self::ONE
    }
}

impl Default for Depth {
    fn default() -> Self {
        Self::ONE
    }
}

/// A window along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowAxis {
    /// Number of taps.
    pub kernel: usize,
    /// Step between neighbouring outputs.
    pub stride: usize,
    /// Step between neighbouring taps.
    pub dilation: usize,
    /// Padding before the first position.
    pub before: usize,
    /// Padding after the last.
    pub after: usize,
}

impl WindowAxis {
    /// Returns the distance from the first tap to the last; 0 for an axis without taps.
    pub const fn reach(self) -> usize {
        self.kernel.saturating_sub(1).saturating_mul(self.dilation)
    }

    /// Returns the position that tap `tap` of output `output` sees on an axis of `extent`, or
    /// `None` in the padding.
    #[inline(always)]
    pub fn position(self, output: usize, tap: usize, extent: usize) -> Option<usize> {
        // A wrapped difference is far beyond any input.
        let position = (output * self.stride + tap * self.dilation).wrapping_sub(self.before);
        (position < extent).then_some(position)
    }

    fn output(self, extent: usize) -> Option<usize> {
        let sane = |n: usize| (1..=MAX_ELEMENTS).contains(&n);
        if !(sane(self.kernel) && sane(self.stride) && sane(self.dilation)) {
            return None;
        }
        let span = self.reach().checked_add(1)?;
        let padded = extent.checked_add(self.before)?.checked_add(self.after)?;
        Some(padded.checked_sub(span)? / self.stride + 1)
    }
}

impl Window {
    /// Creates a window of stride 1, without dilation or padding. `kernel` is `[rows, columns]`.
    pub const fn new(kernel: [usize; 2]) -> Self {
        let padding = Padding::uniform(0);
        Self { kernel, stride: [1, 1], dilation: [1, 1], padding, depth: Depth::ONE }
    }

    /// Creates the window that sees all of `shape` at once.
    pub const fn whole(shape: Shape) -> Self {
        let depth = Depth { kernel: shape.depth, ..Depth::ONE };
        Self { depth, ..Self::new([shape.height, shape.width]) }
    }

    /// Returns the window along planes, rows and columns.
    #[inline(always)]
    pub fn axes(&self) -> [WindowAxis; 3] {
        let Self { kernel, stride, dilation, padding, depth } = *self;
        let axis = |kernel, stride, dilation, [before, after]: [usize; 2]| WindowAxis {
            kernel,
            stride,
            dilation,
            before,
            after,
        };
        let [planes, rows, columns] = padding.axes();
        [
            axis(depth.kernel, depth.stride, depth.dilation, planes),
            axis(kernel[0], stride[0], dilation[0], rows),
            axis(kernel[1], stride[1], dilation[1], columns),
        ]
    }

    /// Returns whether some outputs see nothing but padding.
    pub fn sees_only_padding(&self) -> bool {
        self.axes().iter().any(|axis| axis.before.max(axis.after) > axis.reach())
    }

    /// Returns the number of taps.
    pub const fn taps(&self) -> usize {
        self.depth.kernel * self.kernel[0] * self.kernel[1]
    }

    /// Iterates over the taps of one output pixel that fall inside the input.
    ///
    /// `pixel` is the index of a pixel in an output of shape `output`. Each item is the index of
    /// the tap and the index of the pixel of `input` that it sees.
    #[inline(always)]
    pub fn pixels(
        &self,
        input: Shape,
        output: Shape,
        pixel: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let [planes, rows, columns] = self.axes();
        let (line, column) = (pixel / output.width, pixel % output.width);
        let (plane, row) = (line / output.height, line % output.height);
        (0..planes.kernel).flat_map(move |kd| {
            let z = planes.position(plane, kd, input.depth);
            (0..if z.is_some() { rows.kernel } else { 0 }).flat_map(move |kh| {
                let y = rows.position(row, kh, input.height);
                let first_tap = (kd * rows.kernel + kh) * columns.kernel;
                let first_pixel = (z.unwrap_or(0) * input.height + y.unwrap_or(0)) * input.width;
                (0..if y.is_some() { columns.kernel } else { 0 }).filter_map(move |kw| {
                    let x = columns.position(column, kw, input.width)?;
                    Some((first_tap + kw, first_pixel + x))
                })
            })
        })
    }

    /// Returns whether the window sees several planes, skips or pads them, which only volumes need.
    pub(crate) fn slides_over_planes(&self) -> bool {
        self.depth != Depth::ONE || self.padding.front + self.padding.back > 0
    }

    /// Returns the shape of the output over `input`, with the channels of `input`. Returns `None`
    /// if a parameter is zero or absurdly large, or the window does not fit.
    pub fn output(&self, input: Shape) -> Option<Shape> {
        let [planes, rows, columns] = self.axes();
        let taps = planes.kernel.checked_mul(rows.kernel)?.checked_mul(columns.kernel)?;
        if taps > MAX_ELEMENTS {
            return None;
        }
        Some(Shape {
            depth: planes.output(input.depth)?,
            height: rows.output(input.height)?,
            width: columns.output(input.width)?,
            channels: input.channels,
        })
    }
}

/// The reverse of [`Window::axes`].
impl From<[WindowAxis; 3]> for Window {
    fn from(axes: [WindowAxis; 3]) -> Self {
        let [planes, rows, columns] = axes;
        let WindowAxis { kernel, stride, dilation, .. } = planes;
        Self {
            kernel: [rows.kernel, columns.kernel],
            stride: [rows.stride, columns.stride],
            dilation: [rows.dilation, columns.dilation],
            padding: axes.map(|axis| [axis.before, axis.after]).into(),
            depth: Depth { kernel, stride, dilation },
        }
    }
}

impl Shape {
    /// Returns the shape with `padding` around it.
    pub const fn padded(self, padding: &Padding) -> Self {
        Self {
            depth: self.depth + padding.front + padding.back,
            height: self.height + padding.top + padding.bottom,
            width: self.width + padding.left + padding.right,
            channels: self.channels,
        }
    }
}
