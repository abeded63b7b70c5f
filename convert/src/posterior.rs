//! Standard deviations of the weights: from a file, or by the MOPED rule.

use std::{collections::BTreeMap, path::PathBuf};

use bayes8_core::model::MAX_MEMBERS;
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

/// The files of one member of an ensemble.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberFiles {
    /// The ONNX network.
    pub network: PathBuf,
    /// Standard deviations of its weights.
    pub posterior: PosteriorSource,
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
    /// A tensor whose name is not one of a posterior.
    #[error(
        "tensor `{}`: names of a posterior end in `.sigma`, or in `.member.K` for the weights of member K",
        Echo(.0)
    )]
    Name(String),
    /// The number of a member is too large.
    #[error("tensor `{}`: members are numbered from 0 to {}", Echo(.0), MAX_MEMBERS - 1)]
    Members(String),
    /// A tensor that other members have.
    #[error("tensor `{}` is missing, but other members have it", Echo(.0))]
    Missing(String),
    /// Members where only standard deviations are expected.
    #[error("it holds the weights of members")]
    Unexpected,
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
    /// A weight of a member that is not finite.
    #[error(
        "tensor `{tensor}` holds {value} at index {index}: not a finite weight",
        tensor = Echo(tensor)
    )]
    Weight {
        /// The tensor.
        tensor: String,
        /// Position of the first such value, in row-major order.
        index: usize,
        /// NaN or infinite.
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

/// The parameters of one member, as a posterior file holds them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// Means by the initializer's name, which replace those of the network. Initializers without one
    /// keep their own.
    pub means: BTreeMap<String, MeanTensor>,
    /// Standard deviations by the initializer's name.
    pub sigmas: BTreeMap<String, SigmaTensor>,
}

/// Means in the layout of an initializer.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanTensor {
    /// The shape, equal to that of the initializer.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

impl Member {
    /// Reads the bytes of a `posterior.safetensors`: tensors `NAME.sigma` of type F32, and for members
    /// `NAME.member.K` and `NAME.member.K.sigma` with K from 0. Returns one entry per member, and one
    /// without members.
    ///
    /// # Errors
    /// A [`PosteriorError`] that names the tensor.
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>, PosteriorError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|e| PosteriorError::NotSafetensors(e.to_string()))?;
        let names = file.names();
        let count = names.iter().filter_map(|name| place(name).1).max().map_or(1, |last| last + 1);
        if count > MAX_MEMBERS {
            let tensor = names.iter().find(|name| place(name).1 == Some(count - 1));
            return Err(PosteriorError::Members(tensor.map_or("", |name| name).to_string()));
        }
        let mut members = vec![Self::default(); count];
        for (name, view) in file.iter() {
            let (initializer, member, is_sigma) = match (place(name), name.strip_suffix(".sigma")) {
                ((initializer, Some(member)), sigma) => {
                    (initializer, Some(member), sigma.is_some())
                }
                (_, Some(initializer)) => (initializer, None, true),
                (_, None) => return Err(PosteriorError::Name(name.into())),
            };
            if view.dtype() != Dtype::F32 {
                return Err(PosteriorError::Type {
                    tensor: name.into(),
                    dtype: format!("{:?}", view.dtype()),
                });
            }
            let values: Vec<f32> =
                view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let shape = view.shape().to_vec();
            match (member, is_sigma) {
                (Some(member), false) => {
                    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                        let value = values[index];
                        return Err(PosteriorError::Weight { tensor: name.into(), index, value });
                    }
                    let mean = MeanTensor { shape, values };
                    members[member].means.insert(initializer.into(), mean);
                }
                (Some(member), true) => {
                    let sigma = SigmaTensor::new(name, shape, values)?;
                    members[member].sigmas.insert(initializer.into(), sigma);
                }
                (None, _) => {
                    let sigma = SigmaTensor::new(name, shape, values)?;
                    for member in &mut members {
                        // Those of one member come first.
                        let own = member.sigmas.entry(initializer.into());
                        own.or_insert_with(|| sigma.clone());
                    }
                }
            }
        }
        let [first, others @ ..] = &*members else { return Ok(members) };
        for (member, other) in (1..).zip(others) {
            let all = first.means.keys().chain(other.means.keys());
            let mut missing = all
                .filter(|name| first.means.contains_key(*name) != other.means.contains_key(*name));
            if let Some(name) = missing.next() {
                let member = if other.means.contains_key(name) { 0 } else { member };
                return Err(PosteriorError::Missing(format!("{name}.member.{member}")));
            }
        }
        Ok(members)
    }
}

/// The initializer and the member of a tensor `NAME.member.K`, with `.sigma` or without.
fn place(tensor: &str) -> (&str, Option<usize>) {
    let own = tensor.strip_suffix(".sigma").unwrap_or(tensor);
    let Some((initializer, number)) = own.rsplit_once(".member.") else { return (tensor, None) };
    // One name for each member: `01` is none.
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit())
        && (number == "0" || !number.starts_with('0'));
    match number.parse() {
        Ok(member) if is_plain => (initializer, Some(member)),
        _ => (tensor, None),
    }
}

impl SigmaSource {
    /// Reads the bytes of a `posterior.safetensors` without members: tensors `NAME.sigma` of type F32.
    ///
    /// # Errors
    /// A [`PosteriorError`] that names the tensor.
    pub fn parse(bytes: &[u8]) -> Result<Self, PosteriorError> {
        let members = Member::parse(bytes)?;
        match <[Member; 1]>::try_from(members) {
            Ok([Member { means, sigmas }]) if means.is_empty() => Ok(Self::Tensors(sigmas)),
            _ => Err(PosteriorError::Unexpected),
        }
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
    fn refuses_members_without_a_plain_number_or_finite_weights() {
        let parse = |name| Member::parse(&file(name, Dtype::F32, &[1.0, f32::NAN])).unwrap_err();
        for name in ["w.member.01", "w.member.00", "w.member.+1", "w.member.-1", "w.member."] {
            assert!(matches!(parse(name), PosteriorError::Name(named) if named == name));
        }
        let error = parse("w.member.0");
        assert!(matches!(&error, PosteriorError::Weight { index: 1, .. }), "{error}");
        assert!(error.to_string().contains("`w.member.0` holds NaN at index 1"), "{error}");
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
