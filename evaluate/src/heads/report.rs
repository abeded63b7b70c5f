//! The figures of an evaluation of targets, labels or a map, and of any evaluation.

use bayes8_core::model::QuantizedModel;
use serde::Serialize;

use super::examples::Truth;
use super::figures::{HeadAgreement, HeadFigures};
use crate::conformal::ConformalReport;
use crate::maps::picture::Picture;
use crate::provenance::Provenance;
use crate::randomness::RandomnessReport;
use crate::report::{Fp32Noise, Report};
use crate::style::Style;
use crate::verdict::{self, Missed, Verdict};

/// The result of an evaluation, whatever the head. In JSON it is the object of the report.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Evaluation {
    /// Of classes.
    Classes(Box<Report>),
    /// Of targets, labels or a map.
    Head(Box<HeadReport>),
}

/// Figures of targets, labels or a map of a model and of its FP32 network, on the same examples.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct HeadReport {
    /// Identifies the model: `bayes8 inspect` shows it too.
    pub model_digest: String,
    /// The name of the output.
    pub output: String,
    /// The name of its head.
    pub head: &'static str,
    /// What varies from one sample of the model to the next.
    pub randomness: RandomnessReport,
    /// Figures of the INT8 model.
    #[serde(flatten)]
    pub int8: HeadFigures,
    /// The FP32 network with the same posterior.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fp32: Option<HeadPeer>,
    /// Number of examples.
    pub examples: usize,
    /// The label of positions that were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_index: Option<i64>,
    /// Monte-Carlo samples of each example, of both models.
    pub samples: u32,
    /// Seed of the weights.
    pub seed: u64,
    /// The kernel of the INT8 model.
    pub kernel: &'static str,
    /// Threads of the INT8 model.
    pub threads: usize,
    /// Duration of the INT8 predictions of the examples.
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
    #[serde(skip)]
    pub(crate) truth: Truth,
    /// Of a map, the first inputs, if they are pictures.
    #[serde(skip)]
    pub(crate) pictures: Vec<Picture>,
}

/// The FP32 network on the same examples, with the same number of samples.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct HeadPeer {
    /// Its figures.
    #[serde(flatten)]
    pub figures: HeadFigures,
    /// Noise of its draws.
    pub noise: Fp32Noise,
    /// Duration of its predictions of the examples.
    pub seconds: f64,
    /// How far INT8 agrees.
    #[serde(flatten)]
    pub agreement: HeadAgreement,
}

impl HeadReport {
    /// Succeeds if all thresholds are kept.
    ///
    /// # Errors
    /// [`Missed`], which names every missed threshold.
    pub fn check(&self) -> Result<(), Missed> {
        verdict::check(&self.thresholds)
    }

    /// All models with their figures; INT8 is first.
    pub(crate) fn sides(&self) -> Vec<(&'static str, &HeadFigures)> {
        let fp32 = self.fp32.iter().map(|peer| ("FP32", &peer.figures));
        std::iter::once(("INT8", &self.int8)).chain(fp32).collect()
    }
}

impl Evaluation {
    /// The program, command line and files that it came from.
    pub fn provenance(&mut self) -> &mut Provenance {
        match self {
            Self::Classes(report) => &mut report.provenance,
            Self::Head(report) => &mut report.provenance,
        }
    }

    /// Succeeds if all thresholds are kept.
    ///
    /// # Errors
    /// [`Missed`], which names every missed threshold.
    pub fn check(&self) -> Result<(), Missed> {
        match self {
            Self::Classes(report) => report.check(),
            Self::Head(report) => report.check(),
        }
    }

    /// Returns what was measured of conformal prediction, if it was.
    pub fn conformal(&self) -> Option<&ConformalReport> {
        match self {
            Self::Classes(report) => report.conformal.as_ref(),
            Self::Head(report) => report.conformal.as_ref(),
        }
    }

    /// Returns tables of all figures, under the model's name.
    pub fn text(&self, style: Style) -> String {
        match self {
            Self::Classes(report) => report.text(style),
            Self::Head(report) => report.text(style),
        }
    }

    /// Returns one HTML page with diagrams, without scripts, other files or network access.
    pub fn html(&self) -> String {
        match self {
            Self::Classes(report) => report.html(),
            Self::Head(report) => report.html(),
        }
    }
}
