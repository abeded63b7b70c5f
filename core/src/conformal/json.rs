//! A conformal predictor as JSON.

use super::class_sets::ClassScore;
use super::method::Method;
use super::predictor::ConformalPredictor;
use crate::quoted::Echo;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The fields of the JSON object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    method: String,
    /// Present exactly for RAPS, like `k_reg`.
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

impl Serialize for ConformalPredictor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Fields::from(self).serialize(serializer)
    }
}

/// The numbers may still be wrong: the model checks them.
impl<'de> Deserialize<'de> for ConformalPredictor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fields::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl From<&ConformalPredictor> for Fields {
    fn from(predictor: &ConformalPredictor) -> Self {
        let &ConformalPredictor { method, alpha, calibration_examples, samples, seed, .. } =
            predictor;
        let finite = |threshold: &f64| threshold.is_finite().then_some(*threshold);
        Self {
            method: method.name().into(),
            lambda: method.raps().map(|(lambda, _)| lambda),
            k_reg: method.raps().map(|(_, k_reg)| k_reg),
            alpha,
            thresholds: predictor.thresholds.iter().map(finite).collect(),
            calibration_examples,
            samples,
            seed,
        }
    }
}

impl TryFrom<Fields> for ConformalPredictor {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { alpha, calibration_examples, samples, seed, .. } = fields;
        let method = match (&fields.method[..], fields.lambda, fields.k_reg) {
            ("lac", None, None) => Method::Classes(ClassScore::Lac),
            ("aps", None, None) => Method::Classes(ClassScore::Aps),
            ("raps", Some(lambda), Some(k_reg)) => {
                Method::Classes(ClassScore::Raps { lambda, k_reg })
            }
            ("residuals", None, None) => Method::Residuals,
            (method @ ("lac" | "aps" | "raps" | "residuals"), ..) => {
                return Err(format!(
                    "method `{method}`: `lambda` and `k_reg` belong to `raps`, and to no other"
                ));
            }
            (other, ..) => return Err(format!("unknown method `{}`", Echo(other))),
        };
        let thresholds = fields.thresholds.iter().map(|t| t.unwrap_or(f64::INFINITY)).collect();
        Ok(Self { method, alpha, thresholds, calibration_examples, samples, seed })
    }
}
