//! Measures of predictions, and of whether two models rank their uncertainty alike.
//!
//! Probabilities are `[pictures, classes]`, labels one class index per picture. The predicted class is
//! the most probable one, and the first of equal ones.

mod comparison;
mod convergence;
mod detection;
mod drift;
mod independent_labels;
mod labels;
mod members;
mod overlap;
mod patches;
mod ranks;
pub mod regression;
mod reliability;
mod scores;
mod selective;

pub use comparison::{Comparison, Difference, mutual_information_ranks, predictive_entropy_ranks};
pub use convergence::{Convergence, ConvergencePoint, Estimate};
pub use detection::{Detection, Uncertainties, roc};
pub use drift::{DriftAuroc, DriftGaps, DriftPoint, Worst, largest_accuracy_loss};
pub use independent_labels::{LabelFigures, LabelsFigures};
pub(crate) use labels::pairs;
pub use labels::{LabelError, check_labels, right};
pub use members::{MemberDisagreement, MemberPairs};
pub(crate) use overlap::mean_of_defined;
pub use overlap::{Confusion, Overlap};
pub use patches::PatchAccuracy;
pub use ranks::spearman;
pub(crate) use ranks::without_rounding;
pub(crate) use reliability::{Bins, calibration_error};
pub use reliability::{ECE_BINS, ReliabilityBin, label_reliability, reliability};
pub use scores::{Metrics, NLL_FLOOR, accuracy, brier, ece, nll, probabilities};
pub(crate) use scores::{squared_distance, surprise};
pub use selective::{AccuracyVersusUncertainty, COVERAGES, Selective};

#[cfg(test)]
pub(crate) mod samples {
    use bayes8_core::head::classes::ClassUncertainty;

    /// A prediction with four samples.
    pub(crate) fn prediction(
        probabilities: [f64; 2],
        total: f64,
        aleatoric: f64,
    ) -> ClassUncertainty {
        ClassUncertainty {
            samples: 4,
            probabilities: probabilities.to_vec(),
            std: vec![0.0; 2],
            predictive_entropy: total,
            expected_entropy: aleatoric,
            mutual_information: total - aleatoric,
            standard_errors: None,
        }
    }

    #[track_caller]
    pub(crate) fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }
}
