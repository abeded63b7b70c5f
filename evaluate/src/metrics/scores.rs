//! Accuracy, proper scores and calibration error.

use bayes8_core::head::classes::ClassUncertainty;
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use super::labels::{pairs, right};
use super::reliability::{calibration_error, reliability};

/// Smallest probability whose logarithm [`nll`] takes. The integer sums of an INT8 prediction end at
/// 2^-30, so a true class may have probability 0; it then costs 27.6 nats.
pub const NLL_FLOOR: f64 = 1e-12;

/// Figures of the predictions for labelled pictures. Entropies are in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Share of pictures whose predicted class is the label.
    pub accuracy: f64,
    /// Mean negative log-likelihood of the labels, in nats.
    pub nll: f64,
    /// Mean Brier score, between 0 and 2.
    pub brier: f64,
    /// Expected calibration error.
    pub ece: f64,
    /// Mean total uncertainty.
    pub mean_predictive_entropy: f64,
    /// Mean aleatoric uncertainty.
    pub mean_expected_entropy: f64,
    /// Mean epistemic uncertainty.
    pub mean_mutual_information: f64,
}

impl Metrics {
    /// Computes the figures of `predictions` for pictures whose classes are `labels`; NaN if there are
    /// none.
    ///
    /// # Panics
    /// When the counts differ or a label is not a class ([`check_labels`](super::labels::check_labels)).
    pub fn new(predictions: &[ClassUncertainty], labels: &[i64]) -> Self {
        let probabilities = probabilities(predictions);
        let probabilities = probabilities.view();
        let mean_of = |part: fn(&ClassUncertainty) -> f64| mean(predictions.iter().map(part));
        Self {
            accuracy: accuracy(probabilities, labels),
            nll: nll(probabilities, labels),
            brier: brier(probabilities, labels),
            ece: ece(probabilities, labels),
            mean_predictive_entropy: mean_of(|u| u.predictive_entropy),
            mean_expected_entropy: mean_of(|u| u.expected_entropy),
            mean_mutual_information: mean_of(|u| u.mutual_information),
        }
    }
}

/// Collects the mean probabilities `[pictures, classes]` of predictions.
pub fn probabilities(predictions: &[ClassUncertainty]) -> Array2<f64> {
    let classes = predictions.first().map_or(0, |u| u.probabilities.len());
    Array2::from_shape_fn((predictions.len(), classes), |(n, class)| {
        predictions[n].probabilities[class]
    })
}

/// Computes the share of pictures whose predicted class is the label.
pub fn accuracy(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> f64 {
    mean(right(probabilities, labels).into_iter().map(f64::from))
}

/// Computes the mean negative log-likelihood of the labels, in nats. Probabilities below [`NLL_FLOOR`]
/// count as that number.
pub fn nll(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> f64 {
    mean(pairs(probabilities, labels).map(|(p, label)| surprise(p[label])))
}

/// The negative logarithm of the probability of what is true, in nats.
pub(crate) fn surprise(p: f64) -> f64 {
    -p.max(NLL_FLOOR).ln()
}

/// The squared distance between probabilities and label, summed over the classes.
pub(crate) fn squared_distance(probabilities: impl Iterator<Item = f64>, label: usize) -> f64 {
    let distance = |(class, p): (usize, f64)| p - f64::from(class == label);
    probabilities.enumerate().map(distance).map(|d| d * d).sum()
}

/// Computes the mean Brier score: the squared distance between probabilities and label, summed over the
/// classes. 0 is perfect, 2 the worst.
pub fn brier(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> f64 {
    mean(pairs(probabilities, labels).map(|(p, label)| squared_distance(p.iter().copied(), label)))
}

/// Computes the expected calibration error (Naeini et al., AAAI 2015). Pictures go into
/// [`ECE_BINS`](super::reliability::ECE_BINS) bins of equal width by the largest probability
/// (`[0, 1/15)`, ..., `[14/15, 1]`); the result is the mean over the pictures of the difference between
/// their bin's accuracy and its mean largest probability.
pub fn ece(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> f64 {
    calibration_error(&reliability(probabilities, labels))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::{close, prediction};
    use ndarray::array;

    #[test]
    fn matches_values_computed_by_hand() {
        let p = array![[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.0, 0.0, 1.0]];
        let labels = [0, 2, 2];
        close(accuracy(p.view(), &labels), 2.0 / 3.0);
        close(nll(p.view(), &labels), (2f64.ln() + 8f64.ln()) / 3.0);
        // 0.25 + 0.0625 + 0.0625; 0.015625 + 0.5625 + 0.765625; 0.
        close(brier(p.view(), &labels), (0.375 + 1.34375) / 3.0);
        // Bins 7, 11 and 14 hold one picture each.
        close(ece(p.view(), &labels), (0.5 + 0.75 + 0.0) / 3.0);
    }

    #[test]
    fn calibration_error_compares_whole_bins() {
        // Both lie in bin [0.8, 0.867); one of them is right: |(1 - 0.82) + (0 - 0.84)| / 2.
        let p = array![[0.82, 0.18], [0.84, 0.16]];
        close(ece(p.view(), &[0, 1]), 0.33);
        // Another pair, right and wrong, in two bins: their errors do not cancel out.
        let p = array![[0.625, 0.375], [0.5625, 0.4375]];
        close(ece(p.view(), &[0, 1]), (0.375 + 0.5625) / 2.0);
    }

    #[test]
    fn the_worst_prediction_is_finite() {
        let p = array![[1.0, 0.0]];
        close(nll(p.view(), &[1]), -NLL_FLOOR.ln());
        close(brier(p.view(), &[1]), 2.0);
        close(ece(p.view(), &[1]), 1.0);
    }

    #[test]
    fn equal_probabilities_predict_the_first_class() {
        let p = array![[0.5, 0.5], [0.5, 0.5]];
        close(accuracy(p.view(), &[0, 1]), 0.5);
    }

    #[test]
    fn all_figures_of_predictions() {
        let predictions = [prediction([1.0, 0.0], 0.5, 0.25), prediction([0.5, 0.5], 1.5, 0.75)];
        let metrics = Metrics::new(&predictions, &[0, 1]);
        close(metrics.accuracy, 0.5);
        close(metrics.nll, 2f64.ln() / 2.0);
        close(metrics.brier, 0.25);
        close(metrics.ece, 0.25);
        close(metrics.mean_predictive_entropy, 1.0);
        close(metrics.mean_expected_entropy, 0.5);
        close(metrics.mean_mutual_information, 0.5);
        assert!(Metrics::new(&[], &[]).accuracy.is_nan());
    }
}
