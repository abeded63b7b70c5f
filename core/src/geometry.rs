//! Extents, windows and ranges: what a graph knows of the sizes of its values.

use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The largest extent of an axis and the largest number of elements of one value. Far above any
/// real network, low enough that no product of extents overflows and none asks for absurd memory.
pub const MAX_ELEMENTS: usize = 1 << 26;

/// Shape of one picture's activations, in NDHWC order without N. The depth of a picture is 1, the
/// height of a sequence too.
///
/// Its serialized form is the list of its [`extents`](Shape::extents).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<usize>", into = "Vec<usize>")]
pub struct Shape {
    /// Planes of a volume.
    pub depth: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, the innermost axis.
    pub channels: usize,
}

impl Shape {
    /// A picture: `[height, width, channels]`.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { depth: 1, height, width, channels }
    }

    /// A volume: `[depth, height, width, channels]`.
    pub const fn volume(depth: usize, height: usize, width: usize, channels: usize) -> Self {
        Self { depth, height, width, channels }
    }

    /// A vector: `[1, 1, channels]`.
    pub const fn vector(channels: usize) -> Self {
        Self::new(1, 1, channels)
    }

    /// Planes, rows and columns.
    pub const fn axes(self) -> [usize; 3] {
        [self.depth, self.height, self.width]
    }

    /// `[height, width, channels]`, with the depth before them where it is not 1.
    pub fn extents(self) -> Vec<usize> {
        let all = [self.depth, self.height, self.width, self.channels];
        all[usize::from(self.depth == 1)..].to_vec()
    }

    /// What the numbers that it is shown as stand for.
    pub const fn axis_names(self) -> &'static str {
        match self.depth {
            1 => "height x width x channels",
            _ => "depth x height x width x channels",
        }
    }

    /// Whether an array of these extents holds one such value: `[D, H, W, C]`, without the depth of a
    /// picture (`[H, W, C]`), the height of a sequence (`[L, C]`), or the length of a vector (`[C]`).
    /// The axis of a single channel may be left out: `[H, W]` holds a gray picture. Nothing else
    /// fits, so that an axis of extent 1 never hides axes in another order.
    pub fn fits(self, array: &[usize]) -> bool {
        let all = [self.depth, self.height, self.width, self.channels];
        // How many of depth, height and width the value does not need.
        let ones = all[..3].iter().take_while(|&&extent| extent == 1).count();
        let gray = |start: usize| self.channels == 1 && array == &all[start..3];
        (0..=ones).any(|start| array == &all[start..]) || (ones.min(1)..=ones).any(gray)
    }

    /// Number of positions: planes times rows times columns.
    pub const fn spatial(self) -> usize {
        self.depth * self.height * self.width
    }

    /// Number of elements.
    pub const fn elements(self) -> usize {
        self.spatial() * self.channels
    }

    /// The shape with `padding` around it.
    pub const fn padded(self, padding: &Padding) -> Self {
        Self {
            depth: self.depth + padding.front + padding.back,
            height: self.height + padding.top + padding.bottom,
            width: self.width + padding.left + padding.right,
            channels: self.channels,
        }
    }

    /// `None` when an axis is empty or the value would hold more than [`MAX_ELEMENTS`].
    pub(crate) fn checked(self) -> Option<Self> {
        let all = [self.depth, self.height, self.width, self.channels];
        let elements = all.into_iter().try_fold(1usize, usize::checked_mul)?;
        (1..=MAX_ELEMENTS).contains(&elements).then_some(self)
    }
}

/// `32x32x3`, or `16x32x32x3` for a volume.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.depth != 1 {
            write!(f, "{}x", self.depth)?;
        }
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// A list of extents that is neither `[H, W, C]` nor `[D, H, W, C]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a shape of {0} extents, expected [H, W, C] or [D, H, W, C]")]
pub struct ShapeError(usize);

impl TryFrom<Vec<usize>> for Shape {
    type Error = ShapeError;

    fn try_from(extents: Vec<usize>) -> Result<Self, ShapeError> {
        match *extents {
            [height, width, channels] => Ok(Self::new(height, width, channels)),
            [depth, height, width, channels] => Ok(Self::volume(depth, height, width, channels)),
            _ => Err(ShapeError(extents.len())),
        }
    }
}

impl From<Shape> for Vec<usize> {
    fn from(shape: Shape) -> Self {
        shape.extents()
    }
}

/// Planes, rows and columns that a window sees around its input; they count as x = 0.
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
    /// The same padding on all four sides of every plane.
    pub const fn uniform(n: usize) -> Self {
        Self { top: n, left: n, bottom: n, right: n, front: 0, back: 0 }
    }

    /// Before and after the planes, rows and columns.
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

/// A window that slides over planes, rows and columns; pairs are `[vertical, horizontal]`.
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
    /// The same of its planes.
    #[serde(default, skip_serializing_if = "Depth::is_one")]
    pub depth: Depth,
}

/// How a window slides over planes; by default it sees one plane at a time.
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
    /// Positions from the first tap to the last; 0 for an axis without taps.
    pub const fn reach(self) -> usize {
        self.kernel.saturating_sub(1).saturating_mul(self.dilation)
    }

    /// Position that tap `tap` of output `output` sees, `None` in the padding of an axis of `extent`.
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
    /// A window over rows and columns of stride 1 without dilation or padding.
    pub const fn new(kernel: [usize; 2]) -> Self {
        let padding = Padding::uniform(0);
        Self { kernel, stride: [1, 1], dilation: [1, 1], padding, depth: Depth::ONE }
    }

    /// The window that sees all of `shape` at once.
    pub const fn whole(shape: Shape) -> Self {
        let depth = Depth { kernel: shape.depth, ..Depth::ONE };
        Self { depth, ..Self::new([shape.height, shape.width]) }
    }

    /// The window along planes, rows and columns.
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

    /// Whether some outputs see nothing but padding.
    pub fn sees_only_padding(&self) -> bool {
        self.axes().iter().any(|axis| axis.before.max(axis.after) > axis.reach())
    }

    /// Number of taps.
    pub const fn taps(&self) -> usize {
        self.depth.kernel * self.kernel[0] * self.kernel[1]
    }

    /// The taps that fall inside of `input`, for the pixel `pixel` of an output of shape `output`: index of
    /// the tap, and of the input's pixel.
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

    /// Whether it sees or skips planes, or pads them: what only volumes need.
    pub(crate) fn slides_over_planes(&self) -> bool {
        self.depth != Depth::ONE || self.padding.front + self.padding.back > 0
    }

    /// Shape of the output over `input`, with its channels, or `None` when a parameter is zero or
    /// absurd, or the window does not fit.
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

/// Positions of x = 0 to put along one axis: at its ends, and between its neighbours. In XLA's
/// [Pad](https://openxla.org/stablehlo/spec#pad) these are `edge_padding_low`, `interior_padding`
/// and `edge_padding_high`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisPadding {
    /// Before the first position.
    pub before: usize,
    /// Between any two neighbours.
    pub between: usize,
    /// After the last position.
    pub after: usize,
}

impl AxisPadding {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Where position `i` comes to lie.
    pub const fn position(self, i: usize) -> usize {
        self.before + i * (self.between + 1)
    }

    /// The extent of an axis of `extent`, at least 1, with its padding.
    pub(crate) fn output(self, extent: usize) -> Option<usize> {
        let step = self.between.checked_add(1)?;
        let inner = (extent - 1).checked_mul(step)?.checked_add(1)?;
        inner.checked_add(self.before)?.checked_add(self.after)
    }
}

/// A strided range of planes, rows or columns: `start, start + step, ...` while below `end`.
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
    /// All of an axis.
    pub const fn whole(extent: usize) -> Self {
        Self { start: 0, end: extent, step: 1 }
    }

    pub(crate) fn count(&self, extent: usize) -> Option<usize> {
        (self.step > 0 && self.start < self.end && self.end <= extent)
            .then(|| (self.end - self.start).div_ceil(self.step))
    }
}
