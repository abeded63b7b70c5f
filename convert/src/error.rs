//! Why a network cannot be imported.

use std::path::{Path, PathBuf};

use bayes8_core::{
    graph::GraphError,
    quoted::{Brief, Echo},
};
use bayes8_native::file;
use thiserror::Error;

use crate::ensemble::EnsembleError;
use crate::head_kind::HeadKind;
use crate::posterior::PosteriorError;

/// Why an ONNX network and its posterior are refused. Every variant names the node or tensor.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Bytes that are not an ONNX model.
    #[error("not an ONNX model: {0}")]
    NotOnnx(String),
    /// An operator set outside of 7 to 25; 0 if the file names none.
    #[error(
        "operator set {0} is not one of 7 to 25; `onnx.version_converter.convert_version(model, 17)` \
         changes it"
    )]
    OperatorSet(i64),
    /// The graph has several outputs.
    #[error(
        "the graph has {} outputs ({}); choose those that the model should have",
        .0.len(), names(.0)
    )]
    Outputs(Vec<String>),
    /// An output was chosen that the graph does not have.
    #[error("the graph has no output `{}`, only {}", Echo(wanted), names(outputs))]
    UnknownOutput {
        /// The name.
        wanted: String,
        /// The outputs of the graph.
        outputs: Vec<String>,
    },
    /// An output was chosen twice.
    #[error("output `{}` was chosen twice", Echo(.0))]
    OutputTwice(String),
    /// A head is given for the outputs without one, but all that were chosen have one.
    #[error(
        "the head `{0}` is for outputs without one, but each output was chosen with its own head"
    )]
    HeadUnused(HeadKind),
    /// Inputs or outputs of the graph other than one picture in and one vector out.
    #[error("graph {kind} `{name}`: {reason}", name = Echo(name), reason = Brief(reason))]
    Interface {
        /// `input` or `output`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// An input whose extents the file leaves open, without a shape that completes them.
    #[error("graph input `{name}`: its shape {shape} leaves extents open: give the input shape", name = Echo(name))]
    OpenExtents {
        /// Its name.
        name: String,
        /// Its extents after the batch, such as `[n, 3, ?, ?]`.
        shape: String,
    },
    /// A tensor that cannot be read: type, length, or data outside of the file.
    #[error("tensor `{tensor}`: {reason}", tensor = Echo(tensor), reason = Brief(reason))]
    Tensor {
        /// Name of the initializer, or of the node that holds the tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// NaN or infinity where only finite numbers make sense.
    #[error("tensor `{tensor}` holds {value} at index {index}", tensor = Echo(tensor))]
    NotFinite {
        /// Name of the initializer.
        tensor: String,
        /// Position in row-major order.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A node outside of the supported subset.
    #[error(
        "node `{node}` ({op}): {reason}",
        node = Echo(node), op = Echo(op), reason = Brief(reason)
    )]
    Node {
        /// Name of the ONNX node, or of its output if it has none.
        node: String,
        /// Its operator.
        op: String,
        /// Which part is not supported or not valid.
        reason: String,
    },
    /// Shapes that do not fit; the graph's error names the node.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Constants that unfold to far more numbers than the file holds.
    #[error(
        "node `{node}`: the constants of this file unfold to more than {limit} numbers",
        node = Echo(node)
    )]
    TooLarge {
        /// Where the limit was passed.
        node: String,
        /// The limit.
        limit: usize,
    },
    /// A dropout node to activate that the graph does not have.
    #[error(
        "no Dropout node is called `{name}`: {}", dropout_nodes(known), name = Echo(name)
    )]
    DropoutUnknown {
        /// Its name; `all` if the graph has no dropout nodes.
        name: String,
        /// Names of the graph's dropout nodes.
        known: Vec<String>,
    },
    /// The weights of a member that fit no initializer.
    #[error("posterior tensors `{tensor}.K`: {reason}", tensor = Echo(tensor), reason = Brief(reason))]
    Mean {
        /// Their names, without the number of the member.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// Members that are not one network.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// A sigma without an initializer.
    #[error(
        "posterior tensor `{name}.sigma`: the network has no initializer `{name}`, but {} others: {}. If \
         the exporter folded BatchNormalization into the weights, keep it with \
         `torch.onnx.export(model.eval(), ..., training=torch.onnx.TrainingMode.PRESERVE, \
         do_constant_folding=False)`",
        initializers, names(nearest), name = Echo(name)
    )]
    SigmaUnknown {
        /// Name of the sigma's initializer.
        name: String,
        /// Some initializers of the network, the most similar name first.
        nearest: Vec<String>,
        /// How many initializers of floats the network has.
        initializers: usize,
    },
    /// A sigma whose shape differs from that of its mean.
    #[error(
        "posterior tensor `{name}.sigma` has shape {sigma:?}, the initializer {mean:?}",
        name = Echo(name)
    )]
    SigmaShape {
        /// Name of the initializer.
        name: String,
        /// Shape of the sigma.
        sigma: Vec<usize>,
        /// Shape of the mean.
        mean: Vec<usize>,
    },
    /// A sigma for something that is never sampled.
    #[error(
        "posterior tensor `{name}.sigma`: `{name}` is not a weight or bias of a Conv, Gemm or MatMul that \
         the output depends on",
        name = Echo(.0)
    )]
    SigmaNotWeight(String),
    /// One Bayesian initializer in two layers, which would have to be sampled alike.
    #[error(
        "node `{node}`: the Bayesian weight `{name}` is already used by another layer",
        node = Echo(node), name = Echo(name)
    )]
    SigmaShared {
        /// Name of the initializer.
        name: String,
        /// The second layer.
        node: String,
    },
    /// Standard deviations that overflow.
    #[error("layer `{}`: the standard deviations of its weights are too large for f32", Echo(.0))]
    SigmaOverflow(String),
    /// A MOPED factor that does not give standard deviations.
    #[error("MOPED delta is {0}, but must be finite and above 0")]
    Moped(f32),
}

impl ImportError {
    /// Whether it is the posterior that does not fit.
    pub(crate) fn is_of_posterior(&self) -> bool {
        matches!(
            self,
            Self::SigmaUnknown { .. }
                | Self::SigmaShape { .. }
                | Self::SigmaNotWeight(_)
                | Self::SigmaShared { .. }
                | Self::Mean { .. }
        )
    }
}

/// Names in a message: `a`, `b`, ...
fn names(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut list =
        names.iter().take(SHOWN).map(|name| format!("`{}`", Echo(name))).collect::<Vec<_>>();
    if names.len() > SHOWN {
        list.push("...".into());
    }
    list.join(", ")
}

fn dropout_nodes(known: &[String]) -> String {
    match known {
        [] => {
            "the file has none, since exporters leave inactive ones out; export the network with \
               dropout in training mode, as `bayes8.export` does"
                .into()
        }
        _ if known.iter().any(|name| name.contains('=')) => {
            format!("the file has {}; `NAME=P` names NAME and its probability P", names(known))
        }
        _ => format!("the file has {}", names(known)),
    }
}

/// Why a file cannot be loaded. Every variant names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The posterior is refused.
    #[error("cannot read the posterior {}", path.display())]
    Posterior {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PosteriorError,
    },
    /// The network, or the network together with its posterior, is refused.
    #[error("cannot import {}", path.display())]
    Import {
        /// The ONNX file, or that of the posterior if this is what does not fit.
        path: PathBuf,
        /// Why.
        source: ImportError,
    },
}

impl LoadError {
    pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Self> {
        file::read(path).map_err(|source| Self::Io { path: path.into(), source })
    }
}
