//! Scores of calibration examples.

use bayes8_core::conformal::{ClassScore, label_score, residual_score};
use ndarray::ArrayView2;

use crate::metrics::pairs;

/// Computes the scores of the labels of calibration examples, from mean probabilities
/// `[examples, classes]`.
///
/// # Panics
/// When the counts differ or a label is not a class.
pub fn class_scores(
    score: ClassScore,
    probabilities: ArrayView2<'_, f64>,
    labels: &[i64],
) -> Vec<f64> {
    pairs(probabilities, labels).map(|(p, label)| score.score(&p.to_vec(), label)).collect()
}

/// Computes the scores of the answers to one label of calibration examples.
///
/// # Panics
/// When the lengths differ.
pub fn label_scores(probabilities: &[f64], present: &[bool]) -> Vec<f64> {
    assert_eq!(probabilities.len(), present.len(), "one probability for every example");
    probabilities.iter().zip(present).map(|(&p, &present)| label_score(p, present)).collect()
}

/// Computes the normalized residuals of calibration examples.
///
/// # Panics
/// When the lengths differ.
pub fn residual_scores(means: &[f64], stds: &[f64], truth: &[f64]) -> Vec<f64> {
    assert_eq!(means.len(), truth.len(), "one mean for every true value");
    assert_eq!(stds.len(), truth.len(), "one standard deviation for every true value");
    let predictions = means.iter().zip(stds).zip(truth);
    predictions.map(|((&mean, &std), &y)| residual_score(y, mean, std)).collect()
}
