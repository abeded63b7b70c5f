//! How predictions follow pictures that drift away from the training data.

use serde::Serialize;

use super::detection::{Detection, Uncertainties};
use super::scores::Metrics;

/// Figures of a model on pictures of one corruption and severity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriftPoint {
    /// Name of the corruption.
    pub corruption: String,
    /// Its severity.
    pub severity: u8,
    /// The figures.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// How well uncertainty tells these pictures from clean ones.
    pub auroc: DriftAuroc,
}

/// Areas under the receiver operating characteristic of corrupted pictures against clean ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DriftAuroc {
    /// Area by total uncertainty.
    pub predictive_entropy: f64,
    /// Area by epistemic uncertainty.
    pub mutual_information: f64,
}

impl DriftAuroc {
    /// Compares uncertainties of clean and corrupted pictures, with equal numbers of samples.
    pub fn new(clean: &Uncertainties, corrupted: &Uncertainties) -> Self {
        let auroc = |clean: &[f64], corrupted: &[f64]| Detection::new(clean, corrupted).auroc;
        Self {
            predictive_entropy: auroc(&clean.predictive_entropy, &corrupted.predictive_entropy),
            mutual_information: auroc(&clean.mutual_information, &corrupted.mutual_information),
        }
    }

    /// The larger difference of the two.
    fn gap(self, peer: Self) -> f64 {
        let entropy = (self.predictive_entropy - peer.predictive_entropy).abs();
        entropy.max((self.mutual_information - peer.mutual_information).abs())
    }
}

/// The largest value of a figure over all corruptions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worst {
    /// Name of the corruption.
    pub corruption: String,
    /// Its severity.
    pub severity: u8,
    /// The figure.
    pub value: f64,
}

/// Computes the accuracy lost from the `clean` pictures to the worst corruption; `None` without points.
pub fn largest_accuracy_loss(clean: &Metrics, points: &[DriftPoint]) -> Option<Worst> {
    worst(points.iter().map(|point| (point, clean.accuracy - point.metrics.accuracy)))
}

/// How far two models differ under drift.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriftGaps {
    /// Largest difference of accuracies, between 0 and 1.
    pub accuracy: Worst,
    /// Largest difference of mean predictive entropies, as a share of the peer's.
    pub predictive_entropy: Worst,
    /// Largest difference of areas under the receiver operating characteristic.
    pub auroc: Worst,
}

impl DriftGaps {
    /// Compares two models on the same corruptions; `None` without points.
    ///
    /// # Panics
    /// When the corruptions differ.
    pub fn new(points: &[DriftPoint], peer: &[DriftPoint]) -> Option<Self> {
        let key = |point: &DriftPoint| (point.corruption.clone(), point.severity);
        assert!(points.iter().map(key).eq(peer.iter().map(key)), "the same corruptions");
        let pairs = || points.iter().zip(peer);
        let accuracy = pairs().map(|(a, b)| (a, (a.metrics.accuracy - b.metrics.accuracy).abs()));
        let entropy = pairs().map(|(a, b)| {
            let (a_nats, b_nats) =
                (a.metrics.mean_predictive_entropy, b.metrics.mean_predictive_entropy);
            (a, (a_nats / b_nats - 1.0).abs())
        });
        let auroc = pairs().map(|(a, b)| (a, a.auroc.gap(b.auroc)));
        Some(Self {
            accuracy: worst(accuracy)?,
            predictive_entropy: worst(entropy)?,
            auroc: worst(auroc)?,
        })
    }
}

fn worst<'a>(values: impl Iterator<Item = (&'a DriftPoint, f64)>) -> Option<Worst> {
    let (point, value) = values.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Worst { corruption: point.corruption.clone(), severity: point.severity, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    fn point(severity: u8, accuracy: f64, entropy: f64) -> DriftPoint {
        let metrics = Metrics {
            accuracy,
            nll: 0.0,
            brier: 0.0,
            ece: 0.0,
            mean_predictive_entropy: entropy,
            mean_expected_entropy: entropy,
            mean_mutual_information: 0.0,
        };
        let auroc = DriftAuroc { predictive_entropy: entropy / 2.0, mutual_information: 0.5 };
        DriftPoint { corruption: "contrast".into(), severity, metrics, auroc }
    }

    #[test]
    fn the_worst_point_is_named() {
        let int8 = [point(1, 0.9, 0.5), point(3, 0.6, 1.1), point(5, 0.7, 1.0)];
        let loss = largest_accuracy_loss(&point(0, 0.95, 0.4).metrics, &int8).unwrap();
        assert_eq!((loss.corruption.as_str(), loss.severity), ("contrast", 3));
        close(loss.value, 0.35);
        let fp32 = [point(1, 0.92, 0.5), point(3, 0.6, 1.0), point(5, 0.69, 1.0)];
        let gaps = DriftGaps::new(&int8, &fp32).unwrap();
        assert_eq!((gaps.accuracy.severity, gaps.predictive_entropy.severity), (1, 3));
        assert_eq!(gaps.auroc.severity, 3);
        close(gaps.auroc.value, 0.05);
        close(gaps.accuracy.value, 0.02);
        close(gaps.predictive_entropy.value, 0.1);
        assert_eq!(DriftGaps::new(&[], &[]), None);
    }
}
