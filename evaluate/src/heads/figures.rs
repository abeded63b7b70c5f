//! The figures of one model for targets, labels or a map.

use bayes8_core::head::gaussian::{Gaussian, TargetUncertainty};
use bayes8_core::head::labels::{LabelUncertainty, Labels};
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use crate::maps::{Agreement, MapFigures};
use crate::metrics::regression::{Example, RegressionFigures};
use crate::metrics::{Detection, LabelsFigures, ReliabilityBin, label_reliability, spearman};

/// Figures of one model.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum HeadFigures {
    /// Those of each target of a regression.
    Targets {
        /// The targets, in their order.
        targets: Vec<TargetFigures>,
    },
    /// Those of all labels.
    Labels(Box<LabelsReport>),
    /// Those of a map of classes.
    Map(Box<MapFigures>),
}

/// Figures of one target, in its unit.
#[derive(Clone, Debug, Serialize)]
pub struct TargetFigures {
    /// Its name, or its number if it has none.
    pub name: String,
    /// Its unit; empty if it has none.
    pub unit: String,
    /// Errors, scores and intervals.
    #[serde(flatten)]
    pub figures: RegressionFigures,
    /// How well examples of another distribution are told from these by standard deviations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ood: Option<UncertaintyDetection>,
    /// Mean of each example.
    #[serde(skip)]
    pub(crate) means: Vec<f64>,
    #[serde(skip)]
    pub(crate) uncertainty: Uncertainties,
}

/// Figures of the labels of a model.
#[derive(Clone, Debug, Serialize)]
pub struct LabelsReport {
    /// The names of the labels, or their numbers.
    pub names: Vec<String>,
    /// Figures of each label, and their means.
    #[serde(flatten)]
    pub figures: LabelsFigures,
    /// Mean total uncertainty of a label, in nats.
    pub mean_predictive_entropy: f64,
    /// Mean aleatoric uncertainty of a label, in nats.
    pub mean_expected_entropy: f64,
    /// Mean epistemic uncertainty of a label, in nats.
    pub mean_mutual_information: f64,
    /// How well examples of another distribution are told from these by the entropies of all labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ood: Option<UncertaintyDetection>,
    /// The reliability diagram of all labels together.
    pub reliability: Vec<ReliabilityBin>,
    #[serde(skip)]
    pub(crate) uncertainty: Uncertainties,
}

/// How well examples of another distribution are told from the others.
#[derive(Clone, Debug, Serialize)]
pub struct UncertaintyDetection {
    /// Number of examples of another distribution.
    pub examples: usize,
    /// Detection by total uncertainty.
    pub total: Detection,
    /// Detection by epistemic uncertainty.
    pub epistemic: Detection,
}

/// How far two models agree on the same examples.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HeadAgreement {
    /// Of a map, the share of positions for which both predict the same class, those with ignored labels
    /// too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_class: Option<f64>,
    /// Whether both rank the examples alike by their uncertainty; of a map, its positions.
    pub ranks: Vec<Ranks>,
}

/// Whether two models rank the examples alike by their uncertainty: Spearman's rank correlations.
#[derive(Clone, Debug, Serialize)]
pub struct Ranks {
    /// The target; `None` for all labels or a map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// By total uncertainty.
    pub spearman_total: f64,
    /// By epistemic uncertainty; NaN if a model has none.
    pub spearman_epistemic: f64,
}

/// Uncertainties of examples: standard deviations of a target, or the mean entropies of labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uncertainties {
    pub(crate) total: Vec<f64>,
    pub(crate) epistemic: Vec<f64>,
}

impl Uncertainties {
    /// Those of target `index`.
    pub(crate) fn of_target(predictions: &[TargetUncertainty], index: usize) -> Self {
        Self {
            total: predictions.iter().map(|of| of.std[index]).collect(),
            epistemic: predictions.iter().map(|of| of.epistemic_std[index]).collect(),
        }
    }

    /// The means over all labels.
    pub(crate) fn of_labels(predictions: &[LabelUncertainty]) -> Self {
        Self {
            total: predictions.iter().map(|of| mean(&of.predictive_entropy)).collect(),
            epistemic: predictions.iter().map(|of| mean(&of.mutual_information)).collect(),
        }
    }

    pub(crate) fn detects(&self, unknown: &Self) -> UncertaintyDetection {
        UncertaintyDetection {
            examples: unknown.total.len(),
            total: Detection::new(&self.total, &unknown.total),
            epistemic: Detection::new(&self.epistemic, &unknown.epistemic),
        }
    }

    fn ranks(&self, other: &Self, target: Option<String>) -> Ranks {
        let spearman_total = spearman(&self.total, &other.total);
        Ranks {
            target,
            spearman_total,
            spearman_epistemic: spearman(&self.epistemic, &other.epistemic),
        }
    }
}

impl TargetFigures {
    /// Computes the figures of target `index`. `uncertainty` is about these examples, `unknown` about some
    /// of another distribution.
    pub(crate) fn new(
        head: &Gaussian,
        index: usize,
        examples: &[Example],
        truth: &[f64],
        uncertainty: Uncertainties,
        unknown: Option<&Uncertainties>,
    ) -> Self {
        Self {
            name: target_name(head, index),
            unit: head.targets[index].unit.clone(),
            figures: RegressionFigures::of(examples, truth),
            ood: unknown.map(|unknown| uncertainty.detects(unknown)),
            means: examples.iter().map(|example| example.moments.mean).collect(),
            uncertainty,
        }
    }
}

impl LabelsReport {
    /// Computes the figures of predictions; `present` says which example has which label.
    pub(crate) fn new(
        head: &Labels,
        predictions: &[LabelUncertainty],
        present: ArrayView2<'_, bool>,
        unknown: Option<&Uncertainties>,
    ) -> Self {
        let probabilities = label_probabilities(predictions, head.count);
        let uncertainty = Uncertainties::of_labels(predictions);
        let expected: Vec<f64> = predictions.iter().map(|of| mean(&of.expected_entropy)).collect();
        Self {
            names: (0..head.count).map(|label| label_name(head, label)).collect(),
            figures: LabelsFigures::new(probabilities.view(), present),
            mean_predictive_entropy: mean(&uncertainty.total),
            mean_expected_entropy: mean(&expected),
            mean_mutual_information: mean(&uncertainty.epistemic),
            ood: unknown.map(|unknown| uncertainty.detects(unknown)),
            reliability: label_reliability(probabilities.view(), present),
            uncertainty,
        }
    }
}

impl HeadFigures {
    /// The targets of a regression; none of labels.
    pub fn targets(&self) -> &[TargetFigures] {
        match self {
            Self::Targets { targets } => targets,
            Self::Labels(_) | Self::Map(_) => &[],
        }
    }

    /// The figures of labels; `None` for other heads.
    pub fn labels(&self) -> Option<&LabelsReport> {
        if let Self::Labels(labels) = self { Some(labels) } else { None }
    }

    /// The figures of a map of classes; `None` for other outputs.
    pub fn map(&self) -> Option<&MapFigures> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// How far another model agrees.
    pub(crate) fn agreement(&self, other: &Self) -> HeadAgreement {
        let maps = self.map().zip(other.map()).map(|(own, other)| own.agreement(other));
        let ranks = maps.map(|Agreement { total, epistemic, .. }| Ranks {
            target: None,
            spearman_total: total,
            spearman_epistemic: epistemic,
        });
        let ranks = self.ranks(other).into_iter().chain(ranks).collect();
        HeadAgreement { same_class: maps.map(|maps| maps.same_class), ranks }
    }

    /// Whether another model ranks the examples alike by each target, or by all labels.
    fn ranks(&self, other: &Self) -> Vec<Ranks> {
        let targets = self.targets().iter().zip(other.targets());
        let targets = targets.map(|(ours, theirs)| {
            ours.uncertainty.ranks(&theirs.uncertainty, Some(ours.name.clone()))
        });
        let labels = self.labels().zip(other.labels());
        let labels = labels.map(|(ours, theirs)| ours.uncertainty.ranks(&theirs.uncertainty, None));
        targets.chain(labels).collect()
    }
}

/// Mean probabilities `[examples, labels]`.
pub(crate) fn label_probabilities(predictions: &[LabelUncertainty], labels: usize) -> Array2<f64> {
    Array2::from_shape_fn((predictions.len(), labels), |(n, l)| predictions[n].probabilities[l])
}

/// The name of a target, or its number.
pub(crate) fn target_name(head: &Gaussian, target: usize) -> String {
    match &head.targets[target].name {
        name if name.is_empty() => format!("target {target}"),
        name => name.clone(),
    }
}

/// The name of a label, or its number.
pub(crate) fn label_name(head: &Labels, label: usize) -> String {
    head.name(label).map_or_else(|| format!("label {label}"), str::to_owned)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
