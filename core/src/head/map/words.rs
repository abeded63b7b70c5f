//! The words of the sums of a map of classes or labels.

use super::widening::ONE;
use crate::head::accumulator::{WordsError, check_range, check_samples};

/// Words that samples can sum to.
pub(super) struct Words<'w> {
    pub(super) samples: u64,
    pub(super) entropies: &'w [i64],
    /// Those of each class or label, position by position.
    pub(super) probabilities: &'w [i64],
    pub(super) squares: &'w [i64],
}

impl<'w> Words<'w> {
    /// Returns the number of words of sums with these numbers of entropies and of probabilities.
    pub(super) const fn count(entropies: usize, probabilities: usize) -> usize {
        1 + entropies + 2 * probabilities
    }

    /// Checks words. `one` is the most that the entropy of a sample can be.
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    pub(super) fn check(
        words: &'w [i64],
        entropies: usize,
        one: i64,
        probabilities: usize,
    ) -> Result<Self, WordsError> {
        let expected = Self::count(entropies, probabilities);
        if words.len() != expected {
            return Err(WordsError::Length { found: words.len(), expected });
        }
        let samples = check_samples(words[0])?;
        check_range(words, 1..1 + entropies, 0..=one)?;
        check_range(words, 1 + entropies..expected, 0..=ONE as i64)?;
        let (entropies, rest) = words[1..].split_at(entropies);
        let (probabilities, squares) = rest.split_at(probabilities);
        Ok(Self { samples, entropies, probabilities, squares })
    }

    /// Iterates over the sums of each probability and of its square.
    pub(super) fn sums(&self) -> impl Iterator<Item = (i64, i64)> + 'w {
        self.probabilities.iter().copied().zip(self.squares.iter().copied())
    }
}
