//! Predictions that a training framework recorded, as `bayes8-export golden` does.
//!
//! A safetensors file has a row for each picture: `labels`, I64 `[N]`, and in F32, over many Monte-Carlo
//! samples, `mc_mean_probabilities` `[N, classes]`, `mc_predictive_entropy`, `mc_expected_entropy` and
//! `mc_mutual_information` `[N]`, in nats. Optional are `mc_probability_std` and `mean_weights_logits`
//! `[N, classes]` and, for pictures of another distribution, `ood_predictive_entropy` and
//! `ood_mutual_information` `[M]`.
//!
//! The number of samples is the key `samples` of the JSON file of the same name ([`figures`]).

use std::path::{Path, PathBuf};

use bayes8_core::head::Accumulator;
use bayes8_core::head::classes::{ClassSums, ClassUncertainty};
use bayes8_native::file;
use ndarray::{Array2, ArrayView2};
use safetensors::{Dtype, SafeTensors};
use thiserror::Error;

use crate::labelled::Labelled;
use crate::metrics::Uncertainties;

/// How far the sum of a picture's probabilities may be from 1: float32 rounds.
const SUM_TOLERANCE: f64 = 1e-3;

/// Recorded predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// The file.
    pub path: PathBuf,
    /// Class of each picture.
    pub labels: Vec<i64>,
    /// Monte-Carlo samples of the predictions; `None` if no JSON file says.
    pub samples: Option<u32>,
    /// The prediction for each picture; its field `samples` is 0.
    pub predictions: Vec<ClassUncertainty>,
    /// Predictions of the network with every weight at its mean.
    pub mean_weights: Option<Vec<ClassUncertainty>>,
    /// The recorded outputs `[N, classes]` of this network.
    pub mean_weights_logits: Option<Array2<f32>>,
    /// Uncertainty about pictures of another distribution.
    pub ood: Option<Uncertainties>,
}

/// Why recorded predictions are refused. Every variant names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a safetensors file.
    #[error("{}: not a safetensors file, as `bayes8-export golden` writes: {reason}", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The predictions are for other pictures.
    #[error("{}: tensor `labels`: these are not the labels of {}", path.display(), data.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// The file of the pictures.
        data: PathBuf,
    },
    /// The outputs of the mean weights were not recorded.
    #[error("{}: there is no tensor `mean_weights_logits`", path.display())]
    NoLogits {
        /// The file.
        path: PathBuf,
    },
    /// A tensor is missing, has another type or shape, or holds impossible numbers.
    #[error("{}: tensor `{tensor}` {reason}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
}

/// Returns the JSON file of recorded predictions: `golden.json` for `golden.safetensors`.
pub fn figures(path: &Path) -> PathBuf {
    path.with_extension("json")
}

/// The number of samples in the file of [`figures`].
fn samples(path: &Path) -> Option<u32> {
    let json: serde_json::Value = serde_json::from_slice(&file::read(path).ok()?).ok()?;
    json.get("samples")?.as_u64()?.try_into().ok().filter(|&samples| samples > 0)
}

impl Golden {
    /// Reads a file.
    ///
    /// # Errors
    /// [`GoldenError`], which names the file and the tensor.
    pub fn load(path: &Path) -> Result<Self, GoldenError> {
        let bytes =
            file::read(path).map_err(|source| GoldenError::Io { path: path.into(), source })?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| {
            GoldenError::NotSafetensors { path: path.into(), reason: error.to_string() }
        })?;
        File { file, path }.golden()
    }

    /// Checks that the predictions are for these pictures, and a model of `classes` classes.
    ///
    /// # Errors
    /// [`GoldenError`], which names both files.
    pub fn check(&self, data: &Labelled, classes: usize) -> Result<(), GoldenError> {
        self.check_labels(data)?;
        let found = self.predictions.first().map_or(0, |u| u.probabilities.len());
        if found != classes {
            let tensor = "mc_mean_probabilities".into();
            let reason = format!("has {found} classes, the model {classes}");
            return Err(GoldenError::Tensor { path: self.path.clone(), tensor, reason });
        }
        Ok(())
    }

    /// Returns the recorded outputs of the mean weights for these pictures, and their name in errors.
    ///
    /// # Errors
    /// [`GoldenError`] if they are for other pictures, or were not recorded.
    pub fn logits(&self, data: &Labelled) -> Result<(ArrayView2<'_, f32>, String), GoldenError> {
        self.check_labels(data)?;
        let missing = || GoldenError::NoLogits { path: self.path.clone() };
        let logits = self.mean_weights_logits.as_ref().ok_or_else(missing)?;
        Ok((logits.view(), format!("{}: tensor `mean_weights_logits`", self.path.display())))
    }

    fn check_labels(&self, data: &Labelled) -> Result<(), GoldenError> {
        match self.labels == data.labels {
            true => Ok(()),
            false => Err(GoldenError::Labels { path: self.path.clone(), data: data.path.clone() }),
        }
    }
}

struct File<'a> {
    file: SafeTensors<'a>,
    path: &'a Path,
}

impl File<'_> {
    fn golden(&self) -> Result<Golden, GoldenError> {
        let labels = self.labels()?;
        let count = labels.len();
        let probabilities = self.matrix("mc_mean_probabilities", count)?;
        self.check_probabilities(&probabilities)?;
        let classes = probabilities.first().map_or(0, Vec::len);
        let std = match self.has("mc_probability_std") {
            true => self.matrix("mc_probability_std", count)?,
            false => vec![vec![0.0; classes]; count],
        };
        let predictive = self.vector("mc_predictive_entropy", Some(count))?;
        let expected = self.vector("mc_expected_entropy", Some(count))?;
        let information = self.vector("mc_mutual_information", Some(count))?;
        let rows =
            probabilities.into_iter().zip(std).zip(predictive).zip(expected).zip(information);
        let predictions =
            rows.map(|((((probabilities, std), total), aleatoric), epistemic)| ClassUncertainty {
                samples: 0,
                probabilities,
                std,
                predictive_entropy: total,
                expected_entropy: aleatoric,
                mutual_information: epistemic,
                standard_errors: None,
            });
        let mean_weights_logits = match self.has("mean_weights_logits") {
            true => {
                let rows = self.matrix("mean_weights_logits", count)?;
                self.check_classes("mean_weights_logits", &rows, classes)?;
                Some(Array2::from_shape_fn((count, classes), |(n, c)| rows[n][c] as f32))
            }
            false => None,
        };
        let mean_weights = mean_weights_logits.as_ref().map(|logits| {
            logits.rows().into_iter().map(|row| single_pass(&row.to_vec())).collect()
        });
        let ood = match self.has("ood_predictive_entropy") {
            true => {
                let predictive_entropy = self.vector("ood_predictive_entropy", None)?;
                let count = Some(predictive_entropy.len());
                let mutual_information = self.vector("ood_mutual_information", count)?;
                Some(Uncertainties { predictive_entropy, mutual_information })
            }
            false => None,
        };
        let samples = samples(&figures(self.path));
        let predictions = predictions.collect();
        let path = self.path.into();
        Ok(Golden { path, labels, samples, predictions, mean_weights, mean_weights_logits, ood })
    }

    fn has(&self, tensor: &str) -> bool {
        self.file.tensor(tensor).is_ok()
    }

    fn refuse(&self, tensor: &str, reason: impl Into<String>) -> GoldenError {
        GoldenError::Tensor { path: self.path.into(), tensor: tensor.into(), reason: reason.into() }
    }

    /// Shape and bytes of a tensor.
    fn tensor(&self, name: &str, dtype: Dtype) -> Result<(Vec<usize>, &[u8]), GoldenError> {
        let Ok(tensor) = self.file.tensor(name) else {
            return Err(self.refuse(name, "is missing; `bayes8-export golden` records it"));
        };
        if tensor.dtype() != dtype {
            let found = tensor.dtype();
            return Err(self.refuse(name, format!("has type {found:?}, expected {dtype:?}")));
        }
        Ok((tensor.shape().to_vec(), tensor.data()))
    }

    fn labels(&self) -> Result<Vec<i64>, GoldenError> {
        let (shape, bytes) = self.tensor("labels", Dtype::I64)?;
        match shape[..] {
            [count] if count > 0 => {
                Ok(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect())
            }
            _ => Err(self.refuse("labels", format!("has shape {shape:?}, expected [N], N > 0"))),
        }
    }

    /// Finite numbers in row-major order, and their shape.
    fn floats(&self, name: &str) -> Result<(Vec<usize>, Vec<f64>), GoldenError> {
        let (shape, bytes) = self.tensor(name, Dtype::F32)?;
        let values = bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b)));
        let values: Vec<f64> = values.collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => {
                let reason = format!("holds {} at index {index}", values[index]);
                Err(self.refuse(name, reason))
            }
            None => Ok((shape, values)),
        }
    }

    fn vector(&self, name: &str, count: Option<usize>) -> Result<Vec<f64>, GoldenError> {
        let (shape, values) = self.floats(name)?;
        let fits = matches!(shape[..], [found] if found > 0 && count.is_none_or(|n| n == found));
        if !fits {
            let count = count.map_or("M".into(), |count| count.to_string());
            return Err(self.refuse(name, format!("has shape {shape:?}, expected [{count}]")));
        }
        Ok(values)
    }

    fn matrix(&self, name: &str, count: usize) -> Result<Vec<Vec<f64>>, GoldenError> {
        let (shape, values) = self.floats(name)?;
        match shape[..] {
            [rows, classes] if rows == count && classes > 0 => {
                Ok(values.chunks_exact(classes).map(<[f64]>::to_vec).collect())
            }
            _ => {
                let reason = format!("has shape {shape:?}, expected [{count}, classes]");
                Err(self.refuse(name, reason))
            }
        }
    }

    fn check_classes(
        &self,
        name: &str,
        rows: &[Vec<f64>],
        classes: usize,
    ) -> Result<(), GoldenError> {
        match rows.first() {
            Some(row) if row.len() != classes => {
                let reason = format!("has {} classes, the probabilities {classes}", row.len());
                Err(self.refuse(name, reason))
            }
            _ => Ok(()),
        }
    }

    fn check_probabilities(&self, rows: &[Vec<f64>]) -> Result<(), GoldenError> {
        for (picture, row) in rows.iter().enumerate() {
            let sum: f64 = row.iter().sum();
            if row.iter().any(|&p| p < 0.0) || (sum - 1.0).abs() > SUM_TOLERANCE {
                let reason =
                    format!("does not hold probabilities for picture {picture}: sum {sum:.4}");
                return Err(self.refuse("mc_mean_probabilities", reason));
            }
        }
        Ok(())
    }
}

/// The prediction from the logits of a single pass, without epistemic uncertainty.
fn single_pass(logits: &[f32]) -> ClassUncertainty {
    let mut sums = ClassSums::new(logits.len());
    sums.add(logits);
    sums.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    type Tensor = (&'static str, Dtype, Vec<usize>, Vec<u8>);

    fn floats(name: &'static str, shape: &[usize], values: &[f32]) -> Tensor {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        (name, Dtype::F32, shape.to_vec(), bytes)
    }

    fn complete() -> Vec<Tensor> {
        let labels = [1i64, 0].iter().flat_map(|v| v.to_le_bytes()).collect();
        vec![
            ("labels", Dtype::I64, vec![2], labels),
            floats("mc_mean_probabilities", &[2, 2], &[0.25, 0.75, 1.0, 0.0]),
            floats("mc_predictive_entropy", &[2], &[0.5, 0.0]),
            floats("mc_expected_entropy", &[2], &[0.25, 0.0]),
            floats("mc_mutual_information", &[2], &[0.25, 0.0]),
        ]
    }

    fn load(tensors: &[Tensor]) -> Result<Golden, String> {
        let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
            (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), safetensors::serialize(views, None).unwrap()).unwrap();
        Golden::load(file.path()).map_err(|error| {
            let message = error.to_string();
            assert!(message.starts_with(&file.path().display().to_string()), "{message}");
            message
        })
    }

    #[test]
    fn reads_required_and_optional_tensors() {
        let golden = load(&complete()).unwrap();
        assert_eq!(golden.labels, [1, 0]);
        assert_eq!(golden.predictions[0].probabilities, [0.25, 0.75]);
        assert_eq!(golden.predictions[0].mutual_information, 0.25);
        assert_eq!((golden.mean_weights, golden.ood), (None, None));
        let mut more = complete();
        more.push(floats("mean_weights_logits", &[2, 2], &[0.0, 0.0, 800.0, 0.0]));
        more.push(floats("ood_predictive_entropy", &[3], &[0.5; 3]));
        more.push(floats("ood_mutual_information", &[3], &[0.125; 3]));
        let golden = load(&more).unwrap();
        let mean_weights = golden.mean_weights.unwrap();
        assert_eq!(mean_weights[0].probabilities, [0.5, 0.5]);
        assert_eq!(mean_weights[1].probabilities, [1.0, 0.0]);
        assert_eq!(golden.ood.unwrap().mutual_information, [0.125; 3]);
    }

    #[test]
    fn errors_name_the_tensor() {
        for missing in 0..5 {
            let mut tensors = complete();
            let (name, ..) = tensors.remove(missing);
            assert!(load(&tensors).unwrap_err().contains(&format!("`{name}` is missing")));
        }
        let with = |tensor: Tensor| {
            let mut tensors = complete();
            tensors.retain(|(name, ..)| *name != tensor.0);
            tensors.push(tensor);
            load(&tensors).unwrap_err()
        };
        for (error, part) in [
            (with(floats("labels", &[2], &[0.0; 2])), "`labels` has type F32, expected I64"),
            (with(floats("mc_expected_entropy", &[2], &[0.0, f32::NAN])), "holds NaN at index 1"),
            (with(floats("mc_mutual_information", &[3], &[0.0; 3])), "[3], expected [2]"),
            (with(floats("mc_mean_probabilities", &[1, 2], &[0.5; 2])), "expected [2, classes]"),
            (with(floats("mc_mean_probabilities", &[2, 2], &[0.5; 4].map(|p| p * 0.9))), "sum 0.9"),
            (with(floats("mean_weights_logits", &[2, 3], &[0.0; 6])), "has 3 classes"),
            (with(floats("ood_predictive_entropy", &[1], &[0.0])), "`ood_mutual_information`"),
        ] {
            assert!(error.contains(part), "{error}");
        }
        let text = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(text.path(), "no tensors").unwrap();
        assert!(matches!(Golden::load(text.path()), Err(GoldenError::NotSafetensors { .. })));
    }
}
