//! The summary of a map of labels: how much of the picture has each, and the mean figures.

use super::means::means;
use crate::commands::predict::block::{LONGEST_NAME, Line};
use crate::commands::predict::labels::name;
use crate::style::shorten;
use bayes8_native::core::head::labels::Labels;
use bayes8_native::core::head::map::LabelMapUncertainty;
use serde::Serialize;

/// The summary as JSON: lists with an entry for each label. All but the shares are means over the positions.
#[derive(Serialize)]
pub(super) struct LabelSummary {
    names: Vec<String>,
    /// The share of positions where a label is more likely than not.
    shares: Vec<f64>,
    probabilities: Vec<f64>,
    std: Vec<f64>,
    predictive_entropy: Vec<f64>,
    expected_entropy: Vec<f64>,
    mutual_information: Vec<f64>,
}

impl LabelSummary {
    pub(super) fn new(labels: &Labels, map: &LabelMapUncertainty) -> Self {
        let is_likely: Vec<u8> = map.probabilities.iter().map(|&p| u8::from(p > 0.5)).collect();
        let of = |figures: &[f32]| means(figures, labels.count);
        Self {
            names: (0..labels.count).map(|label| name(labels, label)).collect(),
            shares: means(&is_likely, labels.count),
            probabilities: of(&map.probabilities),
            std: of(&map.std),
            predictive_entropy: of(&map.predictive_entropy),
            expected_entropy: of(&map.expected_entropy),
            mutual_information: of(&map.mutual_information),
        }
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        let line = |(label, name): (usize, &String)| Line {
            // One character less than elsewhere fits.
            name: shorten(name, LONGEST_NAME - 1),
            figures: format!(
                "{:6.2} % covered  {:.3} nats, {:.3} epistemic",
                100.0 * self.shares[label],
                self.predictive_entropy[label],
                self.mutual_information[label]
            ),
            bar: None,
        };
        self.names.iter().enumerate().map(line).collect()
    }
}
