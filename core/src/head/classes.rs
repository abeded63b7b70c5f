//! Classes: from the logits of S Monte-Carlo samples to mean probabilities and their uncertainty.
//!
//! Each sample's softmax and entropy are rounded once to fixed-point integers (scaled by 2^30);
//! the samples are then summed as integers. Partial sums of different threads, workers or
//! machines therefore merge to exactly the same bits, in any order and any split.
//!
//! Entropies are in nats. Decomposition: Depeweg et al., "Decomposition of Uncertainty in Bayesian
//! Deep Learning" (ICML 2018): H(mean p) = aleatoric (mean of H(p_s)) + epistemic (the mutual
//! information between the prediction and the weights).

use super::accumulator::{Accumulator, WordsError};
use crate::posterior::MAX_SAMPLES;
use alloc::collections::TryReserveError;
use alloc::{vec, vec::Vec};
use serde::{Deserialize, Serialize};

/// Fraction bits of the summed probabilities and entropies.
pub const FRACTION_BITS: u32 = 30;

const ONE: f64 = (1u64 << FRACTION_BITS) as f64;

/// More than the entropy of a sample can be: 31 nats are e^31 classes. The sum over [`MAX_SAMPLES`]
/// samples still fits i64.
const MOST_ENTROPY: i64 = 31 << FRACTION_BITS;

/// Integer sums over the Monte-Carlo samples of one picture with classes.
///
/// # Examples
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::classes::SampleSums;
///
/// let mut sums = SampleSums::new(3);
/// sums.add(&[2.0, 0.0, -1.0]); // the logits of sample 0
/// sums.add(&[1.5, 0.5, -2.0]); // the logits of sample 1
/// let uncertainty = sums.finish();
/// assert_eq!(uncertainty.samples, 2);
/// assert!(uncertainty.probabilities[0] > 0.7);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleSums {
    samples: u64,
    probabilities: Vec<i64>,
    squares: Vec<i64>,
    entropy: i64,
}

/// The mean probabilities of one picture's classes and their uncertainty. Entropies and mutual
/// information are in nats.
///
/// # Examples
/// Two samples that are certain but contradict each other: all uncertainty is epistemic.
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::classes::SampleSums;
///
/// let mut sums = SampleSums::new(2);
/// sums.add(&[50.0, 0.0]);
/// sums.add(&[0.0, 50.0]);
/// let uncertainty = sums.finish();
/// assert_eq!(uncertainty.probabilities, [0.5, 0.5]);
/// assert_eq!(uncertainty.std, [0.5, 0.5]);
/// assert!((uncertainty.predictive_entropy - 2f64.ln()).abs() < 1e-9);
/// assert!(uncertainty.expected_entropy < 1e-9);
/// assert!((uncertainty.mutual_information - 2f64.ln()).abs() < 1e-9);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Uncertainty {
    /// Number of Monte-Carlo samples.
    pub samples: u64,
    /// Mean probability of each class.
    pub probabilities: Vec<f64>,
    /// Standard deviation of each class's probability over the samples.
    pub std: Vec<f64>,
    /// Total uncertainty: entropy of the mean probabilities, H(mean p).
    pub predictive_entropy: f64,
    /// Aleatoric uncertainty: mean of the samples' entropies.
    pub expected_entropy: f64,
    /// Epistemic uncertainty: `predictive_entropy - expected_entropy`, at least zero. It is the
    /// mutual information between the class and the weights.
    pub mutual_information: f64,
}

impl SampleSums {
    /// Creates sums over `classes` classes, without samples.
    pub fn new(classes: usize) -> Self {
        Self { samples: 0, probabilities: vec![0; classes], squares: vec![0; classes], entropy: 0 }
    }

    /// Returns the number of classes. Only sums with the same number of classes merge.
    pub fn classes(&self) -> usize {
        self.probabilities.len()
    }

    /// Creates sums over `classes` classes, without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub(super) fn try_new(classes: usize) -> Result<Self, TryReserveError> {
        let mut sums = Self::new(0);
        for of_classes in [&mut sums.probabilities, &mut sums.squares] {
            of_classes.try_reserve_exact(classes)?;
            of_classes.resize(classes, 0);
        }
        Ok(sums)
    }

    /// Returns the bytes of the sums over `classes` classes.
    pub(super) const fn bytes(classes: usize) -> usize {
        2 * size_of::<i64>() * classes
    }

    fn grow(&mut self, samples: u64) {
        self.samples += samples;
        assert!(self.samples <= u64::from(MAX_SAMPLES), "at most {MAX_SAMPLES} samples");
    }
}

impl Accumulator for SampleSums {
    type Summary = Uncertainty;

    fn samples(&self) -> u64 {
        self.samples
    }

    fn clear(&mut self) {
        self.samples = 0;
        self.entropy = 0;
        self.probabilities.fill(0);
        self.squares.fill(0);
    }

    fn add(&mut self, logits: &[f32]) {
        assert_eq!(logits.len(), self.probabilities.len(), "one logit for every class");
        self.grow(1);
        let largest = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let shifted = |logit: f32| f64::from(logit) - f64::from(largest);
        let (mut sum, mut weighted) = (0.0, 0.0);
        for &logit in logits {
            let e = libm::exp(shifted(logit));
            sum += e;
            weighted += e * shifted(logit);
        }
        for (class, &logit) in logits.iter().enumerate() {
            let p = libm::exp(shifted(logit)) / sum;
            self.probabilities[class] += fixed(p);
            self.squares[class] += fixed(p * p);
        }
        // H = -sum p ln p with ln p = (x - max) - ln sum.
        self.entropy += fixed(libm::log(sum) - weighted / sum);
    }

    fn merge(&mut self, other: &Self) {
        assert_eq!(other.probabilities.len(), self.probabilities.len(), "the same classes");
        self.grow(other.samples);
        self.entropy += other.entropy;
        let add = |to: &mut [i64], from: &[i64]| to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
        add(&mut self.probabilities, &other.probabilities);
        add(&mut self.squares, &other.squares);
    }

    /// Returns `[samples, entropy, probabilities..., squares...]`.
    fn to_words(&self) -> Vec<i64> {
        let mut words = Vec::with_capacity(2 + 2 * self.probabilities.len());
        // At most MAX_SAMPLES.
        words.extend([self.samples as i64, self.entropy]);
        words.extend(&self.probabilities);
        words.extend(&self.squares);
        words
    }

    fn from_words(words: &[i64]) -> Result<Self, WordsError> {
        if words.len() < 4 || !words.len().is_multiple_of(2) {
            return Err(WordsError::Length(words.len()));
        }
        let samples = u64::try_from(words[0]).unwrap_or(u64::MAX);
        if samples > u64::from(MAX_SAMPLES) {
            return Err(WordsError::Samples(words[0]));
        }
        for (index, &word) in words.iter().enumerate().skip(1) {
            let one = if index == 1 { MOST_ENTROPY } else { 1 << FRACTION_BITS };
            if !(0..=words[0] * one).contains(&word) {
                return Err(WordsError::Range { index, word, samples });
            }
        }
        let (probabilities, squares) = words[2..].split_at((words.len() - 2) / 2);
        Ok(Self {
            samples,
            probabilities: probabilities.into(),
            squares: squares.into(),
            entropy: words[1],
        })
    }

    fn finish_into(&self, uncertainty: &mut Uncertainty) {
        // A single division by this rounds only once.
        let total = self.samples.max(1) as f64 * ONE;
        let Uncertainty { probabilities, std, .. } = uncertainty;
        probabilities.clear();
        probabilities.extend(self.probabilities.iter().map(|&p| p as f64 / total));
        let variance = |(&square, &p): (&i64, &f64)| square as f64 / total - p * p;
        let pairs = self.squares.iter().zip(&*probabilities);
        std.clear();
        std.extend(pairs.map(|pair| libm::sqrt(variance(pair).max(0.0))));
        let entropy_term = |&p: &f64| if p > 0.0 { p * libm::log(p) } else { 0.0 };
        let predictive_entropy =
            probabilities.iter().map(entropy_term).fold(0.0, |sum, term| sum - term);
        let expected_entropy = self.entropy as f64 / total;
        uncertainty.samples = self.samples;
        uncertainty.predictive_entropy = predictive_entropy;
        uncertainty.expected_entropy = expected_entropy;
        uncertainty.mutual_information = (predictive_entropy - expected_entropy).max(0.0);
    }
}

impl Uncertainty {
    /// Returns the `count` most probable classes with their mean probabilities, the most probable
    /// first. Equally probable classes come in the order of their indices.
    ///
    /// # Examples
    /// ```
    /// use bayes8_core::head::classes::Uncertainty;
    ///
    /// let probabilities = vec![0.2, 0.5, 0.3];
    /// let uncertainty = Uncertainty { probabilities, ..Uncertainty::default() };
    /// assert_eq!(uncertainty.top(2), [(1, 0.5), (2, 0.3)]);
    /// ```
    pub fn top(&self, count: usize) -> Vec<(usize, f64)> {
        let mut classes: Vec<(usize, f64)> =
            self.probabilities.iter().copied().enumerate().collect();
        classes.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        classes.truncate(count);
        classes
    }
}

fn fixed(x: f64) -> i64 {
    libm::rint(x * ONE) as i64
}
