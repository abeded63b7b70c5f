//! The metadata of a network: what its outputs stand for, and how pixels or numbers become inputs.

use std::path::{Path, PathBuf};

use bayes8_core::counts::counted;
use bayes8_core::input;
use bayes8_core::model::{Preprocessing, Values};
use bayes8_native::file;
use ndarray::{Array, ArrayView, Dimension};
use serde_json::Value;
use thiserror::Error;

use crate::heads::{HeadDetails, TargetDetails};

/// What the outputs of a network stand for, and its preprocessing, from a JSON file.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// Names and units of what the outputs stand for.
    pub heads: HeadDetails,
    /// How bytes or numbers become inputs; `mean` and `std` hold one number per channel, or one for all
    /// channels. `None` if the file does not say.
    pub preprocessing: Option<Preprocessing>,
}

/// Why metadata is refused. Every variant names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{}: not JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The file has none of the keys.
    #[error(
        "{}: none of `class_names`, `label_names`, `targets` and `preprocessing` is in it", path.display()
    )]
    Neither {
        /// The file.
        path: PathBuf,
    },
    /// A key that is missing or holds something else.
    #[error("{}: key `{key}` {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key, with dots between levels.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// The numbers of a preprocessing do not fit the channels of the pictures.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "preprocessing holds {} of `{key}`, but pictures have {}",
    counted(*found, "value"),
    counted(*channels, "channel")
)]
pub struct ChannelsError {
    /// `mean` or `std`.
    pub key: &'static str,
    /// The number of numbers.
    pub found: usize,
    /// Channels of the pictures.
    pub channels: usize,
}

impl Metadata {
    /// Reads a JSON file: `class_names` and `label_names` (lists of names), `targets` (a list of objects
    /// with `name`, `unit`, `scale`, `offset` and `noise`, each of which may be missing), and
    /// `preprocessing` (`mean`, `std`, and `values`, which is `bytes` if it is missing, or `numbers`).
    /// At least one of them must be there; other keys are ignored.
    ///
    /// # Errors
    /// [`MetadataError`], which names the file and the key.
    pub fn load(path: &Path) -> Result<Self, MetadataError> {
        let bytes =
            file::read(path).map_err(|source| MetadataError::Io { path: path.into(), source })?;
        Self::parse(&bytes, path)
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self, MetadataError> {
        let root: Value = serde_json::from_slice(bytes)
            .map_err(|source| MetadataError::Json { path: path.into(), source })?;
        let refuse = |key, reason: &str| MetadataError::Key {
            path: path.into(),
            key,
            reason: reason.into(),
        };
        let list = |key: &'static str| {
            let value = key.split('.').try_fold(&root, |value, part| value.get(part));
            match value {
                None => Err(refuse(key, "is missing")),
                Some(Value::Array(list)) if !list.is_empty() => Ok(list),
                Some(_) => Err(refuse(key, "must be a list that is not empty")),
            }
        };
        let numbers = |key: &'static str| {
            let numbers = list(key)?.iter().map(|v| v.as_f64().map(|x| x as f32));
            let numbers: Option<Vec<f32>> = numbers.map(|x| x.filter(|x| x.is_finite())).collect();
            numbers.ok_or_else(|| refuse(key, "must hold finite numbers"))
        };
        let has = |key| root.get(key).is_some_and(|value| !value.is_null());
        if !["class_names", "label_names", "targets", "preprocessing"].into_iter().any(has) {
            return Err(MetadataError::Neither { path: path.into() });
        }
        let names = |key| match has(key) {
            false => Ok(Vec::new()),
            true => list(key)?
                .iter()
                .map(|v| v.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| refuse(key, "must hold strings")),
        };
        let mut heads = HeadDetails {
            class_names: names("class_names")?,
            label_names: names("label_names")?,
            ..HeadDetails::default()
        };
        if has("targets") {
            heads.targets = targets(list("targets")?).map_err(|why| refuse("targets", &why))?;
        }
        if !has("preprocessing") {
            return Ok(Self { heads, preprocessing: None });
        }
        let mean = numbers("preprocessing.mean")?;
        let std = numbers("preprocessing.std")?;
        if std.iter().any(|&s| s <= 0.0) {
            return Err(refuse("preprocessing.std", "must hold numbers above 0"));
        }
        let values = match root.pointer("/preprocessing/values").map(Value::as_str) {
            None | Some(Some("bytes")) => Values::Bytes,
            Some(Some("numbers")) => Values::Numbers,
            Some(_) => return Err(refuse("preprocessing.values", "must be `bytes` or `numbers`")),
        };
        Ok(Self { heads, preprocessing: Some(Preprocessing { values, mean, std }) })
    }
}

/// Reads targets, each an object.
fn targets(list: &[Value]) -> Result<TargetDetails, String> {
    let mut targets = TargetDetails::default();
    for (index, target) in list.iter().enumerate() {
        let Some(target) = target.as_object() else {
            return Err(format!("must hold objects, but item {index} is none"));
        };
        let known = ["name", "unit", "scale", "offset", "noise"];
        if let Some(key) = target.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("has an unknown key `{key}` in item {index}"));
        }
        let text = |key: &str| match target.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("must have a text as `{key}` of item {index}")),
        };
        let number = |key: &str, default: f32| match target.get(key) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .map(|x| x as f32)
                .ok_or_else(|| format!("must have a number as `{key}` of item {index}")),
        };
        targets.names.extend(text("name")?);
        targets.units.push(text("unit")?.unwrap_or_default());
        targets.scale.push(number("scale", 1.0)?);
        targets.offset.push(number("offset", 0.0)?);
        targets.noise.push(number("noise", 0.0)?);
    }
    if !targets.names.is_empty() && targets.names.len() != list.len() {
        return Err("must have a `name` in all items or in none".into());
    }
    Ok(targets)
}

/// Returns one mean and standard deviation per channel, from one per channel or one for all.
///
/// # Errors
/// [`ChannelsError`] unless there are `channels` numbers, or one.
pub fn per_channel(
    preprocessing: &Preprocessing,
    channels: usize,
) -> Result<Preprocessing, ChannelsError> {
    let spread = |key, values: &[f32]| match *values {
        [all] => Ok(vec![all; channels]),
        _ if values.len() == channels => Ok(values.to_vec()),
        _ => Err(ChannelsError { key, found: values.len(), channels }),
    };
    let Preprocessing { values, mean, std } = preprocessing;
    Ok(Preprocessing { values: *values, mean: spread("mean", mean)?, std: spread("std", std)? })
}

/// Normalizes pictures `[.., C]` of `channels`. The axis of a single channel may be left out.
///
/// # Errors
/// [`ChannelsError`] when `preprocessing` does not fit the channels.
pub fn normalize<D: Dimension>(
    preprocessing: &Preprocessing,
    pictures: ArrayView<'_, u8, D>,
    channels: usize,
) -> Result<Array<f32, D>, ChannelsError> {
    let Preprocessing { mean, std, .. } = per_channel(preprocessing, channels)?;
    let mut channel = (0..channels).cycle();
    let mut normalized = Array::zeros(pictures.raw_dim());
    for (x, &byte) in normalized.iter_mut().zip(pictures) {
        if let Some(channel) = channel.next() {
            *x = input::normalize(byte, mean[channel], std[channel]);
        }
    }
    Ok(normalized)
}

/// Normalizes numbers `[.., C]` of `channels`, such as the features of a table. The axis of a single
/// channel may be left out.
///
/// # Errors
/// [`ChannelsError`] when `preprocessing` does not fit the channels.
pub fn normalize_numbers<D: Dimension>(
    preprocessing: &Preprocessing,
    mut numbers: Array<f32, D>,
    channels: usize,
) -> Result<Array<f32, D>, ChannelsError> {
    let Preprocessing { mean, std, .. } = per_channel(preprocessing, channels)?;
    for (index, x) in numbers.iter_mut().enumerate() {
        let channel = index % channels;
        *x = (*x - mean[channel]) / std[channel];
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn parse(json: &str) -> Result<Metadata, String> {
        Metadata::parse(json.as_bytes(), Path::new("golden.json")).map_err(|e| e.to_string())
    }

    #[test]
    fn reads_its_keys_and_ignores_others() {
        let metadata = parse(
            r#"{"nll": 1, "class_names": ["a", "b"], "preprocessing": {"mean": [0.5], "std": [0.25], "scale": ""}}"#,
        );
        let class_names = vec!["a".into(), "b".into()];
        let expected = Metadata {
            heads: HeadDetails { class_names, ..HeadDetails::default() },
            preprocessing: Some(Preprocessing::of_bytes(vec![0.5], vec![0.25])),
        };
        assert_eq!(metadata, Ok(expected));
        for named in
            [r#"{"class_names": ["a"]}"#, r#"{"class_names": ["a"], "preprocessing": null}"#]
        {
            let unprocessed = parse(named).unwrap();
            assert_eq!((unprocessed.heads.class_names.len(), unprocessed.preprocessing), (1, None));
        }
        let unnamed = parse(r#"{"preprocessing": {"mean": [0], "std": [1]}}"#).unwrap();
        assert_eq!(unnamed.heads, HeadDetails::default());
    }

    #[test]
    fn errors_name_file_and_key() {
        let with = |names: &str, mean: &str, std: &str| {
            parse(&format!(
                r#"{{"class_names": {names}, "preprocessing": {{"mean": {mean}, "std": {std}}}}}"#
            ))
            .unwrap_err()
        };
        for (error, key) in [
            (with("[1]", "[0]", "[1]"), "`class_names` must hold strings"),
            (with("[]", "[0]", "[1]"), "`class_names` must be a list"),
            (with(r#"["a"]"#, r#"["x"]"#, "[1]"), "`preprocessing.mean` must hold finite"),
            (with(r#"["a"]"#, "[1e300]", "[1]"), "`preprocessing.mean` must hold finite"),
            (with(r#"["a"]"#, "[0]", "[0]"), "`preprocessing.std` must hold numbers above 0"),
            (
                parse(r#"{"preprocessing": {"std": [1]}}"#).unwrap_err(),
                "`preprocessing.mean` is missing",
            ),
            (
                parse(r#"{"preprocessing": {"mean": [1]}}"#).unwrap_err(),
                "`preprocessing.std` is missing",
            ),
            (parse(r#"{"preprocessing": [1]}"#).unwrap_err(), "`preprocessing.mean` is missing"),
            (parse(r#"{"nll": 1}"#).unwrap_err(), "none of `class_names`"),
            (parse("[1]").unwrap_err(), "none of `class_names`"),
            (parse("{").unwrap_err(), "not JSON"),
        ] {
            assert!(error.starts_with("golden.json: ") && error.contains(key), "{error}");
        }
    }

    #[test]
    fn normalizes_per_channel() {
        let preprocessing = Preprocessing::of_bytes(vec![0.5, 0.0], vec![0.5]);
        let pictures = array![[[[0u8, 255], [255, 51]]]];
        let out = normalize(&preprocessing, pictures.view(), 2).unwrap();
        assert_eq!(out, array![[[[-1.0f32, 2.0], [1.0, 0.4]]]]);
        let error = normalize(&preprocessing, array![[[[0u8, 0, 0]]]].view(), 3).unwrap_err();
        assert_eq!(error, ChannelsError { key: "mean", found: 2, channels: 3 });
    }
}
