//! The shape of a value.

use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The largest number of elements of a value, and the largest extent of an axis: 2^26. Far above
/// any real network, but low enough that no product of extents overflows or asks for an absurd
/// amount of memory.
pub const MAX_ELEMENTS: usize = 1 << 26;

/// The shape of one picture's activations, in NDHWC order without N.
///
/// A picture has depth 1; a sequence has depth and height 1. The serialized form is the list of
/// [`extents`](Shape::extents).
///
/// # Examples
/// ```
/// use bayes8_core::graph::Shape;
///
/// let picture = Shape::new(28, 32, 3);
/// assert_eq!(picture.to_string(), "28x32x3");
/// assert_eq!(picture.elements(), 2688);
/// assert_eq!(picture, Shape::volume(1, 28, 32, 3));
/// assert!(picture.fits(&[28, 32, 3]) && !picture.fits(&[3, 28, 32]));
/// ```
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
    /// Returns the shape of a picture: `[height, width, channels]`.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { depth: 1, height, width, channels }
    }

    /// Returns the shape of a volume: `[depth, height, width, channels]`.
    pub const fn volume(depth: usize, height: usize, width: usize, channels: usize) -> Self {
        Self { depth, height, width, channels }
    }

    /// Returns the shape of a vector: `[1, 1, channels]`.
    pub const fn vector(channels: usize) -> Self {
        Self::new(1, 1, channels)
    }

    /// Returns the numbers of planes, rows and columns.
    pub const fn axes(self) -> [usize; 3] {
        [self.depth, self.height, self.width]
    }

    /// Returns `[height, width, channels]`, or `[depth, height, width, channels]` if the depth is
    /// not 1.
    pub fn extents(self) -> Vec<usize> {
        let all = [self.depth, self.height, self.width, self.channels];
        all[usize::from(self.depth == 1)..].to_vec()
    }

    /// Returns the names of the axes in the order in which the shape is displayed, for example
    /// `height x width x channels`.
    pub const fn axis_names(self) -> &'static str {
        match self.depth {
            1 => "height x width x channels",
            _ => "depth x height x width x channels",
        }
    }

    /// Returns whether an array of these extents holds one value of this shape.
    ///
    /// The array is `[D, H, W, C]`. Leading axes of extent 1 may be left out: the depth of a
    /// picture (`[H, W, C]`), the height of a sequence (`[L, C]`), the length of a vector (`[C]`).
    /// So may the axis of a single channel: `[H, W]` holds a gray picture. Nothing else fits, so
    /// that an axis of extent 1 never hides axes in another order.
    pub fn fits(self, array: &[usize]) -> bool {
        let all = [self.depth, self.height, self.width, self.channels];
        // The number of leading axes that may be left out.
        let ones = all[..3].iter().take_while(|&&extent| extent == 1).count();
        let gray = |start: usize| self.channels == 1 && array == &all[start..3];
        (0..=ones).any(|start| array == &all[start..]) || (ones.min(1)..=ones).any(gray)
    }

    /// Returns the number of positions: planes times rows times columns.
    pub const fn spatial(self) -> usize {
        self.depth * self.height * self.width
    }

    /// Returns the number of elements.
    pub const fn elements(self) -> usize {
        self.spatial() * self.channels
    }

    /// Returns `None` if an axis is empty or the value has more than [`MAX_ELEMENTS`] elements.
    pub(crate) fn checked(self) -> Option<Self> {
        let all = [self.depth, self.height, self.width, self.channels];
        let elements = all.into_iter().try_fold(1usize, usize::checked_mul)?;
        (1..=MAX_ELEMENTS).contains(&elements).then_some(self)
    }
}

/// Formats the shape as `32x32x3`, or `16x32x32x3` for a volume.
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
