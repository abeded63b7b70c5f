//! The arguments of conformal prediction.

use crate::args::{UsageError, not_negative, whole};
use bayes8_evaluate::conformal::{ClassScore, Conformal, Method};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Sets or intervals that hold the truth as often as promised.
#[derive(Args)]
pub(super) struct ConformalArguments {
    /// Compute a threshold on --calibration-set, and the coverage and size of the sets or intervals on
    /// --data; outside the bounds that chance allows the exit code is 3
    #[arg(long, value_name = "METHOD", value_enum, requires = "calibration_set")]
    conformal: Option<Name>,

    /// Examples for the threshold, none of which is in --data: an npz as --data
    #[arg(long, value_name = "NPZ", requires = "conformal")]
    calibration_set: Option<PathBuf>,

    /// The share of examples whose set or interval may miss the truth
    #[arg(long, value_name = "X", allow_hyphen_values = true, requires = "conformal")]
    #[arg(value_parser = alpha, default_value = "0.1")]
    alpha: f64,

    /// The penalty of raps for each place of a class after the first --raps-places
    /// [default: 0.01]
    #[arg(long, value_name = "X", allow_hyphen_values = true, requires = "conformal")]
    #[arg(value_parser = not_negative)]
    raps_lambda: Option<f64>,

    /// The places of raps without penalty [default: 5]
    #[arg(long, value_name = "N", allow_hyphen_values = true, requires = "conformal")]
    #[arg(value_parser = whole::<u32>(0..=1_000_000))]
    raps_places: Option<u32>,

    /// Put the thresholds into MODEL, so that `predict` gives sets or intervals; only if the exit code is 0
    #[arg(long, requires = "conformal", conflicts_with = "input_size")]
    pub(super) store: bool,

    /// With --store, write the model to this file and leave MODEL as it is
    #[arg(short, long, value_name = "FILE", requires = "store")]
    pub(super) output: Option<PathBuf>,
}

/// Names of [`Method`].
#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// 1 - probability: the smallest sets of classes; also for labels
    Lac,
    /// Sums of probabilities: sets of classes that grow with doubt
    Aps,
    /// aps with a penalty for large sets
    Raps,
    /// Residuals over standard deviations: intervals of a regression
    Residuals,
}

impl ConformalArguments {
    /// What is to be measured, if anything.
    ///
    /// # Errors
    /// [`UsageError`] when the penalty is wrong, or is that of another method.
    pub(super) fn given(&self) -> Result<Option<Conformal>, UsageError> {
        let Some((name, calibration)) = self.conformal.zip(self.calibration_set.clone()) else {
            return Ok(None);
        };
        let misused = |message| UsageError { command: "evaluate", message };
        let method = match name {
            Name::Raps => {
                let lambda = self.raps_lambda.unwrap_or(Conformal::LAMBDA);
                let raps = ClassScore::raps(lambda, self.raps_places.unwrap_or(Conformal::K_REG));
                Method::Classes(raps.map_err(|e| misused(e.to_string()))?)
            }
            _ if self.raps_lambda.is_some() || self.raps_places.is_some() => {
                let message = "--raps-lambda and --raps-places are for --conformal raps";
                return Err(misused(message.into()));
            }
            Name::Lac => Method::Classes(ClassScore::Lac),
            Name::Aps => Method::Classes(ClassScore::Aps),
            Name::Residuals => Method::Residuals,
        };
        Ok(Some(Conformal { method, alpha: self.alpha, calibration }))
    }
}

/// A share that is neither 0 nor 1.
fn alpha(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| *x > 0.0 && *x < 1.0);
    number.ok_or_else(|| {
        "expected a number above 0 and below 1: 0.1 promises a coverage of 90 %".to_string()
    })
}
