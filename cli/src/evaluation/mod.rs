//! What `bayes8 evaluate` reports.

mod compared;
pub(crate) mod measure;
mod provenance;
mod rows;
mod text;

pub(crate) use compared::Compared;
pub(crate) use provenance::Provenance;
pub(crate) use rows::rows;

use crate::style::counted;
use bayes8_convert::metrics::{
    self, AccuracyVersusUncertainty, Comparison, ConvergencePoint, Detection, DriftGaps,
    DriftPoint, Metrics, ReliabilityBin, Selective, Uncertainties, Worst,
};
use bayes8_native::core::head::classes::Uncertainty;
use clap::ValueEnum;
use measure::{Measured, Predicted};
use serde::Serialize;

/// Figures of a model on labelled pictures, and of its peers on the same.
#[derive(Serialize)]
pub(crate) struct Evaluation {
    /// What names the model: `bayes8 inspect` shows the same.
    pub(crate) model_digest: String,
    #[serde(flatten)]
    pub(crate) int8: Figures,
    /// The FP32 network with the same posterior.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fp32: Option<Peer>,
    /// What the training framework recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) golden: Option<Peer>,
    pub(crate) pictures: usize,
    pub(crate) samples: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drift_samples: Option<u32>,
    pub(crate) seed: u64,
    pub(crate) kernel: &'static str,
    pub(crate) threads: usize,
    /// Of the INT8 predictions of the labelled pictures.
    pub(crate) seconds: f64,
    pub(crate) provenance: Provenance,
}

/// What is measured of one model.
#[derive(Clone, Serialize)]
pub(crate) struct Figures {
    #[serde(flatten)]
    pub(crate) metrics: Metrics,
    pub(crate) avu: AccuracyVersusUncertainty,
    pub(crate) selective: Selective,
    pub(crate) reliability: Vec<ReliabilityBin>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) convergence: Vec<ConvergencePoint>,
    /// Figures of the deterministic network, with every weight at its mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mean_weights: Option<Metrics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ood: Option<OutOfDistribution>,
    /// Figures of the pictures before they are corrupted: severity 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drift_clean: Option<Metrics>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) drift: Vec<DriftPoint>,
    /// Accuracy lost to the worst corruption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drift_accuracy_loss: Option<Worst>,
}

/// Noise of the FP32 network's draws.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fp32Noise {
    /// Gaussian, and independent of the INT8 samples
    Own,
    /// That of the INT8 samples, one by one: what differs is then what quantization did, and a few
    /// samples show it
    Int8,
}

/// Another model on the same pictures, and how the INT8 model differs from it.
#[derive(Serialize)]
pub(crate) struct Peer {
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// Monte-Carlo samples of those figures; `None` where recorded predictions do not tell.
    pub(crate) samples: Option<u32>,
    /// Of the draws of the FP32 network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) noise: Option<Fp32Noise>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
    /// Of the predictions from the samples of `compared`.
    pub(crate) comparison: Comparison,
    pub(crate) compared: Compared,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drift_gaps: Option<DriftGaps>,
}

impl Peer {
    /// A peer beside INT8: from as many samples of both, where both have them.
    pub(crate) fn new(int8: &Measured, peer: Measured) -> Self {
        let (compared, comparison) = Compared::new(int8, &peer);
        let Predicted { samples, figures, .. } = peer.whole;
        let drift_gaps = match figures.drift.is_empty() {
            true => None,
            false => DriftGaps::new(&int8.whole.figures.drift, &figures.drift),
        };
        Self { figures, samples, noise: None, seconds: None, comparison, compared, drift_gaps }
    }

    /// What is compared: how many samples, and of which noise.
    pub(crate) fn compared_text(&self) -> String {
        let noise = match self.noise {
            Some(Fp32Noise::Int8) => ", with the same noise",
            _ => "",
        };
        self.compared.text() + noise
    }
}

/// How the pictures of another distribution are told from the labelled ones.
#[derive(Clone, Serialize)]
pub(crate) struct OutOfDistribution {
    pub(crate) pictures: usize,
    pub(crate) predictive_entropy: Detection,
    pub(crate) mutual_information: Detection,
    /// Receiver operating characteristics by predictive entropy and by mutual information.
    #[serde(skip)]
    pub(crate) roc: [Vec<[f64; 2]>; 2],
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
    /// The figures of predictions for pictures with these labels; `unknown` are those of another
    /// distribution. The rest is for the caller to fill in.
    fn new(predictions: &[Uncertainty], labels: &[i64], unknown: Option<&Uncertainties>) -> Self {
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
            ood: unknown.map(|unknown| OutOfDistribution::new(&known, unknown)),
            drift_clean: None,
            drift: Vec::new(),
            drift_accuracy_loss: None,
        }
    }

    /// Adds the figures of corrupted pictures, and of the clean ones from as many samples.
    fn set_drift(&mut self, clean: Metrics, points: Vec<DriftPoint>) {
        self.drift_accuracy_loss = metrics::largest_accuracy_loss(&clean, &points);
        self.drift_clean = Some(clean);
        self.drift = points;
    }
}

/// One of the models of an evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) name: &'static str,
    /// Monte-Carlo samples of its figures, if that is known.
    pub(crate) samples: Option<u32>,
    pub(crate) figures: &'a Figures,
}

impl Side<'_> {
    /// The name with the number of samples.
    pub(crate) fn label(&self) -> String {
        match self.samples {
            Some(samples) => format!("{}, {}", self.name, counted(samples, "sample")),
            None => format!("{}, samples unknown", self.name),
        }
    }
}

impl Evaluation {
    /// All models, INT8 first.
    pub(crate) fn sides(&self) -> Vec<Side<'_>> {
        let int8 = Side { name: "INT8", samples: Some(self.samples), figures: &self.int8 };
        let peers = self.peers().map(|(name, peer)| {
            let Peer { samples, figures, .. } = peer;
            Side { name, samples: *samples, figures }
        });
        std::iter::once(int8).chain(peers).collect()
    }

    /// The peers of the INT8 model with their names.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (&'static str, &Peer)> {
        let named = [("FP32", self.fp32.as_ref()), ("golden", self.golden.as_ref())];
        named.into_iter().filter_map(|(name, peer)| Some((name, peer?)))
    }

    /// The figures of INT8 and of a peer that can be compared: those from the samples of
    /// [`Peer::compared`].
    pub(crate) fn comparable<'a>(&'a self, peer: &'a Peer) -> [&'a Figures; 2] {
        let Compared { int8, peer: theirs, .. } = &peer.compared;
        [int8.as_ref().unwrap_or(&self.int8), theirs.as_ref().unwrap_or(&peer.figures)]
    }
}
