//! The keys of metadata: which there are, and what the parts hold that describe outputs.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::details::{HeadDetails, OutputDetails, TargetDetails};
use crate::head_kind::{HeadKind, UnknownHead};

/// A key, with dots between levels, and what is wrong with it.
pub(crate) struct Fault {
    pub(crate) key: String,
    pub(crate) reason: String,
}

pub(crate) type Object = Map<String, Value>;

/// The keys of details, in the file and in each entry of `outputs`.
const DETAILS: [&str; 3] = ["class_names", "label_names", "targets"];

/// The keys of the file that say something about the network.
pub(crate) const KEYS: [&str; 6] =
    [DETAILS[0], DETAILS[1], DETAILS[2], "head", "outputs", "preprocessing"];

/// Other keys of files of recorded predictions, `golden.json`, which serve as metadata too.
pub(crate) const RECORDED: [&str; 16] = [
    "accuracy",
    "brier",
    "ece",
    "mean_expected_entropy",
    "mean_mutual_information",
    "mean_predictive_entropy",
    "mean_weights_accuracy",
    "moped_delta",
    "nll",
    "noise_floor",
    "note",
    "ood_auroc",
    "ood_set",
    "pictures",
    "samples",
    "seed",
];

/// The keys of a target.
const TARGET: [&str; 5] = ["name", "unit", "scale", "offset", "noise"];

/// Refuses a key that is neither `known` nor `ignored`. `place` is the key of the object, with a dot
/// at the end, or empty.
pub(crate) fn check(
    place: &str,
    object: &Object,
    known: &[&str],
    ignored: &[&str],
) -> Result<(), Fault> {
    let is_known = |key: &String| known.contains(&key.as_str()) || ignored.contains(&key.as_str());
    let Some(key) = object.keys().find(|key| !is_known(key)) else { return Ok(()) };
    let quoted = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>();
    let sought = key.to_lowercase().replace(['-', ' '], "_");
    let nearest = known.iter().map(|known| (strsim::levenshtein(&sought, known), *known)).min();
    let advice = match nearest {
        Some((distance, nearest)) if 3 * distance <= nearest.len() => format!("is it `{nearest}`?"),
        _ => format!("there are {}", quoted(known).join(", ")),
    };
    Err(Fault { key: format!("{place}{key}"), reason: format!("is unknown: {advice}") })
}

/// Returns the value of a key; `None` if it is missing or null.
pub(crate) fn value<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

/// Returns the list that a key holds.
pub(crate) fn list<'a>(place: &str, object: &'a Object, key: &str) -> Result<&'a [Value], Fault> {
    let refuse = |reason: &str| Fault { key: format!("{place}{key}"), reason: reason.into() };
    match object.get(key) {
        None => Err(refuse("is missing")),
        Some(Value::Array(list)) if !list.is_empty() => Ok(list),
        Some(_) => Err(refuse("must be a list that is not empty")),
    }
}

/// Reads the head of the outputs of which the network does not say what they are.
pub(crate) fn head(root: &Object) -> Result<Option<HeadKind>, Fault> {
    let Some(given) = value(root, "head") else { return Ok(None) };
    let refuse = |reason: String| Fault { key: "head".into(), reason };
    let name = given.as_str().ok_or_else(|| refuse("must be a string".into()))?;
    name.parse().map(Some).map_err(|error: UnknownHead| refuse(format!("is wrong: {error}")))
}

/// Reads the details of a network's outputs from the root of the file.
pub(crate) fn heads(root: &Object) -> Result<HeadDetails, Fault> {
    let mut outputs = BTreeMap::new();
    if let Some(given) = value(root, "outputs") {
        let refuse = |key: String, reason: &str| Fault { key, reason: reason.into() };
        let not_objects = "must hold an object for each name of an output";
        let given = given.as_object().filter(|given| !given.is_empty());
        let given = given.ok_or_else(|| refuse("outputs".into(), not_objects))?;
        for (name, of) in given {
            let key = format!("outputs.{name}");
            let expected = "must be an object with `class_names`, `label_names` or `targets`";
            let of = of.as_object().ok_or_else(|| refuse(key.clone(), expected))?;
            let place = format!("{key}.");
            check(&place, of, &DETAILS, &[])?;
            if !DETAILS.iter().any(|key| value(of, key).is_some()) {
                return Err(refuse(key, expected));
            }
            outputs.insert(name.clone(), details(&place, of)?);
        }
    }
    Ok(HeadDetails { common: details("", root)?, outputs })
}

fn details(place: &str, object: &Object) -> Result<OutputDetails, Fault> {
    let names = |key: &str| {
        if value(object, key).is_none() {
            return Ok(Vec::new());
        }
        let names = list(place, object, key)?.iter().map(|name| name.as_str().map(str::to_owned));
        let refuse = || Fault { key: format!("{place}{key}"), reason: "must hold strings".into() };
        names.collect::<Option<Vec<_>>>().ok_or_else(refuse)
    };
    let targets = match value(object, "targets") {
        None => TargetDetails::default(),
        Some(_) => targets(&format!("{place}targets"), list(place, object, "targets")?)?,
    };
    Ok(OutputDetails {
        class_names: names("class_names")?,
        label_names: names("label_names")?,
        targets,
    })
}

/// Reads targets, each an object. `key` is that of the list.
fn targets(key: &str, list: &[Value]) -> Result<TargetDetails, Fault> {
    let refuse = |key: String, reason: &str| Fault { key, reason: reason.into() };
    let mut targets = TargetDetails::default();
    for (index, target) in list.iter().enumerate() {
        let item = format!("{key}.{index}");
        let object = target.as_object();
        let target = object.ok_or_else(|| refuse(item.clone(), "must be an object"))?;
        check(&format!("{item}."), target, &TARGET, &[])?;
        let text = |key: &str| match target.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(refuse(format!("{item}.{key}"), "must be a string")),
        };
        let number = |key: &str, default: f32| match target.get(key) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .map(|x| x as f32)
                .ok_or_else(|| refuse(format!("{item}.{key}"), "must be a number")),
        };
        targets.names.extend(text("name")?);
        targets.units.push(text("unit")?.unwrap_or_default());
        targets.scale.push(number("scale", 1.0)?);
        targets.offset.push(number("offset", 0.0)?);
        targets.noise.push(number("noise", 0.0)?);
    }
    if !targets.names.is_empty() && targets.names.len() != list.len() {
        return Err(refuse(key.into(), "must have a `name` in all items or in none"));
    }
    Ok(targets)
}
