//! The facts about the outputs of a model.

use bayes8_core::conformal::ConformalPredictor;
use bayes8_core::head::gaussian::{Target, Variance};
use bayes8_core::head::{Head, Output};
use bayes8_core::model::QuantizedModel;
use serde::Serialize;

/// An output of a model, and what it means.
#[derive(Debug, Serialize)]
pub struct OutputReport {
    /// Name of the output.
    pub name: String,
    /// What it means.
    #[serde(flatten)]
    pub head: HeadReport,
    /// Names of the nodes that make it.
    pub nodes: Vec<String>,
    /// The numbers of planes, rows and columns of a map; 1 each unless the output is a map.
    pub positions: [usize; 3],
    /// Memory of its numbers and sums per picture, as `--max-memory` counts it.
    pub memory_bytes: usize,
    /// What turns its figures into prediction sets or intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conformal: Option<ConformalPredictor>,
}

/// What an output means. Its field `head` in JSON has the name of the head.
#[derive(Debug, Serialize)]
#[serde(tag = "head", rename_all = "snake_case")]
pub enum HeadReport {
    /// Mutually exclusive classes.
    Classes {
        /// Number of classes.
        count: usize,
        /// Names of the classes, or none.
        names: Vec<String>,
    },
    /// Independent labels.
    Labels {
        /// Number of labels.
        count: usize,
        /// Names of the labels, or none. A single label may have two: of the case without it, then of
        /// the case with it.
        names: Vec<String>,
    },
    /// The targets of a regression.
    Gaussian {
        /// How the network states variances: `none`, `log` or `softplus`.
        variance: Variance,
        /// The targets, in order.
        targets: Vec<TargetReport>,
    },
}

/// A target of a regression: a number y of the network means `scale * y + offset`.
#[derive(Debug, Serialize)]
pub struct TargetReport {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its unit; empty if it has none.
    pub unit: String,
    /// The factor of the network's numbers.
    pub scale: f32,
    /// What is added to them.
    pub offset: f32,
    /// Standard deviation of noise that the network does not state, in the unit of the target.
    pub noise: f32,
    /// Means are rounded to steps of 2^exponent in the network's units.
    pub exponent: i8,
}

impl OutputReport {
    /// Collects the facts about all outputs of `model`.
    pub fn all(model: &QuantizedModel) -> Vec<Self> {
        let nodes = model.graph().nodes();
        let report = |output: &Output| Self {
            name: output.name.clone(),
            head: HeadReport::new(&output.head),
            nodes: output.nodes.iter().map(|&node| nodes[node].name.clone()).collect(),
            positions: output.positions,
            memory_bytes: output.result_bytes(),
            conformal: output.conformal.clone(),
        };
        model.outputs().iter().map(report).collect()
    }
}

impl HeadReport {
    fn new(head: &Head) -> Self {
        match head {
            Head::Classes(classes) => {
                Self::Classes { count: classes.count, names: classes.names.clone() }
            }
            Head::Labels(labels) => {
                Self::Labels { count: labels.count, names: labels.names.clone() }
            }
            Head::Gaussian(gaussian) => Self::Gaussian {
                variance: gaussian.variance,
                targets: gaussian.targets.iter().map(TargetReport::new).collect(),
            },
        }
    }
}

impl TargetReport {
    fn new(target: &Target) -> Self {
        let Target { name, unit, scale, offset, noise, exponent } = target.clone();
        Self { name, unit, scale, offset, noise, exponent }
    }
}
