//! The operations that the sums of every head have.

use crate::posterior::MAX_SAMPLES;
use alloc::vec::Vec;
use thiserror::Error;

/// Integer sums over the weight samples of one picture, and the figures that follow from them.
///
/// Integer addition is exact: however the samples are split, and in whatever order the parts are
/// merged, the sums have the same bits. [`SampleSums`](super::classes::SampleSums) implements it
/// for classes.
///
/// # Examples
/// Two machines run a part of the samples each:
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::classes::SampleSums;
///
/// let (mut here, mut there) = (SampleSums::new(2), SampleSums::new(2));
/// here.add(&[1.0, 0.0]); // the logits of sample 0
/// there.add(&[0.0, 3.0]); // the logits of sample 1
/// let words = there.to_words(); // sent over the network
/// here.merge(&SampleSums::from_words(&words)?);
/// assert_eq!(here.finish().samples, 2);
/// # Ok::<(), bayes8_core::head::WordsError>(())
/// ```
pub trait Accumulator: Clone {
    /// The figures for one picture.
    type Summary: Default;

    /// Returns the number of samples summed so far.
    fn samples(&self) -> u64;

    /// Forgets all samples.
    fn clear(&mut self);

    /// Adds the outputs of one sample.
    ///
    /// # Panics
    /// When the number of outputs is not the head's, or the sums have [`MAX_SAMPLES`] samples
    /// already.
    fn add(&mut self, outputs: &[f32]);

    /// Adds the sums of other samples of the same picture.
    ///
    /// # Panics
    /// When the numbers of outputs differ, or the two have more than [`MAX_SAMPLES`] samples
    /// together. [`Self::from_words`] checks neither: compare the sums of another machine first, for
    /// classes with [`SampleSums::classes`](super::classes::SampleSums::classes), and add up
    /// [`Self::samples`].
    fn merge(&mut self, other: &Self);

    /// Returns the sums as integers, the number of samples first. Adding the words of two sample
    /// ranges of one picture element by element gives the words of both together.
    fn to_words(&self) -> Vec<i64>;

    /// Restores sums from the words of [`Self::to_words`].
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    fn from_words(words: &[i64]) -> Result<Self, WordsError>;

    /// Computes the figures from the samples so far and overwrites `summary` with them, reusing its
    /// memory. Without samples all figures are zero.
    fn finish_into(&self, summary: &mut Self::Summary);

    /// Computes the figures from the samples so far. Without samples all figures are zero.
    fn finish(&self) -> Self::Summary {
        let mut summary = Self::Summary::default();
        self.finish_into(&mut summary);
        summary
    }
}

/// Why integers cannot be sums of samples.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WordsError {
    /// The number of words does not match any number of classes.
    #[error(
        "{0} words cannot be sums of samples: expected 2 + 2 x classes, with at least one class"
    )]
    Length(usize),
    /// The number of samples is out of range.
    #[error("the first word says {0} samples; 0 to {MAX_SAMPLES} are possible")]
    Samples(i64),
    /// A sum is out of range for the number of samples.
    #[error("word {index} is {word}, which {samples} samples cannot sum to")]
    Range {
        /// Index of the word.
        index: usize,
        /// The word.
        word: i64,
        /// Number of samples, by the first word.
        samples: u64,
    },
}
