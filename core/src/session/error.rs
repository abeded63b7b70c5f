//! What can be wrong with a request.

use crate::graph::Shape;
use crate::posterior::MAX_SAMPLES;
use core::ops::Range;
use thiserror::Error;

/// Why pictures cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Numbers that make no whole pictures, or no numbers.
    #[error(
        "found {found} numbers, expected a multiple of {} that is not zero: the model takes \
         pictures of {shape} ({})", shape.elements(), shape.axis_names()
    )]
    Length {
        /// How many numbers there are.
        found: usize,
        /// What the model takes.
        shape: Shape,
    },
    /// A number that has no code.
    #[error("picture {picture} holds a number that is not finite")]
    NotFinite {
        /// Index of the picture.
        picture: usize,
    },
    /// Not enough memory for this many pictures, or for the logits of this many samples.
    #[error(
        "not enough memory for {pictures} pictures at once, with {logits} logits each: predict fewer"
    )]
    Memory {
        /// How many pictures.
        pictures: usize,
        /// Logits that are kept of each.
        logits: usize,
    },
    /// A range of samples that is empty or too high.
    #[error("samples {}..{} must not be empty nor end above {MAX_SAMPLES}", .0.start, .0.end)]
    Samples(Range<u32>),
    /// More samples than a prediction can have.
    #[error("{0} samples are too many for a prediction: it has at most {MAX_SAMPLES}")]
    TooManySamples(u64),
}
