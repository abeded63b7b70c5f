//! Why a request cannot be predicted.

use super::until::UntilError;
use crate::graph::Shape;
use crate::model::Values;
use crate::posterior::MAX_SAMPLES;
use core::ops::Range;
use thiserror::Error;

/// Why pictures cannot be predicted.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The length of the input is not a whole number of pictures, or is zero.
    #[error(
        "found {found} numbers, expected a multiple of {} that is not zero: the model takes \
         pictures of {shape} ({})", shape.elements(), shape.axis_names()
    )]
    Length {
        /// The number of elements.
        found: usize,
        /// The shape of one picture.
        shape: Shape,
    },
    /// Bytes for a model that takes numbers, or numbers for one that takes bytes.
    #[error(
        "{}", match .0 {
            Values::Bytes => "the model takes pictures as bytes, or numbers that are normalized",
            Values::Numbers => "the model takes numbers, not bytes",
        }
    )]
    Values(Values),
    /// A number is infinite or NaN.
    #[error("picture {picture} holds a number that is not finite")]
    NotFinite {
        /// Index of the picture.
        picture: usize,
    },
    /// There is not enough memory for the pictures, or for the outputs to keep.
    #[error(
        "not enough memory for {pictures} pictures at once, with {numbers} outputs each: predict fewer"
    )]
    Memory {
        /// The number of pictures.
        pictures: usize,
        /// The number of outputs to keep per picture.
        numbers: usize,
    },
    /// The range of samples is empty or too high.
    #[error("samples {}..{} must not be empty or end above {MAX_SAMPLES}", .0.start, .0.end)]
    Samples(Range<u32>),
    /// The chosen draws of a model that has none.
    #[error(
        "the model has no chosen draws: choose them with `bayes8 choose`, or predict with random ones"
    )]
    NoChosenDraws,
    /// The range of samples ends after the model's last chosen draw.
    #[error(
        "samples {}..{} end after the model's {draws} chosen draws: take fewer, or random draws of a \
         seed", .range.start, .range.end
    )]
    BeyondDraws {
        /// The range.
        range: Range<u32>,
        /// Number of chosen draws.
        draws: u32,
    },
    /// A prediction that cannot stop early as asked.
    #[error(transparent)]
    Until(#[from] UntilError),
    /// A prediction would have more samples than are possible.
    #[error("{0} samples are too many: a prediction has at most {MAX_SAMPLES}")]
    TooManySamples(u64),
}
