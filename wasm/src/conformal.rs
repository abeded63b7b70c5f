//! Conformal predictors as JavaScript sees them.

use bayes8_core::conformal::{ClassScore, ConformalPredictor, Method};
use serde::Serialize;
use tsify::Tsify;

/// A conformal predictor.
#[derive(Clone, Debug, Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct ConformalInfo {
    /// The score.
    #[tsify(type = "\"lac\" | \"aps\" | \"raps\" | \"residuals\"")]
    pub method: &'static str,
    /// The share of examples whose set or interval may miss the truth.
    pub alpha: f64,
    /// Number of calibration examples.
    pub calibration_examples: f64,
    /// Number of samples of each.
    pub samples: u32,
    /// Seed of the samples, in decimal.
    pub seed: String,
    /// The predictor as numbers: the method (0 lac, 1 aps, 2 raps, 3 residuals), lambda, k_reg, and the thresholds.
    pub parameters: Vec<f64>,
}

impl ConformalInfo {
    pub(crate) fn new(predictor: &ConformalPredictor) -> Self {
        let &ConformalPredictor { method, alpha, calibration_examples, samples, seed, .. } =
            predictor;
        let number = match method {
            Method::Classes(ClassScore::Lac) => 0.0,
            Method::Classes(ClassScore::Aps) => 1.0,
            Method::Classes(ClassScore::Raps { .. }) => 2.0,
            Method::Residuals => 3.0,
        };
        let (lambda, k_reg) = method.raps().unwrap_or((0.0, 0));
        Self {
            method: method.name(),
            alpha,
            calibration_examples: calibration_examples as f64,
            samples,
            seed: seed.to_string(),
            parameters: [&[number, lambda, k_reg.into()], &predictor.thresholds[..]].concat(),
        }
    }
}

/// The predictor that has these [`ConformalInfo::parameters`]; `None` for no numbers. It knows the method and
/// the thresholds alone.
pub(crate) fn predictor_of(parameters: &[f64]) -> Option<ConformalPredictor> {
    let &[number, lambda, k_reg, ref thresholds @ ..] = parameters else { return None };
    let method = match number {
        0.0 => Method::Classes(ClassScore::Lac),
        1.0 => Method::Classes(ClassScore::Aps),
        // It was of this type before.
        2.0 => Method::Classes(ClassScore::Raps { lambda, k_reg: k_reg as u32 }),
        _ => Method::Residuals,
    };
    let thresholds = thresholds.to_vec();
    Some(ConformalPredictor {
        method,
        alpha: 0.0,
        thresholds,
        calibration_examples: 0,
        samples: 0,
        seed: 0,
    })
}
