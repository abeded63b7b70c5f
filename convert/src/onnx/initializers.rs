//! Initializers with their standard deviations, decoded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bayes8_core::quoted::Echo;
use rten_onnx::onnx::TensorProto;

use super::{
    constant::{Constant, Data, Source, is_float},
    external::External,
};
use crate::{
    error::ImportError,
    posterior::{MeanTensor, SigmaSource, SigmaTensor},
};

/// The initializers that the network reads.
pub(super) struct Initializers<'a> {
    pub(super) constants: HashMap<&'a str, Constant>,
    /// The count of numbers in them.
    pub(super) numbers: usize,
    /// Names of those that have standard deviations.
    pub(super) sigmas: BTreeSet<String>,
    /// Sigma as a fraction of |w|, for weights of layers.
    pub(super) moped: Option<f32>,
}

impl<'a> Initializers<'a> {
    /// Decodes those of `protos` that are among the `uses`; an initializer that nothing reads may
    /// hold anything.
    pub(super) fn decode(
        protos: &HashMap<&'a str, &'a TensorProto>,
        uses: &HashMap<&'a str, usize>,
        mut means: BTreeMap<String, MeanTensor>,
        posterior: SigmaSource,
        external: &mut External<'_>,
    ) -> Result<Self, ImportError> {
        if let Some(name) = means.keys().find(|name| !protos.contains_key(name.as_str())) {
            let reason = format!("the network has no initializer `{}`", Echo(name));
            return Err(ImportError::Mean { tensor: format!("{name}.member"), reason });
        }
        let (mut sigmas, moped) = match posterior {
            SigmaSource::Tensors(tensors) => (tensors, None),
            SigmaSource::Moped { delta } if delta.is_finite() && delta > 0.0 => {
                (BTreeMap::new(), Some(delta))
            }
            SigmaSource::Moped { delta } => return Err(ImportError::Moped(delta)),
        };
        let bayesian = sigmas.keys().cloned().collect();
        if let Some(name) = sigmas.keys().find(|n| !protos.contains_key(n.as_str())) {
            return Err(unknown_sigma(name, protos));
        }
        let mut constants = HashMap::new();
        let mut numbers = 0usize;
        for (&name, proto) in protos.iter().filter(|(name, _)| uses.contains_key(*name)) {
            let mut constant = Constant::decode(proto, name, external)?;
            if let Some(mean) = means.remove(name) {
                constant = replaced(constant, name, mean)?;
            }
            let constant = with_source(constant, name, sigmas.remove(name))?;
            numbers = numbers.saturating_add(constant.data.len());
            constants.insert(name, constant);
        }
        Ok(Self { constants, numbers, sigmas: bayesian, moped })
    }
}

/// The error of a sigma without an initializer, with the most similar names of initializers.
fn unknown_sigma(name: &str, protos: &HashMap<&str, &TensorProto>) -> ImportError {
    // Hostile names may be long, and computing a distance takes the product of two lengths.
    let start = |name: &str| name.chars().take(200).collect::<String>();
    let sought = start(name);
    let floats = protos.iter().filter(|(_, proto)| proto.data_type.is_some_and(is_float));
    let mut known: Vec<&str> = floats.map(|(name, _)| *name).collect();
    known.sort_by_cached_key(|known| (strsim::levenshtein(&sought, &start(known)), *known));
    let nearest = known.iter().take(5).map(|&known| known.to_owned()).collect();
    ImportError::SigmaUnknown { name: name.into(), nearest, initializers: known.len() }
}

/// The means of a member in place of the network's.
fn replaced(
    constant: Constant,
    name: &str,
    MeanTensor { shape, values }: MeanTensor,
) -> Result<Constant, ImportError> {
    if shape == constant.shape && constant.floats().is_some() {
        return Ok(Constant::new(shape, Data::Float(values)));
    }
    let reason = match constant.floats() {
        Some(_) => format!("its shape is {shape:?}, that of the initializer {:?}", constant.shape),
        None => "the initializer holds integers".into(),
    };
    Err(ImportError::Mean { tensor: format!("{name}.member"), reason })
}

fn with_source(
    mut constant: Constant,
    name: &str,
    sigma: Option<SigmaTensor>,
) -> Result<Constant, ImportError> {
    if let Some(sigma) = &sigma
        && sigma.shape() != constant.shape
    {
        return Err(ImportError::SigmaShape {
            name: name.into(),
            sigma: sigma.shape().to_vec(),
            mean: constant.shape,
        });
    }
    let sigma = sigma.map(SigmaTensor::into_values);
    constant.source = Some(Source { initializer: name.into(), sigma });
    Ok(constant)
}
