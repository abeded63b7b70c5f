//! The figures of one model for a map of classes.

use bayes8_core::head::classes::Classes;
use serde::Serialize;

use super::sums::{Positions, Sums};
use crate::metrics::{
    Detection, Overlap, PatchAccuracy, ReliabilityBin, Selective, calibration_error,
    mean_of_defined, spearman, without_rounding,
};

/// Figures over all positions of all pictures that have a class. Entropies are in nats.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MapFigures {
    /// The numbers of planes, rows and columns of a map.
    pub positions: [usize; 3],
    /// Number of positions, of all pictures, that have a class.
    pub measured: u64,
    /// Number of positions whose label is ignored.
    pub ignored: u64,
    /// Share of positions whose predicted class is the true one: the pixel accuracy.
    pub accuracy: f64,
    /// Mean intersection over union of the classes that are true or predicted anywhere.
    pub mean_iou: f64,
    /// Mean Dice coefficient of these classes.
    pub mean_dice: f64,
    /// Mean negative log-likelihood of the true class of a position.
    pub nll: f64,
    /// Mean Brier score of a position, between 0 and 2.
    pub brier: f64,
    /// Expected calibration error.
    pub ece: f64,
    /// Mean total uncertainty.
    pub mean_predictive_entropy: f64,
    /// Mean aleatoric uncertainty.
    pub mean_expected_entropy: f64,
    /// Mean epistemic uncertainty.
    pub mean_mutual_information: f64,
    /// Selective prediction of positions by predictive entropy.
    pub selective: Selective,
    /// Accuracy and certainty of positions, by predictive entropy.
    pub patches: PatchAccuracy,
    /// How well wrong positions are told from right ones by their uncertainty.
    pub error_detection: ErrorDetection,
    /// The figures of each class.
    pub classes: Vec<ClassOverlap>,
    /// How often each class, by column, was predicted for positions of each class, by row.
    pub confusion: Vec<Vec<u64>>,
    /// The reliability diagram.
    pub reliability: Vec<ReliabilityBin>,
    #[serde(skip)]
    of_positions: Positions,
}

/// How well positions whose predicted class is wrong are told from the others.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ErrorDetection {
    /// Detection by total uncertainty.
    pub predictive_entropy: Detection,
    /// Detection by epistemic uncertainty.
    pub mutual_information: Detection,
}

/// The overlap of the predicted region of a class with the true one.
#[derive(Clone, Debug, Serialize)]
pub struct ClassOverlap {
    /// The name of the class, or its number.
    pub name: String,
    /// The overlap.
    #[serde(flatten)]
    pub overlap: Overlap,
}

/// The most mutual information, in nats, that equal samples of a map can have: its figures are f32.
const ROUNDING: f64 = 1e-5;

impl MapFigures {
    /// Computes the figures from the sums over all pictures, of which `truth` has the classes.
    pub(super) fn new(
        head: &Classes,
        positions: [usize; 3],
        sums: Sums,
        truth: &[Option<u16>],
    ) -> Self {
        let Sums { confusion, bins, of_positions, .. } = &sums;
        let measured = confusion.positions();
        let mean = |sum: f64| sum / measured as f64;
        let pairs = of_positions.classes.iter().zip(truth);
        let right: Vec<bool> =
            pairs.filter_map(|(predicted, class)| Some(*predicted == (*class)?)).collect();
        let of_measured = |values: &[f32]| -> Vec<f64> {
            let pairs = values.iter().zip(truth).filter(|(_, class)| class.is_some());
            pairs.map(|(&value, _)| f64::from(value)).collect()
        };
        let entropy = of_measured(&of_positions.predictive_entropy);
        let detection = |uncertainty: &[f64]| {
            let of = |wanted: bool| -> Vec<f64> {
                let pairs = uncertainty.iter().zip(&right);
                pairs.filter(|(_, right)| **right == wanted).map(|(value, _)| *value).collect()
            };
            Detection::new(&of(true), &of(false))
        };
        let information = of_measured(&of_positions.mutual_information);
        let name = |class: usize| match head.names.get(class) {
            Some(name) => name.clone(),
            None => format!("class {class}"),
        };
        let overlaps = confusion.overlaps();
        let reliability = bins.finish();
        Self {
            positions,
            measured,
            ignored: truth.len() as u64 - measured,
            accuracy: confusion.accuracy(),
            mean_iou: mean_of_defined(overlaps.iter().map(|of| of.iou)),
            mean_dice: mean_of_defined(overlaps.iter().map(|of| of.dice)),
            nll: mean(sums.nll),
            brier: mean(sums.brier),
            ece: calibration_error(&reliability),
            mean_predictive_entropy: mean(sums.predictive_entropy),
            mean_expected_entropy: mean(sums.expected_entropy),
            mean_mutual_information: mean(sums.mutual_information),
            selective: Selective::new(&entropy, &right),
            patches: PatchAccuracy::new(&entropy, &right),
            error_detection: ErrorDetection {
                predictive_entropy: detection(&entropy),
                mutual_information: detection(&without_rounding(information, ROUNDING)),
            },
            classes: overlaps
                .into_iter()
                .enumerate()
                .map(|(class, overlap)| ClassOverlap { name: name(class), overlap })
                .collect(),
            confusion: confusion.rows(),
            reliability,
            of_positions: sums.of_positions,
        }
    }

    /// Returns the most likely class of each position, picture by picture, also where the label is ignored.
    pub fn most_likely(&self) -> &[u16] {
        &self.of_positions.classes
    }

    /// Returns the total uncertainty of each position, in nats, as [`Self::most_likely`] orders them.
    pub fn predictive_entropy(&self) -> &[f32] {
        &self.of_positions.predictive_entropy
    }

    /// Returns the epistemic uncertainty of each position, in nats, as [`Self::most_likely`] orders them.
    pub fn mutual_information(&self) -> &[f32] {
        &self.of_positions.mutual_information
    }

    /// Compares with another model by all positions, those with ignored labels too: the share for which
    /// both predict the same class, and the rank correlations of their total and epistemic uncertainties.
    pub(crate) fn agreement(&self, other: &Self) -> Agreement {
        let pairs = self.most_likely().iter().zip(other.most_likely());
        let same = pairs.filter(|(own, other)| own == other).count();
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<f64>>();
        let epistemic = |of: &Self| without_rounding(wide(of.mutual_information()), ROUNDING);
        Agreement {
            same_class: same as f64 / self.most_likely().len() as f64,
            total: spearman(&wide(self.predictive_entropy()), &wide(other.predictive_entropy())),
            epistemic: spearman(&epistemic(self), &epistemic(other)),
        }
    }
}

/// How far two models agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreement {
    /// Share of positions for which both predict the same class.
    pub(crate) same_class: f64,
    /// Rank correlation of total uncertainty.
    pub(crate) total: f64,
    /// Rank correlation of epistemic uncertainty; NaN if a model has none.
    pub(crate) epistemic: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;
    use bayes8_core::head::map::ClassMapUncertainty;

    /// The figures of a picture of four positions, of which the last has no class.
    fn figures(information: [f32; 4], predicted: [usize; 4]) -> MapFigures {
        let probabilities =
            predicted.map(|class| if class == 0 { [0.75, 0.25] } else { [0.25, 0.75] });
        let map = ClassMapUncertainty {
            samples: 4,
            classes: 2,
            probabilities: probabilities.concat(),
            std: vec![0.0; 8],
            predictive_entropy: vec![0.4, 0.3, 0.2, 0.1],
            expected_entropy: vec![0.0; 4],
            mutual_information: information.to_vec(),
        };
        let truth = [Some(0), Some(1), Some(1), None];
        let mut sums = Sums::new(2);
        sums.add(&map, &truth);
        MapFigures::new(&Classes { count: 2, names: Vec::new() }, [1, 2, 2], sums, &truth)
    }

    #[test]
    fn models_agree_by_all_positions() {
        let model = figures([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]);
        let other = figures([0.1, 0.2, 0.4, 0.3], [0, 1, 1, 0]);
        let Agreement { same_class, total, epistemic } = model.agreement(&other);
        close(same_class, 0.5);
        close(total, 1.0);
        close(epistemic, 0.8);
        assert_eq!((model.measured, model.ignored), (3, 1));
        assert_eq!(model.classes[1].name, "class 1");
    }

    #[test]
    fn rounding_ranks_nothing() {
        let deterministic = figures([1e-7, 2e-7, 3e-7, 0.0], [0, 0, 1, 1]);
        assert!(deterministic.agreement(&deterministic).epistemic.is_nan());
        close(deterministic.error_detection.mutual_information.auroc, 0.5);
    }
}
