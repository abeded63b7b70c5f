//! The conformal predictors of a model's outputs, as JSON in the metadata.

use super::{FormatError, objects};
use crate::conformal::ConformalPredictor;
use crate::digest::ModelDigest;
use crate::head::Output;
use crate::quoted::Echo;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use serde::{Deserialize, Serialize};

/// The value of the metadata key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calibrated {
    /// Digest of the model without the key.
    model: String,
    /// By the names of the outputs.
    outputs: BTreeMap<String, ConformalPredictor>,
}

/// Returns the predictors of `outputs` as JSON; `None` if there are none. `model` computes the digest of
/// the model without them.
pub(super) fn write(outputs: &[Output], model: impl FnOnce() -> ModelDigest) -> Option<String> {
    let predictor =
        |output: &Output| Some((output.name.clone(), output.conformal.as_ref()?.clone()));
    let outputs: BTreeMap<_, _> = outputs.iter().filter_map(predictor).collect();
    (!outputs.is_empty()).then(|| {
        let calibrated = Calibrated { model: model().to_string(), outputs };
        serde_json::to_string(&calibrated).expect("texts, lists and finite numbers are JSON")
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
    let calibrated: Calibrated =
        objects::from_str(json).map_err(|error| FormatError::Conformal(error.to_string()))?;
    if calibrated.model != model.to_string() {
        return Err(FormatError::OtherModel { calibrated: calibrated.model, found: model });
    }
    for (name, predictor) in calibrated.outputs {
        let Some(output) = outputs.iter_mut().find(|output| output.name == name) else {
            let unknown = format!("the model has no output `{}`", Echo(&name));
            return Err(FormatError::Conformal(unknown));
        };
        output.conformal = Some(predictor);
    }
    Ok(())
}
