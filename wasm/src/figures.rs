//! The figures of an output as JavaScript sees them.

use crate::Error;
use bayes8_core::conformal::PredictionRegion;
use bayes8_core::head::Uncertainty;
use bayes8_core::head::map::MapUncertainty;
use js_sys::{Float32Array, Float64Array, Object, Reflect, Uint8Array, Uint16Array};
use wasm_bindgen::JsValue;

/// The names of the figures of classes and of labels.
const PROBABILITIES: [&str; 5] =
    ["probabilities", "std", "predictiveEntropy", "expectedEntropy", "mutualInformation"];

/// Those that have standard errors.
const ERRORS: [&str; 4] =
    ["probabilities", "predictiveEntropy", "expectedEntropy", "mutualInformation"];

/// The names of the figures of targets. The first has standard errors.
const TARGETS: [&str; 4] = ["mean", "std", "aleatoricStd", "epistemicStd"];

/// A figure that JavaScript has as a number or a typed array.
trait Figure {
    fn value(&self) -> JsValue;
}

impl Figure for f64 {
    fn value(&self) -> JsValue {
        (*self).into()
    }
}

impl Figure for Vec<f64> {
    fn value(&self) -> JsValue {
        Float64Array::from(&self[..]).into()
    }
}

impl Figure for Vec<f32> {
    fn value(&self) -> JsValue {
        Float32Array::from(&self[..]).into()
    }
}

impl Figure for Vec<u16> {
    fn value(&self) -> JsValue {
        Uint16Array::from(&self[..]).into()
    }
}

/// Sets a property of a new object.
fn put(object: &Object, name: &str, value: &JsValue) {
    // It cannot fail.
    let _ = Reflect::set(object, &name.into(), value);
}

fn put_all(object: &Object, names: &[&str], figures: &[&dyn Figure]) {
    names.iter().zip(figures).for_each(|(name, figure)| put(object, name, &figure.value()));
}

/// The figures as properties of an object: numbers or typed arrays, and `classes` of a map of classes, the most
/// likely ones. The errors of these, if they are known, have the same names in `standardErrors`. A prediction set is
/// `set` or `sets`, prediction intervals are `intervals`.
///
/// # Errors
/// [`Error::Handover`].
pub(crate) fn object(
    figures: &Uncertainty,
    region: Option<&PredictionRegion>,
) -> Result<Object, Error> {
    let object = Object::new();
    let set = |name: &str, value: JsValue| put(&object, name, &value);
    let all = |names: &[&str], figures: &[&dyn Figure]| put_all(&object, names, figures);
    let errors = |names: &[&str], errors: &[&dyn Figure]| {
        let object = Object::new();
        put_all(&object, names, errors);
        set("standardErrors", object.into());
    };
    macro_rules! probabilities {
        ($of:ident) => {
            all(
                &PROBABILITIES,
                &[
                    &$of.probabilities,
                    &$of.std,
                    &$of.predictive_entropy,
                    &$of.expected_entropy,
                    &$of.mutual_information,
                ],
            )
        };
    }
    macro_rules! with_errors {
        ($of:ident) => {{
            probabilities!($of);
            if let Some(of) = &$of.standard_errors {
                errors(
                    &ERRORS,
                    &[
                        &of.probabilities,
                        &of.predictive_entropy,
                        &of.expected_entropy,
                        &of.mutual_information,
                    ],
                );
            }
        }};
    }
    match figures {
        Uncertainty::Classes(of) => with_errors!(of),
        Uncertainty::Labels(of) => with_errors!(of),
        Uncertainty::Map(MapUncertainty::Labels(of)) => probabilities!(of),
        Uncertainty::Map(MapUncertainty::Classes(of)) => {
            probabilities!(of);
            set("classes", of.most_likely().value());
        }
        Uncertainty::Gaussian(of) | Uncertainty::Map(MapUncertainty::Gaussian(of)) => {
            all(&TARGETS, &[&of.mean, &of.std, &of.aleatoric_std, &of.epistemic_std]);
            // Maps have none.
            if let Some(of) = &of.standard_errors {
                errors(&TARGETS[..1], &[&of.mean]);
            }
        }
    }
    if let Some(region) = region {
        let name = match region {
            PredictionRegion::ClassSet(_) | PredictionRegion::ClassSetMap(_) => "set",
            PredictionRegion::LabelSets(_) => "sets",
            PredictionRegion::Intervals(_) => "intervals",
        };
        let value = match region {
            PredictionRegion::ClassSetMap(map) => {
                let members: Vec<u8> = map.members.iter().map(|&is_in| is_in.into()).collect();
                Uint8Array::from(&members[..]).into()
            }
            _ => serde_wasm_bindgen::to_value(region).map_err(|_| Error::Handover)?,
        };
        set(name, value);
    }
    Ok(object)
}
