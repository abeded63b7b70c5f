//! Standard errors: how far the figures of S weight samples typically are from those of infinitely many.
//!
//! They follow from the same integer sums as the figures. A mean over S samples has the error
//! `sqrt(variance / (S - 1))`. Entropies of means have the error to first order, as if the errors of the
//! probabilities conspired: it is an upper bound, but zero where the entropy is at its maximum. The error of the
//! mutual information is the sum of the errors of both entropies. `docs/NUMERICS.md` has the operations.

use super::fixed::{ONE, SQUARES_ONE};
use crate::numerics::square_root;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The standard errors of the figures of one picture's classes.
///
/// # Examples
/// The probabilities of two samples are 1 and 0: their mean may be wrong by as much as it is.
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::classes::ClassSums;
///
/// let mut sums = ClassSums::new(2);
/// sums.add(&[50.0, 0.0]);
/// assert_eq!(sums.finish().standard_errors, None); // one sample says nothing about its error
/// sums.add(&[0.0, 50.0]);
/// let errors = sums.finish().standard_errors.expect("two samples");
/// assert_eq!(errors.probabilities, [0.5, 0.5]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassErrors {
    /// Standard error of the mean probability of each class.
    pub probabilities: Vec<f64>,
    /// The most that the error of the predictive entropy is, to first order, in nats.
    pub predictive_entropy: f64,
    /// Standard error of the expected entropy, in nats.
    pub expected_entropy: f64,
    /// The sum of the errors of both entropies, in nats.
    pub mutual_information: f64,
}

/// The standard errors of the figures of one picture's labels: one of each label in each list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelErrors {
    /// Standard error of the mean probability of each label.
    pub probabilities: Vec<f64>,
    /// Standard error of the entropy of each mean probability, to first order, in nats.
    pub predictive_entropy: Vec<f64>,
    /// Standard error of each expected entropy, in nats.
    pub expected_entropy: Vec<f64>,
    /// The sum of the errors of both entropies of each label, in nats.
    pub mutual_information: Vec<f64>,
}

/// The standard errors of the figures of one picture's targets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetErrors {
    /// Standard error of the mean of each target, in its unit.
    pub mean: Vec<f64>,
}

impl ClassErrors {
    /// Returns all in one list: `[probabilities..., predictive entropy, expected entropy, mutual information]`.
    pub fn figures(&self) -> Vec<f64> {
        let entropies = [self.predictive_entropy, self.expected_entropy, self.mutual_information];
        [&self.probabilities[..], &entropies].concat()
    }
}

impl LabelErrors {
    /// Returns all in one list: `[probabilities..., predictive entropies..., expected entropies..., mutual
    /// information...]`.
    pub fn figures(&self) -> Vec<f64> {
        let Self { probabilities, predictive_entropy, expected_entropy, mutual_information } = self;
        [&probabilities[..], predictive_entropy, expected_entropy, mutual_information].concat()
    }
}

impl TargetErrors {
    /// Returns those of the means.
    pub fn figures(&self) -> Vec<f64> {
        self.mean.clone()
    }
}

/// The number of samples less one, by which the variance of a mean is divided. There are none for fewer than two
/// samples, whose error is not known.
#[derive(Clone, Copy)]
pub(super) struct Freedom(f64);

impl Freedom {
    /// `None` for fewer than two samples.
    pub(super) fn of(samples: u64) -> Option<Self> {
        (samples > 1).then(|| Self((samples - 1) as f64))
    }

    /// Returns the standard error of the mean of probabilities, or of entropies of labels, from the mean of their
    /// squares.
    pub(super) fn of_mean(self, mean: f64, squares: f64) -> f64 {
        self.error(mean, squares, 1.0 / ONE)
    }

    /// Returns the standard error of the mean of entropies of classes from the mean of their squares.
    pub(super) fn of_entropies(self, mean: f64, squares: f64) -> f64 {
        self.error(mean, squares, 1.0 / SQUARES_ONE)
    }

    /// Returns the standard error of a mean whose samples have the standard deviation `std`.
    pub(super) fn of_std(self, std: f64) -> f64 {
        std / square_root(self.0)
    }

    /// `unit` is that of the squares. Rounding numbers and their squares makes less of a variance than the bound, so
    /// that equal samples have no error.
    fn error(self, mean: f64, squares: f64, unit: f64) -> f64 {
        let variance = squares - mean * mean;
        if variance > unit + mean / ONE { square_root(variance / self.0) } else { 0.0 }
    }
}

/// Returns the most that the entropy of mean probabilities with these errors is wrong, to first order.
///
/// Its change is `-sum log p_c dp_c`. As the changes dp_c of all probabilities sum to zero, any k may be added to the
/// logarithms; their mean, weighted by the errors, makes the bound small.
pub(super) fn of_entropy(probabilities: &[f64], errors: &[f64]) -> f64 {
    let terms = || {
        let pairs = probabilities.iter().zip(errors);
        let wrong = pairs.filter(|&(&p, &error)| p > 0.0 && error > 0.0);
        wrong.map(|(&p, &error)| (libm::log(p), error))
    };
    let total = terms().fold(0.0, |sum, (_, error)| sum + error);
    if total == 0.0 {
        return 0.0;
    }
    let k = terms().fold(0.0, |sum, (log, error)| sum + error * log) / total;
    terms().fold(0.0, |sum, (log, error)| sum + (log - k).abs() * error)
}

/// Returns the standard error of the entropy of the two outcomes of a label, to first order.
pub(super) fn of_binary_entropy(probability: f64, error: f64) -> f64 {
    match probability > 0.0 && probability < 1.0 && error > 0.0 {
        true => (libm::log(probability) - libm::log(1.0 - probability)).abs() * error,
        false => 0.0,
    }
}
