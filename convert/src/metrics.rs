//! How good a set of predictions is, and whether two sets rank their uncertainty alike.
//!
//! Probabilities are `[pictures, classes]`, labels one class index a picture. A prediction is the
//! most probable class, of equal ones the first.

mod comparison;
mod convergence;
mod detection;
mod drift;
mod reliability;
mod selective;

pub use comparison::{Comparison, Difference, mutual_information_ranks, predictive_entropy_ranks};
pub use convergence::{Convergence, ConvergencePoint, Estimate};
pub use detection::{Detection, Uncertainties, roc};
pub use drift::{DriftAuroc, DriftGaps, DriftPoint, Worst, largest_accuracy_loss};
pub use reliability::{ReliabilityBin, reliability};
pub use selective::{AccuracyVersusUncertainty, COVERAGES, Selective};

use bayes8_core::head::classes::Uncertainty;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::Serialize;
use thiserror::Error;

/// Bins of [`ece`].
pub const ECE_BINS: usize = 15;

/// Smallest probability that [`nll`] takes a logarithm of. The integer sums of an INT8 prediction
/// end at 2^-30, so a true class may have probability 0; it then costs 27.6 nats.
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

/// A label that is no class of the model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("label {label} of picture {picture} is no class: the model has {classes}")]
pub struct LabelError {
    /// Index of the picture.
    pub picture: usize,
    /// Its label.
    pub label: i64,
    /// Classes of the model.
    pub classes: usize,
}

/// Checks that every label is one of `classes` classes.
///
/// # Errors
/// [`LabelError`], which names the first picture with another label.
pub fn check_labels(labels: &[i64], classes: usize) -> Result<(), LabelError> {
    let is_class = |label: i64| usize::try_from(label).is_ok_and(|label| label < classes);
    match labels.iter().position(|&label| !is_class(label)) {
        Some(picture) => Err(LabelError { picture, label: labels[picture], classes }),
        None => Ok(()),
    }
}

impl Metrics {
    /// Figures of `predictions`, with `labels` a class each; NaN where there are none.
    ///
    /// # Panics
    /// When the counts differ or a label is no class ([`check_labels`]).
    pub fn new(predictions: &[Uncertainty], labels: &[i64]) -> Self {
        let probabilities = probabilities(predictions);
        let probabilities = probabilities.view();
        let mean_of = |part: fn(&Uncertainty) -> f64| mean(predictions.iter().map(part));
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

/// Mean probabilities `[pictures, classes]` of predictions.
pub fn probabilities(predictions: &[Uncertainty]) -> Array2<f64> {
    let classes = predictions.first().map_or(0, |u| u.probabilities.len());
    Array2::from_shape_fn((predictions.len(), classes), |(n, class)| {
        predictions[n].probabilities[class]
    })
}

/// Whether the predicted class of each picture is its label.
///
/// # Panics
/// When the counts differ or a label is no class ([`check_labels`]).
pub fn right(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> Vec<bool> {
    pairs(probabilities, labels).map(|(p, label)| best(p).0 == label).collect()
}

/// Share of pictures whose predicted class is the label.
pub fn accuracy(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> f64 {
    mean(right(probabilities, labels).into_iter().map(f64::from))
}

/// Mean negative log-likelihood of the labels, in nats; probabilities below [`NLL_FLOOR`] count
/// as that.
pub fn nll(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> f64 {
    mean(pairs(probabilities, labels).map(|(p, label)| -p[label].max(NLL_FLOOR).ln()))
}

/// Mean over the pictures of the squared distance between probabilities and label, summed over the
/// classes: 0 is perfect, 2 the worst.
pub fn brier(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> f64 {
    mean(pairs(probabilities, labels).map(|(p, label)| {
        let distance = |(class, p): (usize, &f64)| p - f64::from(class == label);
        p.iter().enumerate().map(distance).map(|d| d * d).sum()
    }))
}

/// Expected calibration error (Naeini et al., AAAI 2015): pictures go into [`ECE_BINS`] bins of equal
/// width by the largest probability (`[0, 1/15)`, ..., `[14/15, 1]`); the result is the mean over the
/// pictures of the difference between their bin's accuracy and its mean largest probability.
pub fn ece(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> f64 {
    let bins = reliability(probabilities, labels).into_iter().filter(|bin| bin.count > 0);
    let gaps = bins.map(|bin| bin.count as f64 * (bin.accuracy - bin.confidence).abs());
    gaps.sum::<f64>() / labels.len() as f64
}

/// Spearman's rank correlation; equal values share the mean of their ranks. NaN where one side is
/// constant or has fewer than two values.
///
/// # Panics
/// When the lengths differ.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "pairs of values");
    let (a, b) = (ranks(a), ranks(b));
    // The mean rank, whatever the ties.
    let middle = (a.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum()
    };
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// Mutual information, in nats, that equal samples can have: sums of samples are rounded to 2^-30.
const ROUNDING: f64 = 1e-7;

/// The mutual information of each picture, in nats; 0 where that of all is rounding, as it is of
/// a deterministic model and of a single sample: it has no order that could tell pictures apart.
pub(crate) fn mutual_information(predictions: &[Uncertainty]) -> Vec<f64> {
    let values: Vec<f64> = predictions.iter().map(|u| u.mutual_information).collect();
    let is_rounding = values.iter().all(|&value| value < ROUNDING);
    if is_rounding { vec![0.0; values.len()] } else { values }
}

/// Rank of every value, from 0; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank);
        first += equal.len();
    }
    ranks
}

pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Every picture's probabilities with its label.
fn pairs<'a>(
    probabilities: ArrayView2<'a, f64>,
    labels: &'a [i64],
) -> impl ExactSizeIterator<Item = (ArrayView1<'a, f64>, usize)> {
    assert_eq!(probabilities.nrows(), labels.len(), "one label for every picture");
    if let Err(error) = check_labels(labels, probabilities.ncols()) {
        panic!("{error}");
    }
    (0..labels.len()).map(move |n| (probabilities.index_axis_move(Axis(0), n), labels[n] as usize))
}

/// Most probable class and its probability.
fn best(probabilities: ArrayView1<'_, f64>) -> (usize, f64) {
    let all = probabilities.iter().copied().enumerate();
    all.fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// A prediction of four samples.
    pub(super) fn prediction(probabilities: [f64; 2], total: f64, aleatoric: f64) -> Uncertainty {
        Uncertainty {
            samples: 4,
            probabilities: probabilities.to_vec(),
            std: vec![0.0; 2],
            predictive_entropy: total,
            expected_entropy: aleatoric,
            mutual_information: total - aleatoric,
        }
    }

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
    fn spearman_matches_values_computed_by_hand() {
        close(spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 21.0]), 1.0);
        close(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        // Without ties: 1 - 6 * sum d^2 / (n (n^2 - 1)) with d = 1, 1, 0, 0.
        close(spearman(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 3.0, 4.0]), 0.8);
        // Ranks 0, 1.5, 1.5, 3 and 0, 1, 2, 3: 4.5 / sqrt(4.5 * 5).
        close(spearman(&[1.0, 2.0, 2.0, 9.0], &[1.0, 2.0, 3.0, 4.0]), 4.5 / 22.5f64.sqrt());
        assert!(spearman(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
        assert!(spearman(&[], &[]).is_nan());
    }

    #[test]
    fn labels_must_be_classes() {
        assert_eq!(check_labels(&[0, 2], 3), Ok(()));
        for label in [-1, 3, i64::MIN, i64::MAX] {
            let error = LabelError { picture: 1, label, classes: 3 };
            assert_eq!(check_labels(&[0, label], 3), Err(error));
        }
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
