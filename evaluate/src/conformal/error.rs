//! Why a conformal threshold cannot be computed.

use bayes8_core::conformal::PredictorError;
use thiserror::Error;

use crate::style::counted;

/// Why a conformal threshold cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ConformalError {
    /// The method does not fit the output, or one of its numbers is wrong.
    #[error(transparent)]
    Predictor(#[from] PredictorError),
    /// So few examples allow no finite threshold.
    #[error(
        "{} for alpha {alpha}, expected at least {needed}", counted(*found as u64, "calibration example")
    )]
    TooFew {
        /// Number of calibration examples.
        found: usize,
        /// The least number that has a finite threshold.
        needed: usize,
        /// The share of examples that may be missed.
        alpha: f64,
    },
    /// Examples of another head.
    #[error("the true values are those of another head")]
    Truth,
    /// A score is not a number.
    #[error("the score of calibration example {0} is not a number")]
    Score(usize),
    /// The confidence of a gate is not a share.
    #[error("the confidence is {0}, but must lie between 0 and 1")]
    Confidence(f64),
    /// Too many predictions have no standard deviation, so that no interval would be finite.
    #[error(
        "{without} of {found} calibration examples are predicted without a standard deviation, so that \
         intervals of all numbers alone would cover their targets: samples of the model must vary, it must state \
         variances, or its targets need noise (`--target-noise` of `bayes8 quantize`)"
    )]
    NoDeviation {
        /// Number of calibration examples whose score is infinite.
        without: usize,
        /// Number of calibration examples.
        found: usize,
    },
}
