//! Conformal prediction: sets of classes or answers and intervals that hold the truth as often as promised.
//!
//! A score says how strange a value looks for an example. The scores of the true values of calibration
//! examples give a [`threshold`](threshold()), and the set of a new example holds all values with a score of at most
//! that. If calibration and new examples are exchangeable, the truth is in the set with a chance of at least
//! 1 - alpha, however good the model is; a better model has smaller sets. The chance is one over all examples:
//! some classes may be covered less, others more. [`CoverageBounds`] says what chance makes of it.
//!
//! - classes: [`ClassScore`], LAC, APS or RAPS, from mean probabilities; at each position of a map of classes, with
//!   a promise about the share of positions ([`MapCoverage`]);
//! - independent labels: [`LabelSet`], with a threshold for each label;
//! - regression: [`residual_interval`], from the mean and the total standard deviation.
//!
//! A threshold belongs to one model and one number of Monte-Carlo samples, as the scores depend on both.
//!
//! # Examples
//! ```
//! use bayes8_evaluate::conformal::{ClassScore, calibrate};
//!
//! # fn main() -> Result<(), bayes8_evaluate::conformal::ConformalError> {
//! // Mean probabilities and classes of calibration examples; real ones are hundreds.
//! let examples = [([0.7, 0.2, 0.1], 0), ([0.5, 0.4, 0.1], 1), ([0.1, 0.1, 0.8], 2), ([0.2, 0.6, 0.2], 1)];
//! let scores = examples.map(|(probabilities, class)| ClassScore::Lac.score(&probabilities, class));
//! let threshold = calibrate(&scores, 0.2)?;
//! assert_eq!(ClassScore::Lac.set(&[0.45, 0.5, 0.05], threshold), [1, 0]);
//! # Ok(())
//! # }
//! ```

mod bounds;
mod coverage;
mod error;
mod maps;
mod report;
mod run;
mod scores;
mod threshold;

pub use bayes8_core::conformal::{
    ClassScore, ConformalPredictor, LabelSet, Method, PredictionRegion, PredictorError,
    label_score, residual_interval, residual_score,
};
pub use bounds::{CONFIDENCE, CoverageBounds};
pub use coverage::Coverage;
pub use error::ConformalError;
pub use maps::MapCoverage;
pub use report::{Conformal, ConformalPart, ConformalReport};
pub use scores::{class_scores, label_scores, residual_scores};
pub use threshold::{calibrate, needed, threshold};
