//! ONNX to [`Network`]: parse, fold constants, normalize.
//!
//! One pass in execution order. Every ONNX value becomes a *slot*: a constant, which folds, or an
//! activation, which is a value of the graph plus the work still pending on it (such as a slice or
//! a zero border that a later node takes up). Nodes that the output does not depend on are never
//! seen. `lower` holds the meaning of each operator.

mod activation;
mod affine;
mod axes;
mod border;
mod budget;
mod builder;
mod channels;
mod constant;
mod cut;
mod ending;
mod evidence;
mod external;
mod groups;
mod initializers;
mod input;
mod known;
mod layout;
mod logits;
mod lower;
mod mask;
mod masked;
mod model;
mod moment;
mod moments;
mod node;
mod normalized;
mod operands;
mod operator;
mod order;
mod outputs;
mod pointwise;
mod rearrange;
mod reduction;
mod repeat;
mod scaled_moments;
mod settle;
mod stack;
mod supported;
mod trace;
mod view;
mod weights;
mod window;
mod wire;

use std::{collections::BTreeMap, path::Path};

use bayes8_native::file;
use rten_onnx::onnx::ModelProto;

use crate::{
    error::{ImportError, LoadError},
    network::Network,
    posterior::{MeanTensor, Member, MemberFiles, PosteriorSource, SigmaSource},
};
use builder::Builder;
use external::External;
use initializers::Initializers;
use model::OnnxModel;

pub use input::ImportOptions;

impl Network {
    /// Reads an ONNX network, with files of its folder that hold data of its tensors, and its
    /// posterior. [`crate::import`] lists what is accepted.
    ///
    /// # Errors
    /// [`LoadError`], which names the file and wraps the reason.
    pub fn load(network: &Path, posterior: &PosteriorSource) -> Result<Self, LoadError> {
        Self::load_with(network, posterior, &ImportOptions::default())
    }

    /// Reads a network as [`load`](Self::load) does, with options for what its file leaves open.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn load_with(
        network: &Path,
        posterior: &PosteriorSource,
        options: &ImportOptions,
    ) -> Result<Self, LoadError> {
        let member = |sigmas| (BTreeMap::new(), sigmas);
        let members: Vec<_> = match posterior {
            PosteriorSource::File(path) => {
                let members = Member::parse(&LoadError::read(path)?)
                    .map_err(|source| LoadError::Posterior { path: path.clone(), source })?;
                let own = |Member { means, sigmas }| (means, SigmaSource::Tensors(sigmas));
                members.into_iter().map(own).collect()
            }
            &PosteriorSource::Moped { delta } => vec![member(SigmaSource::Moped { delta })],
            PosteriorSource::Deterministic => vec![member(SigmaSource::Tensors(BTreeMap::new()))],
        };
        let folder = network.parent().unwrap_or(Path::new(""));
        let mut onnx = Some(LoadError::read(network)?);
        let blame = |source: ImportError| {
            let path = match posterior {
                PosteriorSource::File(path) if source.is_of_posterior() => path,
                _ => network,
            };
            LoadError::Import { path: path.into(), source }
        };
        let mut networks = Vec::with_capacity(members.len());
        let last = members.len() - 1;
        for (number, (means, sigmas)) in members.into_iter().enumerate() {
            // Importing frees the bytes as it goes.
            let bytes = if number == last { onnx.take() } else { onnx.clone() };
            let bytes = bytes.unwrap_or_default();
            networks.push(import_file(bytes, means, sigmas, options, folder).map_err(blame)?);
        }
        match networks.pop() {
            Some(only) if networks.is_empty() => Ok(only),
            last => {
                networks.extend(last);
                Self::ensemble(networks).map_err(|error| blame(error.into()))
            }
        }
    }
}

impl Network {
    /// Reads the members of an ensemble, or a single network, with options for what the files leave
    /// open.
    ///
    /// # Errors
    /// [`LoadError`], which names the file.
    pub fn load_all(members: &[MemberFiles], options: &ImportOptions) -> Result<Self, LoadError> {
        let load =
            |member: &MemberFiles| Self::load_with(&member.network, &member.posterior, options);
        if let [only] = members {
            return load(only);
        }
        let networks = members.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        Self::ensemble(networks).map_err(|error| {
            let path = error.member().and_then(|member| members.get(member));
            let path = path.or(members.first()).map(|member| member.network.clone());
            LoadError::Import { path: path.unwrap_or_default(), source: error.into() }
        })
    }
}

/// Imports an ONNX network (the bytes of a `.onnx` file) with its posterior.
///
/// Accepted: operator sets 7 to 25 of the default domain, with all data inside the file
/// ([`Network::load`] reads data of other files too). Nodes may come in any order. Weights may be
/// FLOAT, FLOAT16, BFLOAT16 or DOUBLE; everything is computed in f32, whichever types the file and
/// its Casts name. One input of floats or of bytes (UINT8, which a Cast makes floats) in one of the
/// orders of [`InputLayout`](crate::InputLayout); [`ImportOptions`] settle what the file leaves
/// open. One output `[n, numbers]`, or those that the options choose. A final Softmax, its logarithm or a
/// LogSoftmax is dropped, and an ArgMax over classes: the numbers are classes. So is a final Sigmoid: they are
/// labels. Of two outputs that follow each other, a final Softplus or Exp of the second is dropped: they are means
/// and variances. `docs/IMPORT.md` lists the operators, with the supported part of each.
///
/// BatchNormalization and clamps are folded into the node before them when nothing else reads it:
/// for c = gamma / sqrt(var + eps), mu becomes c mu, sigma becomes |c| sigma, and the bias
/// follows. Other functions of one value, with the sums and products among them, become one table.
///
/// Orders of channels become part of the next layer's weights, or otherwise a 1x1 convolution of
/// zeros and ones. If the output comes not from a Conv, Gemm or MatMul but from a pool, a sum, a
/// clamp or another function, a layer that copies each logit is appended; such logits have the grid
/// of an activation, that is 8 bits. An output that is bounded to 0 to 1 in another way is refused: it holds
/// probabilities.
///
/// # Errors
/// An [`ImportError`] that names the node or tensor. Bytes of any kind are refused, not trusted.
pub fn import(onnx: &[u8], posterior: &SigmaSource) -> Result<Network, ImportError> {
    import_with(onnx, posterior, &ImportOptions::default())
}

/// Imports a network as [`import`] does, with options for what its file leaves open.
///
/// # Errors
/// Those of [`import`]; options that do not fit the network's input are an
/// [`ImportError::Interface`].
pub fn import_with(
    onnx: &[u8],
    posterior: &SigmaSource,
    options: &ImportOptions,
) -> Result<Network, ImportError> {
    let (means, sigmas) = (BTreeMap::new(), posterior.clone());
    build(&parse(onnx)?, means, sigmas, options, &mut External::refused())
}

/// Imports a file, whose data may be in other files of its folder. Bytes, tensors and standard
/// deviations are freed as soon as the network has them in its own layout.
fn import_file(
    onnx: Vec<u8>,
    means: BTreeMap<String, MeanTensor>,
    sigmas: SigmaSource,
    options: &ImportOptions,
    folder: &Path,
) -> Result<Network, ImportError> {
    let model = parse(&onnx)?;
    drop(onnx);
    build(&model, means, sigmas, options, &mut External::inside(folder))
}

fn parse(onnx: &[u8]) -> Result<ModelProto, ImportError> {
    if file::is_lfs_pointer(onnx) {
        let reason = "it is a Git LFS pointer; `git lfs pull` downloads the file itself";
        return Err(ImportError::NotOnnx(reason.into()));
    }
    wire::check(onnx)?;
    ModelProto::parse_buf(onnx).map_err(|e| ImportError::NotOnnx(e.to_string()))
}

fn build(
    model: &ModelProto,
    means: BTreeMap<String, MeanTensor>,
    sigmas: SigmaSource,
    options: &ImportOptions,
    external: &mut External<'_>,
) -> Result<Network, ImportError> {
    let model = OnnxModel::new(model, options)?;
    let OnnxModel { input, nodes, .. } = &model;
    let (protos, uses) = (&model.initializers, &model.uses);
    let initializers = Initializers::decode(protos, uses, means, sigmas, external)?;
    let chosen = options.mc_dropout.clone();
    let set = model.operator_set;
    let mut builder = Builder::new(input, initializers, set, &model.readers, &model.uses, chosen)?;
    builder.centers = moments::centers(nodes);
    for (node, operator) in nodes {
        let slots = operator.apply(&mut builder, node)?;
        builder.assign(node, slots);
    }
    builder.check_dropout()?;
    builder.finish(&model.outputs)
}
