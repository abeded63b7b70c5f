//! A batch of pictures to predict.

use bayes8_core::session::Input;
use ndarray::{ArrayView, Axis, CowArray, Dimension, Ix4, Slice};
use std::ops::Range;

/// A batch of N inputs: an array with N as its first axis and the channels as its last.
///
/// Pictures are `[N, H, W, C]`, volumes `[N, D, H, W, C]`, sequences `[N, L, C]` and vectors `[N, C]`. Axes of
/// extent 1 other than N may be left out, so gray pictures may be `[N, H, W]`. The array need not be contiguous.
///
/// # Examples
/// ```
/// use bayes8_native::Pictures;
/// use ndarray::{Array4, s};
///
/// let pictures = Array4::<u8>::zeros((10, 28, 28, 1));
/// let first_four = Pictures::Bytes(pictures.slice(s![..4, .., .., ..]));
/// assert_eq!(first_four.extents(), [4, 28, 28, 1]);
/// assert_eq!(first_four.range(1..3).extents(), [2, 28, 28, 1]);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Pictures<'a, D: Dimension = Ix4> {
    /// Raw bytes, 0 to 255, to which the model applies its preprocessing.
    Bytes(ArrayView<'a, u8, D>),
    /// Raw numbers, such as the features of a table or the values of a sequence, to which the model applies its
    /// preprocessing. The model must take numbers ([`Values`](bayes8_core::model::Values)). All must be finite.
    Numbers(ArrayView<'a, f32, D>),
    /// Numbers that the caller has normalized already: `(byte / 255 - mean) / std` of bytes, `(number - mean) / std`
    /// of numbers. All must be finite.
    Normalized(ArrayView<'a, f32, D>),
}

impl<D: Dimension> Pictures<'_, D> {
    /// Returns the pictures of an index range, without copying them.
    ///
    /// # Panics
    /// When the range ends after the last picture.
    pub fn range(&self, range: Range<usize>) -> Pictures<'_, D> {
        let slice = Slice::from(range);
        match self {
            Self::Bytes(bytes) => Pictures::Bytes(bytes.slice_axis(Axis(0), slice)),
            Self::Numbers(numbers) => Pictures::Numbers(numbers.slice_axis(Axis(0), slice)),
            Self::Normalized(numbers) => Pictures::Normalized(numbers.slice_axis(Axis(0), slice)),
        }
    }

    /// Returns the extents of the array, N first.
    pub fn extents(&self) -> &[usize] {
        match self {
            Self::Bytes(bytes) => bytes.shape(),
            Self::Numbers(numbers) | Self::Normalized(numbers) => numbers.shape(),
        }
    }

    /// Calls `f` with the elements in standard order. Copies them if they are in another order.
    pub(crate) fn with_input<T>(&self, f: impl FnOnce(Input<'_>) -> T) -> T {
        match self {
            Self::Bytes(bytes) => f(Input::Bytes(contiguous(&bytes.as_standard_layout()))),
            Self::Numbers(numbers) => f(Input::Numbers(contiguous(&numbers.as_standard_layout()))),
            Self::Normalized(numbers) => {
                f(Input::Normalized(contiguous(&numbers.as_standard_layout())))
            }
        }
    }
}

fn contiguous<'a, T, D: Dimension>(array: &'a CowArray<'_, T, D>) -> &'a [T] {
    array.as_slice().expect("an array in standard layout is contiguous")
}
