//! What varies from sample to sample.

use crate::graph::Graph;
use crate::layer::Quantized;
use crate::ops::{Dropout, Op};
use crate::posterior::PerMember;
use alloc::{string::String, vec::Vec};

/// What varies from one sample of a model to the next. Several kinds may come together, as in an
/// ensemble of networks with dropout.
///
/// # Examples
/// ```
/// use bayes8_core::format;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let model = format::read(&std::fs::read("models/mnist-cnn.safetensors")?)?;
/// let randomness = model.randomness();
/// assert_eq!(randomness.members, 1);
/// assert!(randomness.dropout.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Randomness {
    /// Number of members: networks of which sample `s` takes number `s` modulo `members`. 1 if all
    /// samples take the same one.
    pub members: usize,
    /// Number of weighted layers with a Gaussian posterior, for their weights or biases.
    pub bayesian_layers: usize,
    /// The dropout nodes, in execution order.
    pub dropout: Vec<ActiveDropout>,
}

/// A dropout node, which is active at prediction.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ActiveDropout {
    /// Name of the node.
    pub node: String,
    /// Its probability, and what it drops as a whole.
    pub dropout: Dropout,
}

impl Randomness {
    pub(super) fn of(graph: &Graph<Quantized>) -> Self {
        let layers = || graph.nodes().iter().filter_map(|node| node.data.layer());
        let bayesian = layers().filter(|members| members.iter().any(|layer| layer.is_bayesian()));
        let dropout = graph.nodes().iter().filter_map(|node| match node.op {
            Op::Dropout(dropout) => Some(ActiveDropout { node: node.name.clone(), dropout }),
            _ => None,
        });
        Self {
            members: layers().map(PerMember::count).max().unwrap_or(1),
            bayesian_layers: bayesian.count(),
            dropout: dropout.collect(),
        }
    }

    /// Returns whether all samples are the same.
    pub fn is_deterministic(&self) -> bool {
        self.members == 1 && self.bayesian_layers == 0 && self.dropout.is_empty()
    }

    /// Returns the number of samples after which they repeat: 1 for a deterministic model, the
    /// number of members for an ensemble of such; `None` if they never do.
    pub fn period(&self) -> Option<usize> {
        (self.bayesian_layers == 0 && self.dropout.is_empty()).then_some(self.members)
    }
}
