//! The metadata of a network: what its outputs stand for, and how pixels or numbers become inputs.

use std::path::{Path, PathBuf};

use bayes8_core::counts::counted;
use bayes8_core::input;
use bayes8_core::model::{Preprocessing, Values};
use bayes8_core::quoted::Echo;
use bayes8_native::file;
use ndarray::{Array, ArrayView, Dimension};
use serde_json::Value;
use thiserror::Error;

use crate::details::HeadDetails;
use crate::head_kind::HeadKind;
use crate::metadata_keys;

/// What the outputs of a network stand for, and its preprocessing, from a JSON file.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// What the outputs are of which the network does not say so.
    pub head: Option<HeadKind>,
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
        "{}: none of `class_names`, `label_names`, `targets`, `head`, `outputs` and `preprocessing` is in it",
        path.display()
    )]
    Neither {
        /// The file.
        path: PathBuf,
    },
    /// A key that is missing, unknown or holds something else.
    #[error("{}: key `{}` {reason}", path.display(), Echo(key))]
    Key {
        /// The file.
        path: PathBuf,
        /// The key, with dots between levels.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// The numbers of a preprocessing do not fit the channels of the pictures.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "preprocessing holds {} of `{key}`, but inputs have {}",
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
    /// with `name`, `unit`, `scale`, `offset` and `noise`, each of which may be missing), `outputs` (an
    /// object that has these three for each name of an output), `head` (as [`HeadKind::name`]), and `preprocessing` (`mean`, `std`, and
    /// `values`, which is `bytes` if it is missing, or `numbers`). At least one of them must be there.
    /// Keys of recorded predictions (`golden.json`) are ignored, any others refused.
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
        let refuse = |metadata_keys::Fault { key, reason }| {
            let path = path.into();
            MetadataError::Key { path, key, reason }
        };
        let neither = || MetadataError::Neither { path: path.into() };
        let root = root.as_object().ok_or_else(neither)?;
        metadata_keys::check("", root, &metadata_keys::KEYS, &metadata_keys::RECORDED)
            .map_err(refuse)?;
        if !metadata_keys::KEYS.iter().any(|key| metadata_keys::value(root, key).is_some()) {
            return Err(neither());
        }
        let heads = metadata_keys::heads(root).map_err(refuse)?;
        let given = metadata_keys::value(root, "preprocessing");
        let preprocessing = given.map(preprocessing).transpose().map_err(refuse)?;
        let head = metadata_keys::head(root).map_err(refuse)?;
        Ok(Self { head, heads, preprocessing })
    }
}

/// Reads the value of `preprocessing`.
fn preprocessing(given: &Value) -> Result<Preprocessing, metadata_keys::Fault> {
    const PLACE: &str = "preprocessing.";
    let refuse =
        |key: &str, reason: &str| metadata_keys::Fault { key: key.into(), reason: reason.into() };
    let expected = "must be an object with `mean` and `std`";
    let given = given.as_object().ok_or_else(|| refuse("preprocessing", expected))?;
    // Recorded predictions describe the formula and the order of axes in words.
    let is_text = |key: &&str| given.get(*key).is_some_and(Value::is_string);
    let words: Vec<&str> = ["scale", "layout"].into_iter().filter(is_text).collect();
    metadata_keys::check(PLACE, given, &["mean", "std", "values"], &words)?;
    let numbers = |key: &str| {
        let numbers = metadata_keys::list(PLACE, given, key)?.iter();
        let numbers = numbers.map(|v| v.as_f64().map(|x| x as f32).filter(|x| x.is_finite()));
        let fault = || refuse(&format!("{PLACE}{key}"), "must hold finite numbers");
        numbers.collect::<Option<Vec<f32>>>().ok_or_else(fault)
    };
    let (mean, std) = (numbers("mean")?, numbers("std")?);
    if std.iter().any(|&s| s <= 0.0) {
        return Err(refuse("preprocessing.std", "must hold numbers above 0"));
    }
    let values = match given.get("values").map(Value::as_str) {
        None | Some(Some("bytes")) => Values::Bytes,
        Some(Some("numbers")) => Values::Numbers,
        Some(_) => return Err(refuse("preprocessing.values", "must be `bytes` or `numbers`")),
    };
    Ok(Preprocessing { values, mean, std })
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
    use crate::details::OutputDetails;
    use ndarray::array;

    fn parse(json: &str) -> Result<Metadata, String> {
        Metadata::parse(json.as_bytes(), Path::new("golden.json")).map_err(|e| e.to_string())
    }

    #[test]
    fn reads_its_keys_and_ignores_those_of_recorded_predictions() {
        let metadata = parse(
            r#"{"nll": 1, "class_names": ["a", "b"], "preprocessing": {"mean": [0.5], "std": [0.25], "scale": ""}}"#,
        );
        let class_names = vec!["a".into(), "b".into()];
        let expected = Metadata {
            head: None,
            heads: OutputDetails { class_names, ..OutputDetails::default() }.into(),
            preprocessing: Some(Preprocessing::of_bytes(vec![0.5], vec![0.25])),
        };
        assert_eq!(metadata, Ok(expected));
        for named in
            [r#"{"class_names": ["a"]}"#, r#"{"class_names": ["a"], "preprocessing": null}"#]
        {
            let unprocessed = parse(named).unwrap();
            assert_eq!(
                (unprocessed.heads.common.class_names.len(), unprocessed.preprocessing),
                (1, None)
            );
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
            (parse(r#"{"preprocessing": [1]}"#).unwrap_err(), "`preprocessing` must be an object"),
            (parse(r#"{"nll": 1}"#).unwrap_err(), "none of `class_names`"),
            (parse("[1]").unwrap_err(), "none of `class_names`"),
            (parse("{").unwrap_err(), "not JSON"),
        ] {
            assert!(error.starts_with("golden.json: ") && error.contains(key), "{error}");
        }
    }

    #[test]
    fn misspelt_keys_are_not_ignored() {
        for (json, expected) in [
            (r#"{"clas_names": ["a"]}"#, "`clas_names` is unknown: is it `class_names`?"),
            (r#"{"Label-Names": ["a"]}"#, "`Label-Names` is unknown: is it `label_names`?"),
            (
                r#"{"class_names": ["a"], "means": [0]}"#,
                "`means` is unknown: there are `class_names`, `label_names`, `targets`, `head`, `outputs`, `preprocessing`",
            ),
            (
                r#"{"preprocessing": {"mean": [0], "std": [1], "value": "numbers"}}"#,
                "`preprocessing.value` is unknown: is it `values`?",
            ),
            (
                r#"{"preprocessing": {"mean": [0], "std": [1], "scale": 255}}"#,
                "`preprocessing.scale` is unknown",
            ),
            (r#"{"targets": [{"scal": 2}]}"#, "`targets.0.scal` is unknown: is it `scale`?"),
            (
                r#"{"outputs": {"kind": {"class_name": ["a"]}}}"#,
                "`outputs.kind.class_name` is unknown: is it `class_names`?",
            ),
            (r#"{"outputs": {"kind": {}}}"#, "`outputs.kind` must be an object with `class_names`"),
            (r#"{"outputs": {"kind": ["a"]}}"#, "`outputs.kind` must be an object"),
            (r#"{"head": "regression"}"#, "`head` is wrong: there is no head `regression`"),
            (r#"{"outputs": []}"#, "`outputs` must hold an object for each name"),
            (
                r#"{"outputs": {"kind": {"label_names": [1]}}}"#,
                "`outputs.kind.label_names` must hold strings",
            ),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.starts_with("golden.json: key ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn outputs_have_details_of_their_own() {
        let json = r#"{"targets": [{"unit": "m"}], "outputs": {"kind": {"class_names": ["a", "b"]},
            "size": {"targets": [{"name": "width", "scale": 2}]}}}"#;
        let heads = parse(json).unwrap().heads;
        assert_eq!(heads.common.targets.units, ["m"]);
        assert_eq!(heads.outputs["kind"].class_names, ["a", "b"]);
        let size = &heads.outputs["size"].targets;
        assert_eq!((&size.names[..], &size.scale[..]), (&["width".to_owned()][..], &[2.0][..]));
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
