//! The figures of an evaluation.

use bayes8_core::model::QuantizedModel;
use serde::Serialize;

use crate::compared::Compared;
use crate::figures::Figures;
use crate::measure::{Measured, Predicted};
use crate::metrics::{Comparison, DriftGaps};
use crate::provenance::Provenance;
use crate::style::counted;
use crate::verdict::{self, Missed, Verdict};

/// Figures of a model on labelled pictures, and of its peers on the same. Its JSON is that of
/// `bayes8 evaluate --json`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What names the model: `bayes8 inspect` shows the same.
    pub model_digest: String,
    /// Figures of the INT8 model.
    #[serde(flatten)]
    pub int8: Figures,
    /// The FP32 network with the same posterior.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fp32: Option<Peer>,
    /// What the training framework recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden: Option<Peer>,
    /// Number of labelled pictures.
    pub pictures: usize,
    /// Monte-Carlo samples of each by the INT8 model.
    pub samples: u32,
    /// Samples of each corrupted picture, if there were any.
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
    /// What became of the thresholds that were given.
    pub thresholds: Vec<Verdict>,
    #[serde(skip)]
    pub(crate) model: QuantizedModel,
}

/// Noise of the FP32 network's draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fp32Noise {
    /// Gaussian, and independent of the INT8 samples.
    Own,
    /// That of the INT8 samples, one by one: what differs is then what quantization did, and a few
    /// samples show it.
    Int8,
}

/// Another model on the same pictures, and how the INT8 model differs from it.
#[derive(Debug, Serialize)]
pub struct Peer {
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Monte-Carlo samples of those figures; `None` where recorded predictions do not tell.
    pub samples: Option<u32>,
    /// Noise of the draws of the FP32 network; `None` of recorded predictions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Fp32Noise>,
    /// Duration of the predictions of the labelled pictures; `None` of recorded ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// How INT8 differs, picture by picture, from the samples of `compared`.
    pub comparison: Comparison,
    /// The samples that are compared.
    pub compared: Compared,
    /// How INT8 differs under drift, if there were corrupted pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_gaps: Option<DriftGaps>,
}

impl Peer {
    /// A peer beside INT8: from the same number of samples, where both have them.
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

impl Report {
    /// Succeeds where all thresholds are kept.
    ///
    /// # Errors
    /// [`Missed`], which names all that are missed.
    pub fn check(&self) -> Result<(), Missed> {
        verdict::check(&self.thresholds)
    }

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
    pub fn peers(&self) -> impl Iterator<Item = (&'static str, &Peer)> {
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
