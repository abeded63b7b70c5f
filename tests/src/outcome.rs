//! The results of a target for a case, as bytes.

use bayes8_core::head::classes::Uncertainty;

/// All results of one prediction. Numbers are little-endian.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// f32 `[pictures][samples][classes]`.
    pub logits: Vec<u8>,
    /// i64 `[pictures]` of `[samples, entropy, probabilities..., squares...]`.
    pub sums: Vec<u8>,
    /// f64 `[pictures]` of `[probabilities..., std..., predictive entropy, expected entropy, mutual
    /// information]`.
    pub uncertainty: Vec<u8>,
}

/// The outputs of all nodes for all pictures and one sample, in the order of the nodes.
pub type Trace = Vec<TracedNode>;

/// The output of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedNode {
    /// Name of the node.
    pub node: String,
    /// Codes in NHWC order; for the last node, f32 logits.
    pub bytes: Vec<u8>,
}

impl Outcome {
    /// Adds the results for the next picture.
    pub fn push(&mut self, logits: &[f32], sums: &[i64], uncertainty: &Uncertainty) {
        self.logits.extend(logits.iter().flat_map(|logit| logit.to_le_bytes()));
        self.sums.extend(sums.iter().flat_map(|word| word.to_le_bytes()));
        let Uncertainty { probabilities, std, .. } = uncertainty;
        let last = [
            uncertainty.predictive_entropy,
            uncertainty.expected_entropy,
            uncertainty.mutual_information,
        ];
        let numbers = probabilities.iter().chain(std).chain(&last);
        self.uncertainty.extend(numbers.flat_map(|number| number.to_le_bytes()));
    }
}
