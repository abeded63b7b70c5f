//! Standard deviations of the weights: from a file, or by the MOPED rule.

use std::{collections::BTreeMap, path::PathBuf};

use bayes8_core::quoted::Echo;
use safetensors::{Dtype, SafeTensors};
use thiserror::Error;

/// Where standard deviations come from.
#[derive(Clone, Debug, PartialEq)]
pub enum PosteriorSource {
    /// A `posterior.safetensors` file.
    File(PathBuf),
    /// See [`SigmaSource::Moped`].
    Moped {
        /// Sigma as a fraction of |w|.
        delta: f32,
    },
    /// No standard deviations: the network of the mean weights, for comparison.
    Deterministic,
}

/// Standard deviations of a network's weights.
#[derive(Clone, Debug, PartialEq)]
pub enum SigmaSource {
    /// One tensor per Bayesian initializer, by the initializer's name. Initializers without a
    /// tensor are deterministic.
    Tensors(BTreeMap<String, SigmaTensor>),
    /// MOPED: sigma = delta * |w| for every weight of a Conv, Gemm or MatMul, before anything is
    /// folded into it; biases stay deterministic.
    Moped {
        /// Finite and above 0.
        delta: f32,
    },
}

/// Standard deviations in the layout of an initializer; all finite and not negative.
#[derive(Clone, Debug, PartialEq)]
pub struct SigmaTensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Why a posterior is refused. Every variant but the first names the tensor.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum PosteriorError {
    /// Bytes that are not a safetensors file.
    #[error(
        "not a safetensors file ({0}); expected one with a tensor `NAME.sigma` for each Bayesian \
         initializer `NAME`"
    )]
    NotSafetensors(String),
    /// A tensor whose name is not `NAME.sigma`.
    #[error("tensor `{}`: names of a posterior end in `.sigma`", Echo(.0))]
    Name(String),
    /// A tensor whose type is not F32.
    #[error("tensor `{tensor}` has type {dtype}, expected F32", tensor = Echo(tensor))]
    Type {
        /// The tensor.
        tensor: String,
        /// Its type.
        dtype: String,
    },
    /// A tensor whose shape does not match its number of values.
    #[error("tensor `{tensor}` has shape {shape:?} but {values} values", tensor = Echo(tensor))]
    Length {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The number of values.
        values: usize,
    },
    /// A value that cannot be a standard deviation.
    #[error(
        "tensor `{tensor}` holds {value} at index {index}: not a standard deviation",
        tensor = Echo(tensor)
    )]
    Value {
        /// The tensor.
        tensor: String,
        /// Position of the first such value, in row-major order.
        index: usize,
        /// NaN, infinite or negative.
        value: f32,
    },
}

impl SigmaTensor {
    /// Creates a tensor of standard deviations in row-major order; `name` is the tensor's, for
    /// errors.
    ///
    /// # Errors
    /// [`PosteriorError::Length`], [`PosteriorError::Value`].
    pub fn new(name: &str, shape: Vec<usize>, values: Vec<f32>) -> Result<Self, PosteriorError> {
        let elements = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if elements != Some(values.len()) {
            return Err(PosteriorError::Length {
                tensor: name.into(),
                shape,
                values: values.len(),
            });
        }
        match values.iter().position(|s| !s.is_finite() || *s < 0.0) {
            Some(index) => {
                Err(PosteriorError::Value { tensor: name.into(), index, value: values[index] })
            }
            None => Ok(Self { shape, values }),
        }
    }

    /// The shape, equal to that of the initializer.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Values in row-major order, without a copy.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Values in row-major order.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

impl SigmaSource {
    /// Reads the bytes of a `posterior.safetensors`: tensors `NAME.sigma` of type F32.
    ///
    /// # Errors
    /// A [`PosteriorError`] that names the tensor.
    pub fn parse(bytes: &[u8]) -> Result<Self, PosteriorError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|e| PosteriorError::NotSafetensors(e.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let initializer =
                name.strip_suffix(".sigma").ok_or_else(|| PosteriorError::Name(name.into()))?;
            if view.dtype() != Dtype::F32 {
                return Err(PosteriorError::Type {
                    tensor: name.into(),
                    dtype: format!("{:?}", view.dtype()),
                });
            }
            let values = view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let sigma = SigmaTensor::new(name, view.shape().to_vec(), values)?;
            tensors.insert(initializer.to_owned(), sigma);
        }
        Ok(Self::Tensors(tensors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    fn file(name: &str, dtype: Dtype, values: &[f32]) -> Vec<u8> {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let shape = vec![bytes.len() / (dtype.bitsize() / 8)];
        let view = TensorView::new(dtype, shape, &bytes).unwrap();
        safetensors::serialize([(name, view)], None).unwrap()
    }

    #[test]
    fn reads_sigmas_by_initializer() {
        let SigmaSource::Tensors(tensors) =
            SigmaSource::parse(&file("a.weight.sigma", Dtype::F32, &[0.0, 0.5])).unwrap()
        else {
            panic!("a file is not a MOPED rule")
        };
        assert_eq!(tensors["a.weight"].values(), [0.0, 0.5]);
        assert_eq!(tensors["a.weight"].shape(), [2]);
    }

    #[test]
    fn refuses_what_is_no_standard_deviation() {
        for bad in [f32::NAN, f32::INFINITY, -1e-9] {
            let error = SigmaSource::parse(&file("w.sigma", Dtype::F32, &[1.0, bad])).unwrap_err();
            let PosteriorError::Value { tensor, index: 1, .. } = error else {
                panic!("{bad}: {error}")
            };
            assert_eq!(tensor, "w.sigma");
        }
    }

    #[test]
    fn refuses_other_types_names_and_bytes() {
        let parse = |bytes: &[u8]| SigmaSource::parse(bytes).unwrap_err();
        assert!(matches!(
            parse(&file("w.sigma", Dtype::F64, &[0.0, 1.0])),
            PosteriorError::Type { .. }
        ));
        assert!(matches!(parse(&file("w.rho", Dtype::F32, &[0.0])), PosteriorError::Name(_)));
        let whole = file("w.sigma", Dtype::F32, &[0.5; 4]);
        for length in 0..whole.len() {
            assert!(matches!(parse(&whole[..length]), PosteriorError::NotSafetensors(_)));
        }
    }
}
