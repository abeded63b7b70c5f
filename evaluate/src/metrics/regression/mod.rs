//! Measures of the predictions for one target of a regression.
//!
//! Every Monte-Carlo sample predicts a Gaussian; the prediction is their [`Mixture`], or the
//! moment-matched [`Gaussian`] with its mean and variance. Means, standard deviations and true values are
//! in the units of the target, variances in their square. The normal distribution is computed by `libm`,
//! and all sums go over samples and examples in their order, so the figures are the same on every machine.

mod calibration;
mod figures;
mod gaussian;
mod intervals;
mod mixture;
pub mod normal;
mod point;
mod sparsification;

pub use calibration::{
    CALIBRATION_LEVELS, CalibrationPoint, calibration_error, interval_calibration,
    quantile_calibration,
};
pub(crate) use figures::Example;
pub use figures::{MOST_CRPS_SAMPLES, Predictions, RegressionFigures, Scores};
pub use gaussian::Gaussian;
pub use intervals::{INTERVAL_LEVELS, IntervalFigures};
pub use mixture::{Mixture, Moments, mixture_quantile};
pub use point::{mae, rmse};
pub use sparsification::Sparsification;
