//! Conformal prediction with a model: thresholds from calibration examples, coverage of test examples.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bayes8_core::conformal::{ConformalPredictor, Method};
use bayes8_core::head::{Head, Uncertainty};
use serde::Serialize;

use super::bounds::{CONFIDENCE, CoverageBounds};
use super::coverage::Coverage;
use super::error::ConformalError;
use super::maps::MapCoverage;
use super::scores::{class_scores, label_scores, residual_scores};
use super::threshold::calibrate;
use crate::heads::{Truth, label_name, label_probabilities, target_name};
use crate::metrics::probabilities;
use crate::style::counted;
use crate::verdict::{Limit, Verdict};

/// Conformal prediction to measure.
#[derive(Clone, Debug)]
pub struct Conformal {
    /// The score.
    pub method: Method,
    /// The share of examples whose sets may miss the truth.
    pub alpha: f64,
    /// The calibration examples: an npz archive with `x` and `y`, none of them a test example.
    pub calibration: PathBuf,
}

impl Conformal {
    /// The penalty of RAPS, unless another one is asked for.
    pub const LAMBDA: f64 = 0.01;
    /// The places without penalty of RAPS, unless others are asked for.
    pub const K_REG: u32 = 5;
}

/// Thresholds, and what they do on the test examples.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ConformalReport {
    /// The score: `lac`, `aps`, `raps` or `residuals`.
    pub method: &'static str,
    /// The penalty of RAPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
    /// The places without penalty of RAPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k_reg: Option<u32>,
    /// The share of examples whose sets may miss the truth.
    pub alpha: f64,
    /// Number of calibration examples. Pictures of a map without a class at any position do not count.
    pub calibration_examples: usize,
    /// Number of test examples that are calibration examples too, with the same truth: their coverage
    /// says nothing about other examples.
    pub shared_examples: usize,
    /// Monte-Carlo samples of each example. The threshold is for predictions with as many.
    pub samples: u32,
    /// Seed of the weights.
    pub seed: u64,
    /// One part for each target or label, or one for all classes. None for a map.
    pub parts: Vec<ConformalPart>,
    /// The threshold of a map of classes, and what it does on the test pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<MapCoverage>,
    /// Name of the output.
    #[serde(skip)]
    pub output: String,
    /// The thresholds, for the model
    /// ([`with_conformal`](bayes8_core::model::QuantizedModel::with_conformal)).
    #[serde(skip)]
    pub predictor: ConformalPredictor,
}

/// A threshold, and what it does on the test examples.
#[derive(Clone, Debug, Serialize)]
pub struct ConformalPart {
    /// The target or label; `None` for classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The unit of the mean size of a target; empty if it has none.
    #[serde(skip)]
    pub(crate) unit: String,
    /// The threshold.
    pub threshold: f64,
    /// Coverage and mean size of the sets or intervals.
    #[serde(flatten)]
    pub coverage: Coverage,
    /// The numbers of covered examples that chance allows, with [`CONFIDENCE`] for all parts.
    pub bounds: CoverageBounds,
    /// Whether calibration examples share a score: the upper bound then means nothing.
    pub ties: bool,
}

/// Predictions of one output, and what is true.
pub(crate) struct Predicted<'a> {
    pub(crate) predictions: Vec<Uncertainty>,
    pub(crate) truth: &'a Truth,
}

/// The scores of calibration examples, and the coverage of test examples by a threshold.
struct Part<'a> {
    name: Option<String>,
    unit: String,
    scores: Vec<f64>,
    coverage: Box<dyn Fn(f64) -> Coverage + 'a>,
}

/// Computes thresholds and their coverage for an output with `head`.
///
/// # Errors
/// [`ConformalError`] when the true values are of another head or the calibration examples are too few.
pub(crate) fn parts(
    conformal: &Conformal,
    head: &Head,
    calibration: &Predicted<'_>,
    test: &Predicted<'_>,
) -> Result<Vec<ConformalPart>, ConformalError> {
    let parts = match (conformal.method, head, calibration.truth, test.truth) {
        (
            Method::Classes(score),
            Head::Classes(_),
            Truth::Classes(calibration_classes),
            Truth::Classes(test_classes),
        ) => {
            let of = |predicted: &Predicted<'_>| {
                let figures = predicted.predictions.iter().cloned();
                probabilities(&figures.filter_map(Uncertainty::classes).collect::<Vec<_>>())
            };
            let (known, test) = (of(calibration), of(test));
            let scores = class_scores(score, known.view(), calibration_classes);
            let coverage =
                move |threshold| Coverage::of_classes(score, threshold, test.view(), test_classes);
            vec![Part { name: None, unit: String::new(), scores, coverage: Box::new(coverage) }]
        }
        (_, Head::Labels(head), Truth::Labels(calibration_labels), Truth::Labels(test_labels)) => {
            let of = |predicted: &Predicted<'_>| {
                let figures = predicted.predictions.iter().cloned();
                let figures: Vec<_> = figures.filter_map(Uncertainty::labels).collect();
                label_probabilities(&figures, head.count)
            };
            let (known, test) = (of(calibration), of(test));
            let part = |label: usize| {
                let scores = label_scores(
                    &known.column(label).to_vec(),
                    &calibration_labels.column(label).to_vec(),
                );
                let (p, present) =
                    (test.column(label).to_vec(), test_labels.column(label).to_vec());
                let coverage = move |threshold| Coverage::of_label(threshold, &p, &present);
                let name = Some(label_name(head, label));
                Part { name, unit: String::new(), scores, coverage: Box::new(coverage) }
            };
            (0..head.count).map(part).collect()
        }
        (
            Method::Residuals,
            Head::Gaussian(head),
            Truth::Targets(calibration_values),
            Truth::Targets(test_values),
        ) => {
            let of = |predicted: &Predicted<'_>, target: usize| -> (Vec<f64>, Vec<f64>) {
                let figures = predicted.predictions.iter().cloned();
                let figures = figures.filter_map(Uncertainty::targets);
                figures.map(|of| (of.mean[target], of.std[target])).unzip()
            };
            let part = |target: usize| {
                let (means, stds) = of(calibration, target);
                let truth = calibration_values.column(target).to_vec();
                let scores = residual_scores(&means, &stds, &truth);
                let ((means, stds), truth) =
                    (of(test, target), test_values.column(target).to_vec());
                let coverage =
                    move |threshold| Coverage::of_residuals(threshold, &means, &stds, &truth);
                let name = Some(target_name(head, target));
                let unit = head.targets[target].unit.clone();
                Part { name, unit, scores, coverage: Box::new(coverage) }
            };
            (0..head.targets.len()).map(part).collect()
        }
        _ => return Err(ConformalError::Truth),
    };
    // A chance of missing the bounds that all parts share.
    let confidence = 1.0 - (1.0 - CONFIDENCE) / parts.len() as f64;
    let measured = parts.into_iter().map(|Part { name, unit, scores, coverage }| {
        let alpha = conformal.alpha;
        let threshold = calibrate(&scores, alpha)?;
        let coverage = coverage(threshold);
        let bounds = CoverageBounds::new(scores.len(), coverage.examples, alpha, confidence)?;
        let different: BTreeSet<u64> = scores.iter().map(|score| score.to_bits()).collect();
        let ties = different.len() < scores.len();
        Ok(ConformalPart { name, unit, threshold, coverage, bounds, ties })
    });
    measured.collect()
}

impl ConformalReport {
    /// What is wrong with the test examples: some of them are calibration examples, if that is so.
    pub(crate) fn caution(&self) -> Option<String> {
        let shared = (self.shared_examples > 0).then_some(self.shared_examples)?;
        let are = if shared == 1 { "is a calibration example" } else { "are calibration examples" };
        let examples = counted(shared as u64, "test example");
        Some(format!("{examples} {are} too: their coverage says nothing about other examples"))
    }

    /// Whether coverage is within the bounds that chance allows.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let each = self.parts.iter().flat_map(|part| {
            let ConformalPart { name, coverage, bounds, ties, .. } = part;
            let of = name.as_ref().map_or(String::new(), |name| format!(" of {name}"));
            let share = |count: usize| count as f64 / coverage.examples as f64;
            let limits = [
                Some(Limit::AtLeast(share(bounds.lower))),
                (!ties).then(|| Limit::AtMost(share(bounds.upper))),
            ];
            let verdict = move |limit| {
                Verdict::new(format!("conformal coverage{of}"), coverage.coverage, limit)
            };
            limits.into_iter().flatten().map(verdict)
        });
        let map = self.map.iter().map(|map| {
            // In the digits that are shown.
            let least = (map.lower * 1e4).floor() / 1e4;
            Verdict::new("conformal coverage".into(), map.coverage, Limit::AtLeast(least))
        });
        each.chain(map).collect()
    }
}
