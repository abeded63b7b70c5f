//! The results of a target for a case, as bytes.

use bayes8_core::head::Sums;

/// All results of one prediction. Numbers are little-endian.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// f32 `[pictures][samples]` of the numbers of all outputs.
    pub logits: Vec<u8>,
    /// i64 `[pictures][outputs]` of the words of the sums (`Sums::to_words`).
    pub sums: Vec<u8>,
    /// f64 `[pictures][outputs]` of the figures (`Uncertainty::figures`).
    pub uncertainty: Vec<u8>,
}

/// The outputs of all nodes for all pictures and one sample, in the order of the nodes.
pub type Trace = Vec<TracedNode>;

/// The output of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedNode {
    /// Name of the node.
    pub node: String,
    /// Codes in NHWC order; for an output of the model, f32 numbers.
    pub bytes: Vec<u8>,
}

impl Outcome {
    /// Adds the results for the next picture: the numbers of its samples, and the sums and the
    /// figures of each output.
    pub fn push(&mut self, logits: &[f32], sums: &[i64], figures: &[f64]) {
        self.logits.extend(logits.iter().flat_map(|logit| logit.to_le_bytes()));
        self.sums.extend(sums.iter().flat_map(|word| word.to_le_bytes()));
        self.uncertainty.extend(figures.iter().flat_map(|number| number.to_le_bytes()));
    }

    /// Adds the results for the next picture, given the sums of each output.
    pub fn push_sums<'a>(&mut self, logits: &[f32], sums: impl Iterator<Item = &'a Sums>) {
        let (mut words, mut figures) = (Vec::new(), Vec::new());
        for sums in sums {
            words.extend(sums.to_words());
            figures.extend(sums.finish().figures());
        }
        self.push(logits, &words, &figures);
    }
}
