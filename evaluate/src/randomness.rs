//! What varies from sample to sample, for people and programs.

use bayes8_core::model::{ActiveDropout, Randomness};
use bayes8_core::ops::DropoutKind;
use serde::Serialize;
use std::fmt;

use crate::style::{counted, printable};

/// What varies from one sample of a model to the next.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RandomnessReport {
    /// Number of members, which samples take in turn; 1 if all samples take the same network.
    pub members: usize,
    /// Number of layers whose weights or biases have a Gaussian posterior.
    pub bayesian_layers: usize,
    /// The dropout nodes, in execution order.
    pub dropout: Vec<DropoutNode>,
    /// Number of samples of a prediction for which none is given.
    pub default_samples: u32,
}

/// A dropout node, which is active at prediction.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct DropoutNode {
    /// Name of the node.
    pub node: String,
    /// The probability that a unit is dropped.
    pub probability: f64,
    /// What is dropped as a whole.
    pub kind: DropoutKind,
}

impl RandomnessReport {
    /// Describes `randomness`.
    pub fn new(randomness: &Randomness) -> Self {
        let dropout = randomness.dropout.iter().map(|ActiveDropout { node, dropout, .. }| {
            let (node, probability) = (node.clone(), dropout.probability.as_f64());
            DropoutNode { node, probability, kind: dropout.kind }
        });
        Self {
            members: randomness.members,
            bayesian_layers: randomness.bayesian_layers,
            dropout: dropout.collect(),
            default_samples: randomness.default_samples(),
        }
    }
}

/// Dropout nodes that are named; the others are counted.
const NAMED: usize = 3;

impl fmt::Display for RandomnessReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.members > 1 {
            parts.push(format!("{} in turn", counted(self.members as u64, "member")));
        }
        if self.bayesian_layers > 0 {
            let layers = counted(self.bayesian_layers as u64, "layer");
            parts.push(format!("Gaussian weights in {layers}"));
        }
        if !self.dropout.is_empty() {
            let named = self.dropout.iter().take(NAMED).map(ToString::to_string);
            let mut nodes: Vec<String> = named.collect();
            match self.dropout.len().saturating_sub(NAMED) {
                0 => {}
                others => nodes.push(format!("and {}", counted(others as u64, "other node"))),
            }
            parts.push(format!("dropout {}", nodes.join(", ")));
        }
        match &*parts {
            [] => f.write_str("nothing, the network is deterministic"),
            _ => f.write_str(&parts.join("; ")),
        }
    }
}

impl fmt::Display for DropoutNode {
    /// Writes `0.5 of elements in drop1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.what(), printable(&self.node))
    }
}

impl DropoutNode {
    /// Says what is dropped: `0.5 of elements`.
    pub fn what(&self) -> String {
        // The probability is a multiple of 2^-16.
        let probability = (self.probability * 1e4).round() / 1e4;
        match self.kind {
            DropoutKind::Value => format!("{probability} of samples"),
            kind => format!("{probability} of {}s", kind.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_varies_is_named() {
        let node = |name: &str, kind| DropoutNode { node: name.into(), probability: 0.25, kind };
        let report = |members, bayesian_layers, dropout| {
            RandomnessReport { members, bayesian_layers, dropout, default_samples: 32 }.to_string()
        };
        assert_eq!(report(1, 0, Vec::new()), "nothing, the network is deterministic");
        assert_eq!(report(5, 0, Vec::new()), "5 members in turn");
        let dropout = vec![node("a", DropoutKind::Element), node("b", DropoutKind::Value)];
        assert_eq!(
            report(2, 1, dropout),
            "2 members in turn; Gaussian weights in 1 layer; dropout 0.25 of elements in a, \
             0.25 of samples in b"
        );
        let many = vec![node("c", DropoutKind::Channel); 5];
        assert!(report(1, 0, many).ends_with("in c, and 2 other nodes"));
    }
}
