//! The results of a target for a case, as bytes.

use bayes8_core::conformal::PredictionRegion;
use bayes8_core::head::{Output, Sums};

/// All results of one prediction. Numbers are little-endian.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// f32 `[pictures][samples]` of the numbers of all outputs.
    pub logits: Vec<u8>,
    /// i64 `[pictures][outputs]` of the words of the sums (`Sums::to_words`).
    pub sums: Vec<u8>,
    /// f64 `[pictures][outputs]` of the figures (`Uncertainty::figures`), and after those of an output with
    /// a conformal predictor the numbers of its set or intervals (`PredictionRegion::numbers`). A set of
    /// classes is filled up with -1 to the number of classes.
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

    /// Adds the results for the next picture, given the outputs and the sums of each.
    pub fn push_sums<'a>(
        &mut self,
        logits: &[f32],
        outputs: impl Iterator<Item = (&'a Output, &'a Sums)>,
    ) {
        let (mut words, mut figures) = (Vec::new(), Vec::new());
        for (output, sums) in outputs {
            let uncertainty = sums.finish();
            words.extend(sums.to_words());
            figures.extend(uncertainty.figures());
            let Some(region) = output.region(&uncertainty) else { continue };
            let mut numbers = region.numbers();
            if let PredictionRegion::ClassSet(_) = region {
                numbers.resize(output.head.count(), -1.0);
            }
            figures.extend(numbers);
        }
        self.push(logits, &words, &figures);
    }
}
