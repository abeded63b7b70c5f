//! Conformal prediction: sets of classes or answers and intervals that hold the truth as often as promised.
//!
//! A score says how strange a value looks for an example. A threshold on the scores, from calibration
//! examples, decides which values belong to the set or interval of a new one. The crate `bayes8-evaluate`
//! computes thresholds; a [`ConformalPredictor`] in a model applies them to the figures of a prediction, and
//! gives a [`PredictionRegion`]. `docs/NUMERICS.md` defines every operation, so that sets and intervals have
//! the same bits everywhere.
//!
//! - classes: [`ClassScore`], LAC, APS or RAPS, from mean probabilities; a map of classes has a set at each
//!   position, a [`ClassSetMap`];
//! - independent labels: [`LabelSet`], with a threshold for each label;
//! - regression: [`residual_interval`], from the mean and the total standard deviation.

mod class_set_map;
mod class_sets;
mod error;
mod json;
mod label_sets;
mod method;
mod predictor;
mod region;
mod residuals;

pub use class_set_map::ClassSetMap;
pub use class_sets::ClassScore;
pub use error::PredictorError;
pub use label_sets::{LabelSet, label_score};
pub use method::Method;
pub use predictor::{ConformalPredictor, check_alpha};
pub use region::PredictionRegion;
pub use residuals::{residual_interval, residual_score};
