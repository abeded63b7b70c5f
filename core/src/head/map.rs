//! Maps: a head at each position of a picture, a sequence or a volume.
//!
//! A segmentation has a map of classes, for example. The sums of a map are those of its positions.
//! Their classes and labels are computed in f32, which is several times as fast as the f64 of a
//! single position and as exact as a network's outputs are; the targets of a regression are computed as
//! those of a single position.

mod classes;
mod labels;
mod widening;

pub use classes::{ClassMapSums, ClassMapUncertainty};
pub use labels::{LabelMapSums, LabelMapUncertainty};

use super::Head;
use super::accumulator::{Accumulator, WordsError};
use super::gaussian::{GaussianSums, TargetUncertainty};
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use serde::Serialize;

/// Integer sums over the weight samples of a map for one picture.
#[derive(Clone, Debug, PartialEq)]
pub enum MapSums {
    /// Sums for [`Head::Classes`].
    Classes(ClassMapSums),
    /// Sums for [`Head::Labels`].
    Labels(LabelMapSums),
    /// Sums for [`Head::Gaussian`].
    Gaussian(GaussianSums),
}

/// The figures of a map for one picture. In JSON it is the object of the head's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MapUncertainty {
    /// Figures for [`Head::Classes`].
    Classes(ClassMapUncertainty),
    /// Figures for [`Head::Labels`].
    Labels(LabelMapUncertainty),
    /// Figures for [`Head::Gaussian`].
    Gaussian(TargetUncertainty),
}

/// Evaluates `$body` with the sums or the figures of any map.
macro_rules! each_map {
    ($of:expr, $each:ident => $body:expr) => {
        match $of {
            Self::Classes($each) => $body,
            Self::Labels($each) => $body,
            Self::Gaussian($each) => $body,
        }
    };
}

impl MapSums {
    /// Creates sums for `positions` positions with `head` each, without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub(super) fn try_new(head: &Head, positions: usize) -> Result<Self, TryReserveError> {
        Ok(match head {
            Head::Classes(of) => Self::Classes(ClassMapSums::try_new(positions, of.count)?),
            Head::Labels(of) => Self::Labels(LabelMapSums::try_new(positions, of.count)?),
            Head::Gaussian(of) => Self::Gaussian(GaussianSums::try_new(of, positions)?),
        })
    }

    /// Returns the number of words of the sums for `positions` positions with `head` each.
    pub(super) fn words(head: &Head, positions: usize) -> usize {
        match head {
            Head::Classes(of) => ClassMapSums::words(positions, of.count),
            Head::Labels(of) => LabelMapSums::words(positions, of.count),
            Head::Gaussian(of) => GaussianSums::words(of, positions),
        }
    }

    /// Restores sums from their words.
    pub(super) fn from_words(
        head: &Head,
        positions: usize,
        words: &[i64],
    ) -> Result<Self, WordsError> {
        let expected = Self::words(head, positions);
        if words.len() != expected {
            return Err(WordsError::Length { found: words.len(), expected });
        }
        Ok(match head {
            Head::Classes(of) => {
                Self::Classes(ClassMapSums::from_words(positions, of.count, words)?)
            }
            Head::Labels(of) => Self::Labels(LabelMapSums::from_words(positions, of.count, words)?),
            Head::Gaussian(of) => Self::Gaussian(GaussianSums::from_words(of, words)?),
        })
    }

    /// Returns the number of samples summed so far.
    pub fn samples(&self) -> u64 {
        each_map!(self, sums => sums.samples())
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        each_map!(self, sums => sums.clear());
    }

    /// Adds the numbers of one sample, position by position.
    ///
    /// # Panics
    /// When there are other numbers than the map has, or the sums are full already.
    #[inline(always)]
    pub fn add(&mut self, numbers: &[f32]) {
        each_map!(self, sums => sums.add(numbers));
    }

    /// Returns whether [`Self::merge`] takes `other`, apart from the number of samples.
    pub(super) fn merges_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Classes(sums), Self::Classes(other)) => sums.size() == other.size(),
            (Self::Labels(sums), Self::Labels(other)) => sums.size() == other.size(),
            (Self::Gaussian(sums), Self::Gaussian(other)) => {
                sums.head() == other.head() && sums.positions() == other.positions()
            }
            _ => false,
        }
    }

    /// Adds the sums of other samples of the same picture.
    ///
    /// # Panics
    /// When they belong to another map, or have too many samples together.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Classes(sums), Self::Classes(other)) => sums.merge(other),
            (Self::Labels(sums), Self::Labels(other)) => sums.merge(other),
            (Self::Gaussian(sums), Self::Gaussian(other)) => sums.merge(other),
            _ => panic!("sums of the same map"),
        }
    }

    /// Returns the sums as integers.
    pub fn to_words(&self) -> Vec<i64> {
        each_map!(self, sums => sums.to_words())
    }

    /// Computes the figures from the samples so far. Without samples all figures are zero.
    pub fn finish(&self) -> MapUncertainty {
        match self {
            Self::Classes(sums) => MapUncertainty::Classes(sums.finish()),
            Self::Labels(sums) => MapUncertainty::Labels(sums.finish()),
            Self::Gaussian(sums) => MapUncertainty::Gaussian(sums.finish()),
        }
    }
}

impl MapUncertainty {
    /// Returns the number of samples.
    pub fn samples(&self) -> u64 {
        each_map!(self, of => of.samples)
    }

    /// Returns all figures but the number of samples, in one list, kind by kind and position by position:
    /// of classes `[probabilities..., std..., predictive entropies..., expected entropies..., mutual
    /// information...]`, and those of labels and of targets as for one position.
    pub fn figures(&self) -> Vec<f64> {
        let wide = |lists: [&[f32]; 5]| lists.concat().into_iter().map(f64::from).collect();
        match self {
            Self::Classes(of) => wide([
                &of.probabilities,
                &of.std,
                &of.predictive_entropy,
                &of.expected_entropy,
                &of.mutual_information,
            ]),
            Self::Labels(of) => wide([
                &of.probabilities,
                &of.std,
                &of.predictive_entropy,
                &of.expected_entropy,
                &of.mutual_information,
            ]),
            Self::Gaussian(of) => {
                [&of.mean[..], &of.std, &of.aleatoric_std, &of.epistemic_std].concat()
            }
        }
    }
}
