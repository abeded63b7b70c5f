//! Maps of labels: each position of a picture has any of them.
//!
//! Probabilities and entropies are those of [labels](crate::head::labels), in f32, with the exponential
//! function and the logarithm of [`single`](crate::head::single), so that they vectorize.

use super::widening::{ONE, Widening, units};
use super::words::Words;
use crate::head::accumulator::{Accumulator, WordsError, grown};
use crate::head::fixed;
use crate::head::single::{LEAST, exponential, larger, logarithm, smaller, surprise};
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Integer sums over the Monte-Carlo samples of one picture with a map of labels.
///
/// # Examples
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::map::LabelMapSums;
///
/// let mut sums = LabelMapSums::new(3, 1); // 3 positions, 1 label
/// sums.add(&[-4.0, 0.0, 9.0]); // the logits of sample 0
/// sums.add(&[-4.0, 1.0, 8.0]); // the logits of sample 1
/// let map = sums.finish();
/// assert!(map.probabilities[0] < 0.1 && map.probabilities[2] > 0.9);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LabelMapSums {
    positions: usize,
    labels: usize,
    samples: u64,
    /// `[positions][labels]`, as the others.
    entropies: Widening,
    probabilities: Widening,
    squares: Widening,
}

/// The mean probabilities of labels at each position of a picture, and their uncertainty. Entropies
/// and mutual information are in nats, at most ln 2. All lists are `[positions, labels]`, with the
/// positions in the order `[D][H][W]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelMapUncertainty {
    /// Number of Monte-Carlo samples.
    pub samples: u64,
    /// Number of labels.
    pub labels: usize,
    /// Mean probability of each label.
    pub probabilities: Vec<f32>,
    /// Standard deviation of each probability over the samples.
    pub std: Vec<f32>,
    /// Total uncertainty: the entropy of the mean probability.
    pub predictive_entropy: Vec<f32>,
    /// Aleatoric uncertainty: the mean of the samples' entropies.
    pub expected_entropy: Vec<f32>,
    /// Epistemic uncertainty: `predictive_entropy - expected_entropy`, at least zero.
    pub mutual_information: Vec<f32>,
}

impl LabelMapUncertainty {
    /// Computes the figures. `sums` has those of the entropy, the probability and its square for each label of each
    /// position.
    fn fill(&mut self, labels: usize, samples: u64, sums: impl Iterator<Item = (i64, (i64, i64))>) {
        (self.samples, self.labels) = (samples, labels);
        for figures in [
            &mut self.probabilities,
            &mut self.std,
            &mut self.predictive_entropy,
            &mut self.expected_entropy,
            &mut self.mutual_information,
        ] {
            figures.clear();
            figures.reserve(sums.size_hint().0);
        }
        let total = samples.max(1) as f64 * f64::from(ONE);
        for (entropy, (probability, square)) in sums {
            let mean = probability as f64 / total;
            let p = mean as f32;
            let predictive =
                if samples == 0 { 0.0 } else { surprise(p) + surprise((1.0 - mean) as f32) };
            let expected = (entropy as f64 / total) as f32;
            self.probabilities.push(p);
            self.std.push(fixed::std(square, mean, total) as f32);
            self.predictive_entropy.push(predictive);
            self.expected_entropy.push(expected);
            self.mutual_information.push(larger(predictive - expected, 0.0));
        }
    }
}

impl LabelMapSums {
    /// Creates sums over `positions` positions with `labels` labels each, without samples.
    ///
    /// # Panics
    /// When there is not enough memory.
    pub fn new(positions: usize, labels: usize) -> Self {
        Self::try_new(positions, labels).expect("memory for the sums of a map")
    }

    /// Creates sums without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub(in crate::head) fn try_new(
        positions: usize,
        labels: usize,
    ) -> Result<Self, TryReserveError> {
        let sums = || Widening::try_new(positions * labels);
        let (entropies, probabilities, squares) = (sums()?, sums()?, sums()?);
        Ok(Self { positions, labels, samples: 0, entropies, probabilities, squares })
    }

    /// Returns the number of positions and of labels. Only sums with the same numbers merge.
    pub fn size(&self) -> [usize; 2] {
        [self.positions, self.labels]
    }

    /// Returns the most bytes of the sums.
    pub(in crate::head) const fn bytes(positions: usize, labels: usize) -> usize {
        3 * positions * labels * (size_of::<u32>() + size_of::<i64>())
    }

    /// Returns the number of words.
    pub(in crate::head) const fn words(positions: usize, labels: usize) -> usize {
        Words::count(positions * labels, positions * labels)
    }

    /// Restores sums from the words of [`Accumulator::to_words`].
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    ///
    /// # Panics
    /// When there is not enough memory.
    pub fn from_words(positions: usize, labels: usize, words: &[i64]) -> Result<Self, WordsError> {
        let count = positions * labels;
        let words = Words::check(words, count, ONE as i64, count)?;
        let mut sums = Self { samples: words.samples, ..Self::new(positions, labels) };
        let all = [words.entropies, words.probabilities, words.squares];
        for (to, from) in sums.all_mut().into_iter().zip(all) {
            from.iter().enumerate().for_each(|(index, &sum)| to.set(index, sum));
        }
        Ok(sums)
    }

    /// Computes the figures of [`Self::from_words`] without making sums first.
    ///
    /// # Errors
    /// Those of [`Self::from_words`].
    pub(in crate::head) fn figures(
        positions: usize,
        labels: usize,
        words: &[i64],
    ) -> Result<LabelMapUncertainty, WordsError> {
        let count = positions * labels;
        let words = Words::check(words, count, ONE as i64, count)?;
        let mut map = LabelMapUncertainty::default();
        map.fill(labels, words.samples, words.entropies.iter().copied().zip(words.sums()));
        Ok(map)
    }

    /// Makes room for `samples` more samples, which [`Self::add_position`] adds to each position.
    pub(super) fn grow(&mut self, samples: u32) {
        self.samples = grown(self.samples, samples.into());
        self.all_mut().into_iter().for_each(|sums| sums.grow(samples));
    }

    /// Adds the sums at position `from` of `other`, which has few samples, to those at position `to`.
    pub(super) fn add_position(&mut self, to: usize, other: &Self, from: usize) {
        for label in 0..self.labels {
            let (to, from) = (to * self.labels + label, from * self.labels + label);
            self.entropies.add(to, &other.entropies, from);
            self.probabilities.add(to, &other.probabilities, from);
            self.squares.add(to, &other.squares, from);
        }
    }

    fn all_mut(&mut self) -> [&mut Widening; 3] {
        [&mut self.entropies, &mut self.probabilities, &mut self.squares]
    }
}

impl Accumulator for LabelMapSums {
    type Summary = LabelMapUncertainty;

    fn samples(&self) -> u64 {
        self.samples
    }

    fn clear(&mut self) {
        self.samples = 0;
        self.all_mut().into_iter().for_each(Widening::clear);
    }

    #[inline(always)]
    fn add(&mut self, logits: &[f32]) {
        assert_eq!(logits.len(), self.positions * self.labels, "one logit per position and label");
        self.samples = grown(self.samples, 1);
        let sums = self.probabilities.next().iter_mut().zip(self.squares.next());
        for ((&logit, entropy), (sum, square)) in logits.iter().zip(self.entropies.next()).zip(sums)
        {
            let distance = logit.abs();
            let e = exponential(-distance);
            let likely = 1.0 / (1.0 + e);
            let lesser = e * likely;
            let p = if logit < 0.0 { lesser } else { likely };
            *sum += units(p);
            *square += units(p * p);
            // e is 0 rather than e^-86 as soon as it counts.
            let h = logarithm(1.0 + e) + lesser * smaller(distance, -LEAST);
            *entropy += units(smaller(h, 1.0));
        }
    }

    fn merge(&mut self, other: &Self) {
        assert_eq!(other.size(), self.size(), "maps of the same size");
        self.samples = grown(self.samples, other.samples);
        self.entropies.merge(&other.entropies);
        self.probabilities.merge(&other.probabilities);
        self.squares.merge(&other.squares);
    }

    /// Returns `[samples, entropies..., probabilities..., squares...]`, position by position.
    fn to_words(&self) -> Vec<i64> {
        let count = self.positions * self.labels;
        let mut words = Vec::with_capacity(Self::words(self.positions, self.labels));
        // At most MAX_SAMPLES.
        words.push(self.samples as i64);
        for sums in [&self.entropies, &self.probabilities, &self.squares] {
            words.extend((0..count).map(|index| sums.get(index)));
        }
        words
    }

    fn finish_into(&self, map: &mut LabelMapUncertainty) {
        let sums = (0..self.positions * self.labels).map(|index| {
            (self.entropies.get(index), (self.probabilities.get(index), self.squares.get(index)))
        });
        map.fill(self.labels, self.samples, sums);
    }
}
