//! The metadata of a network: class names, and how pixels become inputs.

use std::path::{Path, PathBuf};

use bayes8_core::counts::counted;
use bayes8_core::input;
use bayes8_core::model::Preprocessing;
use bayes8_native::file;
use ndarray::{Array, ArrayView, Dimension};
use serde_json::Value;
use thiserror::Error;

/// Class names and preprocessing of a network, from a JSON file.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// Names of the classes, in the order of the logits; empty if the file has none.
    pub class_names: Vec<String>,
    /// How u8 pixels become inputs; `mean` and `std` hold one number per channel, or one for all
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
    /// The file has neither key.
    #[error("{}: neither `class_names` nor `preprocessing` is in it", path.display())]
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
    /// Reads `class_names`, `preprocessing.mean` and `preprocessing.std` of a JSON file. Either of
    /// `class_names` and `preprocessing` may be missing; other keys are ignored.
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
        if !has("class_names") && !has("preprocessing") {
            return Err(MetadataError::Neither { path: path.into() });
        }
        let class_names = match has("class_names") {
            false => Vec::new(),
            true => list("class_names")?
                .iter()
                .map(|v| v.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| refuse("class_names", "must hold strings"))?,
        };
        if !has("preprocessing") {
            return Ok(Self { class_names, preprocessing: None });
        }
        let mean = numbers("preprocessing.mean")?;
        let std = numbers("preprocessing.std")?;
        if std.iter().any(|&s| s <= 0.0) {
            return Err(refuse("preprocessing.std", "must hold numbers above 0"));
        }
        Ok(Self { class_names, preprocessing: Some(Preprocessing::of_bytes(mean, std)) })
    }
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
        let expected = Metadata {
            class_names: vec!["a".into(), "b".into()],
            preprocessing: Some(Preprocessing::of_bytes(vec![0.5], vec![0.25])),
        };
        assert_eq!(metadata, Ok(expected));
        for named in
            [r#"{"class_names": ["a"]}"#, r#"{"class_names": ["a"], "preprocessing": null}"#]
        {
            let unprocessed = parse(named).unwrap();
            assert_eq!((unprocessed.class_names.len(), unprocessed.preprocessing), (1, None));
        }
        let unnamed = parse(r#"{"preprocessing": {"mean": [0], "std": [1]}}"#).unwrap();
        assert!(unnamed.class_names.is_empty());
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
            (parse(r#"{"nll": 1}"#).unwrap_err(), "neither `class_names` nor `preprocessing`"),
            (parse("[1]").unwrap_err(), "neither `class_names` nor `preprocessing`"),
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
