//! Maps: a head at each position of a picture, a sequence or a volume.
//!
//! A segmentation has a map of classes, for example. The sums of a map are those of its positions.
//! Their classes and labels are computed in f32, which is several times as fast as the f64 of a
//! single position and as exact as a network's outputs are; the targets of a regression are computed as
//! those of a single position.

mod classes;
mod labels;
mod resize;
mod widening;
mod words;

pub use classes::{ClassMapSums, ClassMapUncertainty};
pub use labels::{LabelMapSums, LabelMapUncertainty};
pub use resize::MapResize;

use super::accumulator::Accumulator;
use super::gaussian::{GaussianSums, TargetUncertainty};
use alloc::{sync::Arc, vec, vec::Vec};
use serde::Serialize;

/// Integer sums over the weight samples of a map for one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct MapSums {
    of: HeadSums,
    resize: Option<Arc<MapResize>>,
}

/// The sums of a map of each head.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum HeadSums {
    Classes(ClassMapSums),
    Labels(LabelMapSums),
    Gaussian(GaussianSums),
}

/// The figures of a map for one picture. In JSON it is the object of the head's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MapUncertainty {
    /// Figures for [`Head::Classes`](crate::head::Head::Classes).
    Classes(ClassMapUncertainty),
    /// Figures for [`Head::Labels`](crate::head::Head::Labels).
    Labels(LabelMapUncertainty),
    /// Figures for [`Head::Gaussian`](crate::head::Head::Gaussian).
    Gaussian(TargetUncertainty),
}

/// Evaluates `$body` with the sums or the figures of any map.
macro_rules! each_map {
    ($enum:ident, $of:expr, $each:ident => $body:expr) => {
        match $of {
            $enum::Classes($each) => $body,
            $enum::Labels($each) => $body,
            $enum::Gaussian($each) => $body,
        }
    };
}

impl MapSums {
    /// Creates a map of these sums, whose numbers are resized if `resize` says how.
    pub(super) fn new(of: HeadSums, resize: Option<Arc<MapResize>>) -> Self {
        Self { of, resize }
    }

    /// Returns the number of samples summed so far.
    pub fn samples(&self) -> u64 {
        each_map!(HeadSums, &self.of, sums => sums.samples())
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        each_map!(HeadSums, &mut self.of, sums => sums.clear());
    }

    /// Adds the numbers of one sample, position by position: those before the [`MapResize`] of the
    /// output, if it has one.
    ///
    /// # Panics
    /// When there are other numbers than the output has, or the sums are full already.
    #[inline(always)]
    pub fn add(&mut self, numbers: &[f32]) {
        let Some(resize) = &self.resize else {
            each_map!(HeadSums, &mut self.of, sums => sums.add(numbers));
            return;
        };
        match &mut self.of {
            HeadSums::Classes(sums) => {
                let [_, classes] = sums.size();
                let mut lines = resize.lines(numbers, classes);
                sums.add_positions(|first, tile| lines.fill(first, tile));
            }
            HeadSums::Labels(sums) => {
                let [positions, labels] = sums.size();
                sums.add(&resized(resize, numbers, positions, labels));
            }
            HeadSums::Gaussian(sums) => {
                let (positions, outputs) = (sums.positions(), sums.head().outputs());
                sums.add(&resized(resize, numbers, positions, outputs));
            }
        }
    }

    /// Returns whether [`Self::merge`] takes `other`, apart from the number of samples.
    pub(super) fn merges_with(&self, other: &Self) -> bool {
        match (&self.of, &other.of) {
            (HeadSums::Classes(sums), HeadSums::Classes(other)) => sums.size() == other.size(),
            (HeadSums::Labels(sums), HeadSums::Labels(other)) => sums.size() == other.size(),
            (HeadSums::Gaussian(sums), HeadSums::Gaussian(other)) => {
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
        match (&mut self.of, &other.of) {
            (HeadSums::Classes(sums), HeadSums::Classes(other)) => sums.merge(other),
            (HeadSums::Labels(sums), HeadSums::Labels(other)) => sums.merge(other),
            (HeadSums::Gaussian(sums), HeadSums::Gaussian(other)) => sums.merge(other),
            _ => panic!("sums of the same map"),
        }
    }

    /// Makes room for `samples` more samples, which [`Self::add_part`] adds to each position.
    ///
    /// # Panics
    /// When they are too many.
    pub(crate) fn grow(&mut self, samples: u32) {
        each_map!(HeadSums, &mut self.of, sums => sums.grow(samples));
    }

    /// Adds the sums of `part`, which has at most 255 samples, at some of its positions. `positions` has pairs of a
    /// position of the map and one of the part.
    ///
    /// # Panics
    /// When they are maps of different heads, or a position does not exist.
    pub(crate) fn add_part(
        &mut self,
        part: &Self,
        positions: impl Iterator<Item = (usize, usize)>,
    ) {
        macro_rules! add {
            ($sums:ident, $part:ident) => {
                positions.for_each(|(to, from)| $sums.add_position(to, $part, from))
            };
        }
        match (&mut self.of, &part.of) {
            (HeadSums::Classes(sums), HeadSums::Classes(part)) => add!(sums, part),
            (HeadSums::Labels(sums), HeadSums::Labels(part)) => add!(sums, part),
            (HeadSums::Gaussian(sums), HeadSums::Gaussian(part)) => add!(sums, part),
            _ => panic!("sums of the same head"),
        }
    }

    /// Returns the sums as integers.
    pub fn to_words(&self) -> Vec<i64> {
        each_map!(HeadSums, &self.of, sums => sums.to_words())
    }

    /// Computes the figures from the samples so far. Without samples all figures are zero.
    pub fn finish(&self) -> MapUncertainty {
        match &self.of {
            HeadSums::Classes(sums) => MapUncertainty::Classes(sums.finish()),
            HeadSums::Labels(sums) => MapUncertainty::Labels(sums.finish()),
            HeadSums::Gaussian(sums) => MapUncertainty::Gaussian(sums.finish()),
        }
    }
}

/// Returns the numbers of all positions.
fn resized(resize: &MapResize, numbers: &[f32], positions: usize, channels: usize) -> Vec<f32> {
    let mut all = vec![0.0; positions * channels];
    resize.lines(numbers, channels).fill(0, &mut all);
    all
}

impl MapUncertainty {
    /// Returns the number of samples.
    pub fn samples(&self) -> u64 {
        each_map!(Self, self, of => of.samples)
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
