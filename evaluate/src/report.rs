//! The figures of an evaluation.

use bayes8_core::model::QuantizedModel;
use serde::Serialize;

use crate::compared::Compared;
use crate::conformal::ConformalReport;
use crate::figures::Figures;
use crate::measure::{Measured, Predicted};
use crate::metrics::{Comparison, DriftGaps};
use crate::provenance::Provenance;
use crate::randomness::RandomnessReport;
use crate::style::counted;
use crate::verdict::{self, Missed, Verdict};

/// Figures of a model and its peers on the same labelled pictures. `bayes8 evaluate --json` prints it.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Identifies the model: `bayes8 inspect` shows it too.
    pub model_digest: String,
    /// What varies from one sample of the model to the next.
    pub randomness: RandomnessReport,
    /// Figures of the INT8 model.
    #[serde(flatten)]
    pub int8: Figures,
    /// The FP32 network with the same posterior.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fp32: Option<Peer>,
    /// The predictions that the training framework recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden: Option<Peer>,
    /// Number of labelled pictures.
    pub pictures: usize,
    /// Monte-Carlo samples of the INT8 model per picture.
    pub samples: u32,
    /// Samples per corrupted picture, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_samples: Option<u32>,
    /// Seed of the weights.
    pub seed: u64,
    /// The kernel of the INT8 model.
    pub kernel: &'static str,
    /// Threads of the INT8 model.
    pub threads: usize,
    /// Duration of the INT8 predictions of the labelled pictures.
    pub seconds: f64,
    /// Program, command line and files.
    pub provenance: Provenance,
    /// Conformal prediction, if it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conformal: Option<ConformalReport>,
    /// Verdicts on the given thresholds and on conformal coverage.
    pub thresholds: Vec<Verdict>,
    #[serde(skip)]
    pub(crate) model: QuantizedModel,
}

/// Noise of the FP32 network's draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fp32Noise {
    /// Gaussian noise, independent of the INT8 samples.
    Own,
    /// The noise of the INT8 samples, one by one: only quantization then makes a difference, and a few
    /// samples show it.
    Int8,
}

/// Another model on the same pictures, and how the INT8 model differs from it.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Peer {
    /// Figures of the peer.
    #[serde(flatten)]
    pub figures: Figures,
    /// Monte-Carlo samples of these figures; `None` if recorded predictions do not say.
    pub samples: Option<u32>,
    /// Noise of the FP32 network's draws; `None` for recorded predictions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Fp32Noise>,
    /// Duration of the predictions of the labelled pictures; `None` for recorded predictions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// How INT8 differs, picture by picture, with the samples of `compared`.
    pub comparison: Comparison,
    /// The samples that are compared.
    pub compared: Compared,
    /// How INT8 differs under drift, if there were corrupted pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_gaps: Option<DriftGaps>,
}

impl Peer {
    /// Compares a peer with INT8, with equal numbers of samples if both have them.
    pub(crate) fn new(int8: &Measured, peer: Measured) -> Self {
        let (compared, comparison) = Compared::new(int8, &peer);
        let Predicted { samples, figures, .. } = peer.whole;
        let drift_gaps = match figures.drift.is_empty() {
            true => None,
            false => DriftGaps::new(&int8.whole.figures.drift, &figures.drift),
        };
        Self { figures, samples, noise: None, seconds: None, comparison, compared, drift_gaps }
    }

    /// The samples that are compared and their noise, in words.
    pub(crate) fn compared_text(&self) -> String {
        let noise = match self.noise {
            Some(Fp32Noise::Int8) => ", with the same noise",
            _ => "",
        };
        self.compared.text() + noise
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
    /// The name and the number of samples.
    pub(crate) fn label(&self) -> String {
        match self.samples {
            Some(samples) => format!("{}, {}", self.name, counted(samples, "sample")),
            None => format!("{}, samples unknown", self.name),
        }
    }
}

impl Report {
    /// Succeeds if all thresholds are kept.
    ///
    /// # Errors
    /// [`Missed`], which names every missed threshold.
    pub fn check(&self) -> Result<(), Missed> {
        verdict::check(&self.thresholds)
    }

    /// All models; INT8 is first.
    pub(crate) fn sides(&self) -> Vec<Side<'_>> {
        let int8 = Side { name: "INT8", samples: Some(self.samples), figures: &self.int8 };
        let peers = self.peers().map(|(name, peer)| {
            let Peer { samples, figures, .. } = peer;
            Side { name, samples: *samples, figures }
        });
        std::iter::once(int8).chain(peers).collect()
    }

    /// Returns the peers of the INT8 model with their names.
    pub fn peers(&self) -> impl Iterator<Item = (&'static str, &Peer)> {
        let named = [("FP32", self.fp32.as_ref()), ("golden", self.golden.as_ref())];
        named.into_iter().filter_map(|(name, peer)| Some((name, peer?)))
    }

    /// The comparable figures of INT8 and of a peer: those with the samples of [`Peer::compared`].
    pub(crate) fn comparable<'a>(&'a self, peer: &'a Peer) -> [&'a Figures; 2] {
        let Compared { int8, peer: theirs, .. } = &peer.compared;
        [int8.as_ref().unwrap_or(&self.int8), theirs.as_ref().unwrap_or(&peer.figures)]
    }
}
