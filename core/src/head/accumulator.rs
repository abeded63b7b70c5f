//! What every head's sums can do.

use crate::posterior::MAX_SAMPLES;
use alloc::vec::Vec;
use thiserror::Error;

/// Integer sums over the weight samples of one picture, and the figures that follow from them.
///
/// Integers add exactly: sums of parts of the samples merge to the same bits in any order and split.
pub trait Accumulator: Clone {
    /// The figures for one picture.
    type Summary: Default;

    /// Number of samples summed so far.
    fn samples(&self) -> u64;

    /// Forgets all samples.
    fn clear(&mut self);

    /// Adds the outputs of one sample.
    ///
    /// # Panics
    /// When their number is not the head's, or the sums hold [`MAX_SAMPLES`] already.
    fn add(&mut self, outputs: &[f32]);

    /// Adds the sums of other samples of the same picture.
    ///
    /// # Panics
    /// When they have another number of outputs, or both hold more than [`MAX_SAMPLES`] together.
    fn merge(&mut self, other: &Self);

    /// The sums as integers that add, the number of samples first. The words of two sample ranges of
    /// one picture, added one by one, are those of both together.
    fn to_words(&self) -> Vec<i64>;

    /// The sums of [`Self::to_words`].
    ///
    /// # Errors
    /// [`WordsError`] for words that no samples sum to.
    fn from_words(words: &[i64]) -> Result<Self, WordsError>;

    /// Writes the figures from the samples so far into memory that is there, whatever it held; all are
    /// zero where there are no samples.
    fn finish_into(&self, summary: &mut Self::Summary);

    /// The figures from the samples so far; all are zero where there are none.
    fn finish(&self) -> Self::Summary {
        let mut summary = Self::Summary::default();
        self.finish_into(&mut summary);
        summary
    }
}

/// Why integers are no sums of samples.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WordsError {
    /// A length that belongs to no number of classes.
    #[error("{0} words are no sums of samples: 2 + 2 x classes are, with at least one class")]
    Length(usize),
    /// A number of samples out of range.
    #[error("the first word says {0} samples; 0 to {MAX_SAMPLES} are possible")]
    Samples(i64),
    /// A sum that the samples cannot have.
    #[error("word {index} is {word}, which {samples} samples cannot sum to")]
    Range {
        /// Its place.
        index: usize,
        /// The word.
        word: i64,
        /// Number of samples, by the first word.
        samples: u64,
    },
}
