//! The memory that the outputs of a block go to.

use crate::convolution::Output;
use crate::numerics::Target;
use crate::ops::Addition;
use core::ops::Range;
use ndarray::{ArrayBase, ArrayView2, ArrayViewMut2, Axis, Ix2, RawData, Slice};

/// The memory that a block writes to: `[rows, channels]`, with the channels of a row contiguous.
pub enum BlockOutput<'a> {
    /// Codes.
    Codes(ArrayViewMut2<'a, u8>, Target),
    /// Codes of a residual addition, and the codes of the other value in the same shape.
    Sums(ArrayViewMut2<'a, u8>, Target, Addition, ArrayView2<'a, u8>),
    /// Logits.
    Logits(ArrayViewMut2<'a, f32>),
}

impl<'a> BlockOutput<'a> {
    /// Views all of `output` as rows of `channels` channels.
    pub fn new(output: Output<'a>, channels: usize) -> Self {
        const WHOLE: &str = "an output has whole rows";
        fn rows<T>(values: &mut [T], channels: usize) -> ArrayViewMut2<'_, T> {
            let shape = (values.len() / channels, channels);
            ArrayViewMut2::from_shape(shape, values).expect(WHOLE)
        }
        match output {
            Output::Codes(codes, target) => Self::Codes(rows(codes, channels), target),
            Output::Sums(codes, target, add, other) => {
                let shape = (other.len() / channels, channels);
                let other = ArrayView2::from_shape(shape, other).expect(WHOLE);
                Self::Sums(rows(codes, channels), target, add, other)
            }
            Output::Logits(logits) => Self::Logits(rows(logits, channels)),
        }
    }

    /// Returns the number of rows and the number of channels.
    #[inline]
    pub fn dimensions(&self) -> (usize, usize) {
        match self {
            Self::Codes(codes, _) | Self::Sums(codes, ..) => codes.dim(),
            Self::Logits(logits) => logits.dim(),
        }
    }

    /// Panics unless the channels of each row are contiguous, the rows are in ascending order, and
    /// the other value of a residual addition has the shape of the output.
    pub(super) fn check(&self) {
        match self {
            Self::Codes(codes, _) => assert!(is_row_major(codes)),
            Self::Sums(codes, _, _, other) => {
                assert!(is_row_major(codes) && is_row_major(other));
                assert!(codes.dim() == other.dim());
            }
            Self::Logits(logits) => assert!(is_row_major(logits)),
        }
    }

    /// Returns a part of the output.
    pub fn part(&mut self, rows: Range<usize>, channels: Range<usize>) -> BlockOutput<'_> {
        let part = [Slice::from(rows), Slice::from(channels)];
        match self {
            Self::Codes(codes, target) => {
                BlockOutput::Codes(slice(codes.view_mut(), part), *target)
            }
            Self::Sums(codes, target, add, other) => {
                let codes = slice(codes.view_mut(), part);
                BlockOutput::Sums(codes, *target, *add, slice(other.view(), part))
            }
            Self::Logits(logits) => BlockOutput::Logits(slice(logits.view_mut(), part)),
        }
    }

    /// Splits the output into the first `count` rows (axis 0) or channels (axis 1) and the others.
    pub fn split_at(self, axis: usize, count: usize) -> (Self, Self) {
        let axis = Axis(axis);
        match self {
            Self::Codes(codes, target) => {
                let (a, b) = codes.split_at(axis, count);
                (Self::Codes(a, target), Self::Codes(b, target))
            }
            Self::Sums(codes, target, add, other) => {
                let (a, b) = codes.split_at(axis, count);
                let (other_a, other_b) = other.split_at(axis, count);
                (Self::Sums(a, target, add, other_a), Self::Sums(b, target, add, other_b))
            }
            Self::Logits(logits) => {
                let (a, b) = logits.split_at(axis, count);
                (Self::Logits(a), Self::Logits(b))
            }
        }
    }
}

/// Returns whether the columns of each row are contiguous and the rows are in ascending order. The
/// stride along an axis of length 1 is meaningless.
fn is_row_major<S: RawData>(matrix: &ArrayBase<S, Ix2>) -> bool {
    let (rows, columns) = matrix.dim();
    let strides = matrix.strides();
    (rows == 1 || strides[0] >= 0) && (columns == 1 || strides[1] == 1)
}

/// Returns the given rows and columns of a matrix.
fn slice<S: RawData>(
    mut matrix: ArrayBase<S, Ix2>,
    [rows, columns]: [Slice; 2],
) -> ArrayBase<S, Ix2> {
    matrix.slice_axis_inplace(Axis(0), rows);
    matrix.slice_axis_inplace(Axis(1), columns);
    matrix
}

/// Splits `rows` rows into tiles of nearly equal height, at most `most` rows each, and iterates
/// over the rows of each tile.
pub fn row_tiles(rows: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let tiles = rows.div_ceil(most);
    (0..tiles).map(move |i| rows * i / tiles..rows * (i + 1) / tiles)
}
