//! Which draws of the posterior the samples of a prediction take: random ones of a seed, or those that the
//! model chose.
//!
//! The error of a mean over random draws falls with the root of their number. A model may carry a short list of
//! draws whose mean is close to that of thousands, [`ChosenDraws`]. Every prefix of the list is a good choice
//! too, so that any number of samples from the first one on gains. `bayes8 choose` makes the list.

use crate::posterior::MAX_SAMPLES;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most draws of a list.
pub const MAX_CHOSEN: usize = 256;

/// A list of different draws of one seed. The sample at position `i` of a prediction takes the `i`-th of them.
///
/// # Examples
/// ```
/// use bayes8_core::draws::ChosenDraws;
///
/// let draws = ChosenDraws::new(0, vec![17, 3, 1290, 44])?;
/// assert_eq!(draws.samples()[2], 1290);
/// assert!(ChosenDraws::new(0, vec![17, 3, 17]).is_err());
/// # Ok::<(), bayes8_core::draws::ChosenDrawsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "List", into = "List")]
pub struct ChosenDraws(List);

/// The list as in model files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    seed: u64,
    samples: Vec<u32>,
}

/// Why numbers are not a list of draws.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChosenDrawsError {
    /// No draws, or too many.
    #[error("a list of draws has 1 to {MAX_CHOSEN} samples, not {0}")]
    Count(usize),
    /// An index that no sample has.
    #[error("draw {position} is sample {sample}; samples are 0 to {}", MAX_SAMPLES - 1)]
    Sample {
        /// Position in the list.
        position: usize,
        /// The index of the sample.
        sample: u32,
    },
    /// A sample that is in the list twice.
    #[error("draws {first} and {second} are both sample {sample}")]
    Twice {
        /// The index of the sample.
        sample: u32,
        /// Its first position.
        first: usize,
        /// Its second position.
        second: usize,
    },
}

impl TryFrom<List> for ChosenDraws {
    type Error = ChosenDrawsError;

    fn try_from(list: List) -> Result<Self, ChosenDrawsError> {
        Self::new(list.seed, list.samples)
    }
}

impl From<ChosenDraws> for List {
    fn from(ChosenDraws(list): ChosenDraws) -> Self {
        list
    }
}

impl ChosenDraws {
    /// Makes a list of samples of `seed`.
    ///
    /// # Errors
    /// [`ChosenDrawsError`] unless there are 1 to [`MAX_CHOSEN`] different indices below 2^28.
    pub fn new(seed: u64, samples: Vec<u32>) -> Result<Self, ChosenDrawsError> {
        if !(1..=MAX_CHOSEN).contains(&samples.len()) {
            return Err(ChosenDrawsError::Count(samples.len()));
        }
        for (position, &sample) in samples.iter().enumerate() {
            if sample >= MAX_SAMPLES {
                return Err(ChosenDrawsError::Sample { position, sample });
            }
            if let Some(first) = samples[..position].iter().position(|&other| other == sample) {
                return Err(ChosenDrawsError::Twice { sample, first, second: position });
            }
        }
        Ok(Self(List { seed, samples }))
    }

    /// Returns the seed of the draws.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Returns the indices of the draws among the samples of [`Self::seed`], at least one.
    pub fn samples(&self) -> &[u32] {
        &self.0.samples
    }
}

/// Which draws a prediction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Draws {
    /// Those of the model's list.
    Chosen,
    /// Those of a seed: sample `i` takes draw `i`.
    Random {
        /// Seed of the weights.
        seed: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn lists_have_1_to_256_different_samples_that_exist() {
        let error = |samples: Vec<u32>| ChosenDraws::new(0, samples).expect_err("not a list");
        assert_eq!(error(vec![]), ChosenDrawsError::Count(0));
        assert_eq!(error((0..257).collect()), ChosenDrawsError::Count(257));
        let sample = MAX_SAMPLES;
        assert_eq!(error(vec![1, sample]), ChosenDrawsError::Sample { position: 1, sample });
        let twice = ChosenDrawsError::Twice { sample: 5, first: 1, second: 3 };
        assert_eq!(error(vec![2, 5, 4, 5]), twice);
        assert!(ChosenDraws::new(u64::MAX, (0..256).rev().collect()).is_ok());
        assert!(ChosenDraws::new(0, vec![MAX_SAMPLES - 1]).is_ok());
    }
}
