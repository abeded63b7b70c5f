//! The operations that the sums of every head have.

use crate::posterior::MAX_SAMPLES;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::ops::{Range, RangeInclusive};
use thiserror::Error;

/// Integer sums over the weight samples of one picture, and the figures that follow from them.
///
/// Integer addition is exact: however the samples are split, and in whatever order the parts are
/// merged, the sums have the same bits. Each head has one: [`ClassSums`](super::classes::ClassSums),
/// [`LabelSums`](super::labels::LabelSums), [`GaussianSums`](super::gaussian::GaussianSums).
///
/// # Examples
/// Two machines run a part of the samples each:
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::classes::ClassSums;
///
/// let (mut here, mut there) = (ClassSums::new(2), ClassSums::new(2));
/// here.add(&[1.0, 0.0]); // the logits of sample 0
/// there.add(&[0.0, 3.0]); // the logits of sample 1
/// let words = there.to_words(); // sent over the network
/// here.merge(&ClassSums::from_words(&words)?);
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
    /// When the heads differ, or the two have more than [`MAX_SAMPLES`] samples together. Check the
    /// sums of another machine first ([`Sums::merges_with`](super::Sums::merges_with)).
    fn merge(&mut self, other: &Self);

    /// Returns the sums as integers, the number of samples first. Adding the words of two sample
    /// ranges of one picture element by element gives the words of both together.
    fn to_words(&self) -> Vec<i64>;

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
    /// Another number of words than the sums of the head have.
    #[error("{found} words cannot be sums of samples: this output has {expected}")]
    Length {
        /// The number of words.
        found: usize,
        /// The number of words that the sums of the head have.
        expected: usize,
    },
    /// The number of words does not match any number of classes.
    #[error(
        "{0} words cannot be sums of samples: expected 3 + 2 x classes, with at least one class"
    )]
    Classes(usize),
    /// The number of words does not match any number of labels.
    #[error(
        "{0} words cannot be sums of samples: expected 1 + 4 x labels, with at least one label"
    )]
    Labels(usize),
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

/// Returns the number of samples that the first word says.
pub(super) fn check_samples(word: i64) -> Result<u64, WordsError> {
    let samples = u64::try_from(word).ok();
    samples.filter(|&n| n <= u64::from(MAX_SAMPLES)).ok_or(WordsError::Samples(word))
}

/// Checks that the words of `indices` can be sums of the samples of the first word, which has been checked,
/// each of which is in `one`.
pub(super) fn check_range(
    words: &[i64],
    mut indices: Range<usize>,
    one: RangeInclusive<i64>,
) -> Result<(), WordsError> {
    let samples = words[0];
    let possible = samples * one.start()..=samples * one.end();
    match indices.find(|&index| !possible.contains(&words[index])) {
        None => Ok(()),
        Some(index) => {
            Err(WordsError::Range { index, word: words[index], samples: samples.unsigned_abs() })
        }
    }
}

/// Returns `count` zeros.
pub(super) fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>, TryReserveError> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(count)?;
    zeros.resize(count, T::default());
    Ok(zeros)
}

/// Adds up the samples of two sums.
///
/// # Panics
/// When they are more than [`MAX_SAMPLES`].
pub(super) fn grown(samples: u64, more: u64) -> u64 {
    let all = samples + more;
    assert!(all <= u64::from(MAX_SAMPLES), "at most {MAX_SAMPLES} samples");
    all
}

/// Adds each number of `from` to the one of `to` at its place.
pub(super) fn add_all(to: &mut [i64], from: &[i64]) {
    to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
}
