//! Why numbers do not make a conformal predictor.

use crate::counts::counted;
use thiserror::Error;

/// Why numbers do not make a conformal predictor, or it does not fit an output.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum PredictorError {
    /// The share of examples that may be missed is not a share.
    #[error("alpha is {0}, but must lie between 0 and 1: 0.1 promises a coverage of 90 %")]
    Alpha(f64),
    /// The penalty of RAPS is not one.
    #[error("the penalty lambda is {0}, but must be finite, 0 or above")]
    Lambda(f64),
    /// A score that the head of the output does not have.
    #[error("the method `{method}` is not for outputs of the head `{head}`, which take {fitting}")]
    Method {
        /// The name of the method.
        method: &'static str,
        /// The name of the head.
        head: &'static str,
        /// The methods of the head.
        fitting: &'static str,
    },
    /// A predictor of a map of another head than classes.
    #[error("maps of the head `{0}` have no prediction sets or intervals, only those of `classes`")]
    Map(&'static str),
    /// Another number of thresholds than the output needs.
    #[error("{}, expected {expected}", counted(*found, "conformal threshold"))]
    Count {
        /// Thresholds found.
        found: usize,
        /// One for all classes, or one for each label or target.
        expected: usize,
    },
    /// A threshold that no score can have.
    #[error("conformal threshold {index} is {value}, but must be 0 or above; it may be infinite")]
    Threshold {
        /// Its index.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// Thresholds from no examples.
    #[error("conformal thresholds from 0 calibration examples")]
    Examples,
    /// A number of samples that no prediction has.
    #[error("conformal thresholds for {found} samples, expected 1 to {most}")]
    Samples {
        /// The number of samples.
        found: u32,
        /// The most that a prediction has.
        most: u32,
    },
}
