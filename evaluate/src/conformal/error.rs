//! Why a conformal threshold cannot be computed.

use thiserror::Error;

/// Why a conformal threshold cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ConformalError {
    /// The share of examples that may be missed is not a share.
    #[error("alpha is {0}, but must lie between 0 and 1: 0.1 promises a coverage of 90 %")]
    Alpha(f64),
    /// So few examples allow no finite threshold.
    #[error(
        "{found} calibration examples are too few for alpha {alpha}: at least {needed} are needed"
    )]
    TooFew {
        /// Number of calibration examples.
        found: usize,
        /// The least number that has a finite threshold.
        needed: usize,
        /// The share of examples that may be missed.
        alpha: f64,
    },
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
    /// Examples of another head.
    #[error("the true values are those of another head")]
    Truth,
    /// A score is not a number.
    #[error("the score of calibration example {0} is not a number")]
    Score(usize),
    /// The penalty of RAPS is not one.
    #[error("the penalty lambda is {0}, but must be finite, 0 or above")]
    Lambda(f64),
    /// The confidence of a gate is not a share.
    #[error("the confidence is {0}, but must lie between 0 and 1")]
    Confidence(f64),
}
