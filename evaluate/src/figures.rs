//! The figures of one model.

use bayes8_core::head::classes::ClassUncertainty;
use serde::Serialize;

use crate::metrics::{
    self, AccuracyVersusUncertainty, ConvergencePoint, Detection, DriftPoint, MemberDisagreement,
    Metrics, ReliabilityBin, Selective, Uncertainties, Worst,
};

/// Figures of one model on labelled pictures.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Accuracy, proper scores, calibration error and mean entropies.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Accuracy versus uncertainty, by predictive entropy.
    pub avu: AccuracyVersusUncertainty,
    /// Selective prediction by predictive entropy.
    pub selective: Selective,
    /// The reliability diagram.
    pub reliability: Vec<ReliabilityBin>,
    /// Figures with 1, 2, 4, ... samples; empty for recorded predictions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub convergence: Vec<ConvergencePoint>,
    /// Figures of the deterministic network, with every weight at its mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_weights: Option<Metrics>,
    /// How much the members of an ensemble disagree; `None` if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_disagreement: Option<MemberDisagreement>,
    /// How well pictures of another distribution are told from these, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ood: Option<OutOfDistribution>,
    /// Figures of the pictures before corruption: severity 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_clean: Option<Metrics>,
    /// Figures of the corrupted pictures; empty if there were none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<DriftPoint>,
    /// Accuracy lost to the worst corruption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_accuracy_loss: Option<Worst>,
}

/// How well pictures of another distribution are told from the labelled ones.
#[derive(Clone, Debug, Serialize)]
pub struct OutOfDistribution {
    /// Number of pictures of another distribution.
    pub pictures: usize,
    /// Detection by total uncertainty.
    pub predictive_entropy: Detection,
    /// Detection by epistemic uncertainty.
    pub mutual_information: Detection,
    /// Receiver operating characteristics by predictive entropy and by mutual information.
    #[serde(skip)]
    pub roc: [Vec<[f64; 2]>; 2],
}

impl OutOfDistribution {
    fn new(known: &Uncertainties, unknown: &Uncertainties) -> Self {
        Self {
            pictures: unknown.predictive_entropy.len(),
            predictive_entropy: Detection::new(
                &known.predictive_entropy,
                &unknown.predictive_entropy,
            ),
            mutual_information: Detection::new(
                &known.mutual_information,
                &unknown.mutual_information,
            ),
            roc: [
                metrics::roc(&known.predictive_entropy, &unknown.predictive_entropy),
                metrics::roc(&known.mutual_information, &unknown.mutual_information),
            ],
        }
    }
}

impl Figures {
    /// The figures of predictions for pictures with these labels; `unknown` are the uncertainties about
    /// pictures of another distribution. The caller fills in the other figures.
    pub(crate) fn new(
        predictions: &[ClassUncertainty],
        labels: &[i64],
        unknown: Option<&Uncertainties>,
    ) -> Self {
        let probabilities = metrics::probabilities(predictions);
        let right = metrics::right(probabilities.view(), labels);
        let known = Uncertainties::of(predictions);
        Self {
            metrics: Metrics::new(predictions, labels),
            avu: AccuracyVersusUncertainty::new(&known.predictive_entropy, &right),
            selective: Selective::new(&known.predictive_entropy, &right),
            reliability: metrics::reliability(probabilities.view(), labels),
            convergence: Vec::new(),
            mean_weights: None,
            member_disagreement: None,
            ood: unknown.map(|unknown| OutOfDistribution::new(&known, unknown)),
            drift_clean: None,
            drift: Vec::new(),
            drift_accuracy_loss: None,
        }
    }

    /// Adds the figures of corrupted pictures, and of the clean ones with the same number of samples.
    pub(crate) fn set_drift(&mut self, clean: Metrics, points: Vec<DriftPoint>) {
        self.drift_accuracy_loss = metrics::largest_accuracy_loss(&clean, &points);
        self.drift_clean = Some(clean);
        self.drift = points;
    }
}
