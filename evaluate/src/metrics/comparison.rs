//! How far the predictions of two models differ, picture by picture.

use bayes8_core::head::classes::ClassUncertainty;
use serde::Serialize;

use super::ranks::{mutual_information, spearman};

/// Predictions of a model compared with those of a peer for the same pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Rank correlation of the pictures' predictive entropies.
    pub spearman_predictive_entropy: f64,
    /// Rank correlation of the pictures' mutual information; NaN if a model has none.
    pub spearman_mutual_information: f64,
    /// Share of pictures for which both predict the same class.
    pub same_class: f64,
    /// Difference of probabilities: for each picture, that of the class that differs most.
    pub probability: Difference,
    /// Difference of predictive entropies, in nats.
    pub predictive_entropy: Difference,
    /// Difference of mutual information, in nats.
    pub mutual_information: Difference,
}

/// A difference over many pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Mean of the absolute differences.
    pub mean: f64,
    /// The largest absolute difference.
    pub largest: f64,
    /// Index of the picture that has it.
    pub picture: usize,
}

impl Comparison {
    /// Compares predictions; figures are NaN if there are none.
    ///
    /// # Panics
    /// When the counts of pictures or classes differ.
    pub fn new(model: &[ClassUncertainty], peer: &[ClassUncertainty]) -> Self {
        assert_eq!(model.len(), peer.len(), "the same pictures");
        let by = |part: fn(&ClassUncertainty) -> f64| {
            Difference::of(model.iter().zip(peer).map(|(a, b)| (part(a) - part(b)).abs()))
        };
        let pairs = || model.iter().zip(peer);
        let same = pairs().filter(|(a, b)| predicted(a) == predicted(b)).count();
        Self {
            spearman_predictive_entropy: predictive_entropy_ranks(model, peer),
            spearman_mutual_information: mutual_information_ranks(model, peer),
            same_class: same as f64 / model.len() as f64,
            probability: Difference::of(pairs().map(|(a, b)| {
                assert_eq!(a.probabilities.len(), b.probabilities.len(), "the same classes");
                let classes = a.probabilities.iter().zip(&b.probabilities);
                classes.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
            })),
            predictive_entropy: by(|u| u.predictive_entropy),
            mutual_information: by(|u| u.mutual_information),
        }
    }
}

/// Computes Spearman's rank correlation of two models' predictive entropies for the same pictures.
///
/// # Panics
/// When the counts differ.
pub fn predictive_entropy_ranks(a: &[ClassUncertainty], b: &[ClassUncertainty]) -> f64 {
    let values = |side: &[ClassUncertainty]| -> Vec<f64> {
        side.iter().map(|u| u.predictive_entropy).collect()
    };
    spearman(&values(a), &values(b))
}

/// Computes Spearman's rank correlation of two models' mutual information for the same pictures; NaN if
/// a model has none.
///
/// # Panics
/// When the counts differ.
pub fn mutual_information_ranks(a: &[ClassUncertainty], b: &[ClassUncertainty]) -> f64 {
    spearman(&mutual_information(a), &mutual_information(b))
}

fn predicted(u: &ClassUncertainty) -> Option<usize> {
    u.top(1).first().map(|(class, _)| *class)
}

impl Difference {
    fn of(differences: impl Iterator<Item = f64>) -> Self {
        let (mut sum, mut count) = (0.0, 0.0);
        let (mut largest, mut at) = (f64::NAN, 0);
        for (picture, difference) in differences.enumerate() {
            sum += difference;
            count += 1.0;
            if largest.is_nan() || difference > largest {
                (largest, at) = (difference, picture);
            }
        }
        Self { mean: sum / count, largest, picture: at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::{close, prediction};

    #[test]
    fn differences_name_their_picture() {
        let model = [prediction([0.9, 0.1], 0.3, 0.2), prediction([0.4, 0.6], 0.6, 0.3)];
        let peer = [prediction([0.8, 0.2], 0.4, 0.2), prediction([0.7, 0.3], 0.5, 0.3)];
        let comparison = Comparison::new(&model, &peer);
        close(comparison.same_class, 0.5);
        close(comparison.probability.largest, 0.3);
        close(comparison.probability.mean, 0.2);
        assert_eq!(comparison.probability.picture, 1);
        close(comparison.predictive_entropy.mean, 0.1);
        close(comparison.spearman_predictive_entropy, 1.0);
        // 0.1 and 0.3 against 0.2 and 0.2: no ranks.
        assert!(comparison.spearman_mutual_information.is_nan());
        assert!(Comparison::new(&[], &[]).same_class.is_nan());
    }

    #[test]
    fn rounding_has_no_ranks() {
        let with =
            |information: [f64; 2]| information.map(|i| prediction([0.9, 0.1], 0.3, 0.3 - i));
        let [bayesian, deterministic] = [with([1e-6, 2e-6]), with([1e-9, 2e-9])];
        close(mutual_information_ranks(&bayesian, &bayesian), 1.0);
        assert!(mutual_information_ranks(&bayesian, &deterministic).is_nan());
        assert!(mutual_information_ranks(&deterministic, &bayesian).is_nan());
    }
}
