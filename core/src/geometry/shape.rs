//! Extents of a value.

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
