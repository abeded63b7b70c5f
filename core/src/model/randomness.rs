//! What varies from sample to sample.

use crate::graph::Graph;
use crate::layer::Quantized;
use crate::ops::{Dropout, Op};
use crate::posterior::PerMember;
use alloc::{string::String, vec::Vec};

/// Samples of a prediction for which no number is given, unless members ask for another.
const DEFAULT_SAMPLES: u32 = 32;

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
/// assert_eq!(randomness.default_samples(), 32);
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

    /// Returns the number of samples of a prediction for which none is given: one for each member of
    /// an ensemble in which nothing else varies, since they repeat after that, and otherwise 32,
    /// rounded up to a multiple of the members, so that all have an equal share.
    pub fn default_samples(&self) -> u32 {
        // At most MAX_MEMBERS.
        let members = self.members as u32;
        match self.period() {
            Some(period) if period > 1 => members,
            _ => DEFAULT_SAMPLES.next_multiple_of(members),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_has_an_equal_share_of_the_default_samples() {
        for (members, bayesian_layers, expected) in
            [(1, 0, 32), (1, 2, 32), (5, 0, 5), (5, 2, 35), (8, 1, 32), (64, 0, 64), (64, 1, 64)]
        {
            let randomness = Randomness { members, bayesian_layers, dropout: Vec::new() };
            assert_eq!(randomness.default_samples(), expected, "{members} {bayesian_layers}");
        }
    }
}
