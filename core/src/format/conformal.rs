//! The conformal predictors of a model's outputs, as JSON in the metadata.

use super::FormatError;
use super::objects;
use crate::conformal::{ClassScore, ConformalPredictor, Method};
use crate::digest::ModelDigest;
use crate::head::Output;
use crate::quoted::Echo;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The value of the metadata key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// Digest of the model without the key.
    model: String,
    outputs: Vec<Predictor>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predictor {
    output: String,
    method: String,
    /// Present exactly for RAPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lambda: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k_reg: Option<u32>,
    alpha: f64,
    /// `None` is infinite, which JSON cannot say.
    thresholds: Vec<Option<f64>>,
    calibration_examples: u64,
    samples: u32,
    seed: u64,
}

/// Returns the predictors of `outputs` as JSON; `None` if there are none. `model` computes the digest of
/// the model without them.
pub(super) fn write(outputs: &[Output], model: impl FnOnce() -> ModelDigest) -> Option<String> {
    let stored = |output: &Output| {
        output.conformal.as_ref().map(|of| Predictor {
            output: output.name.clone(),
            method: of.method.name().into(),
            lambda: of.method.raps().map(|(lambda, _)| lambda),
            k_reg: of.method.raps().map(|(_, k_reg)| k_reg),
            alpha: of.alpha,
            thresholds: of.thresholds.iter().map(|&t| t.is_finite().then_some(t)).collect(),
            calibration_examples: of.calibration_examples,
            samples: of.samples,
            seed: of.seed,
        })
    };
    let predictors: Vec<Predictor> = outputs.iter().filter_map(stored).collect();
    (!predictors.is_empty()).then(|| {
        let stored = Stored { model: model().to_string(), outputs: predictors };
        serde_json::to_string(&stored).expect("texts, lists and finite numbers are JSON")
    })
}

/// Gives each of `outputs` the predictor that `json` has for it. `model` is the digest of the model without
/// them. The model checks the numbers later.
///
/// # Errors
/// [`FormatError::Conformal`] and [`FormatError::OtherModel`].
pub(super) fn read(
    json: &str,
    model: ModelDigest,
    outputs: &mut [Output],
) -> Result<(), FormatError> {
    let damaged = |error: &dyn ToString| FormatError::Conformal(error.to_string());
    let stored: Stored = objects::from_str(json).map_err(|error| damaged(&error))?;
    if stored.model != model.to_string() {
        return Err(FormatError::OtherModel { calibrated: stored.model, found: model });
    }
    for stored in stored.outputs {
        let Some(output) = outputs.iter_mut().find(|output| output.name == stored.output) else {
            return Err(damaged(&format!("the model has no output `{}`", Echo(&stored.output))));
        };
        if output.conformal.is_some() {
            return Err(damaged(&format!("output `{}` stands there twice", Echo(&stored.output))));
        }
        output.conformal = Some(predictor(stored).map_err(|error| damaged(&error))?);
    }
    Ok(())
}

fn predictor(stored: Predictor) -> Result<ConformalPredictor, String> {
    let method = match (&stored.method[..], stored.lambda, stored.k_reg) {
        ("lac", None, None) => Method::Classes(ClassScore::Lac),
        ("aps", None, None) => Method::Classes(ClassScore::Aps),
        ("raps", Some(lambda), Some(k_reg)) => Method::Classes(ClassScore::Raps { lambda, k_reg }),
        ("residuals", None, None) => Method::Residuals,
        ("lac" | "aps" | "raps" | "residuals", ..) => {
            return Err("`lambda` and `k_reg` belong to the method `raps` alone".into());
        }
        (other, ..) => return Err(format!("unknown method `{}`", Echo(other))),
    };
    Ok(ConformalPredictor {
        method,
        alpha: stored.alpha,
        thresholds: stored.thresholds.iter().map(|t| t.unwrap_or(f64::INFINITY)).collect(),
        calibration_examples: stored.calibration_examples,
        samples: stored.samples,
        seed: stored.seed,
    })
}
