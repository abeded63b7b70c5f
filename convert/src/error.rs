//! Why a network cannot be imported.

use std::path::{Path, PathBuf};

use bayes8_core::graph::GraphError;
use thiserror::Error;

use crate::posterior::PosteriorError;

/// Why an ONNX network and its posterior are refused. Every variant names the node or tensor.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Bytes that are no ONNX model.
    #[error("not an ONNX model: {0}")]
    NotOnnx(String),
    /// An operator set outside of 11 to 20.
    #[error("operator set {0} of the default domain is not one of 11 to 20")]
    OperatorSet(i64),
    /// Inputs or outputs of the graph that are not one picture in, one vector out.
    #[error("graph {kind} `{name}`: {reason}")]
    Interface {
        /// `input` or `output`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A tensor that cannot be read: type, length, or data outside of the file.
    #[error("tensor `{tensor}`: {reason}")]
    Tensor {
        /// Name of the initializer, or of the node that holds the tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// NaN or infinity where only finite numbers make sense.
    #[error("tensor `{tensor}` holds {value} at index {index}")]
    NotFinite {
        /// The tensor, or the node whose parameters it was folded into.
        tensor: String,
        /// Position in row-major order.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A node outside of the supported subset.
    #[error("node `{node}` ({op}): {reason}")]
    Node {
        /// Name of the ONNX node, or of its output where it has none.
        node: String,
        /// Its operator.
        op: String,
        /// Which part is not supported or not valid.
        reason: String,
    },
    /// Shapes that do not fit; the graph's error names the node.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Constants that unfold to many times the size of the file.
    #[error("node `{node}`: the constants of this file unfold to more than {limit} numbers")]
    TooLarge {
        /// Where the limit was passed.
        node: String,
        /// The limit.
        limit: usize,
    },
    /// A sigma without an initializer.
    #[error("posterior tensor `{0}.sigma`: the network has no initializer `{0}`")]
    SigmaUnknown(String),
    /// A sigma of another shape than its mean.
    #[error("posterior tensor `{name}.sigma` has shape {sigma:?}, the initializer {mean:?}")]
    SigmaShape {
        /// Name of the initializer.
        name: String,
        /// Shape of the sigma.
        sigma: Vec<usize>,
        /// Shape of the mean.
        mean: Vec<usize>,
    },
    /// A sigma for something that is sampled nowhere.
    #[error(
        "posterior tensor `{0}.sigma`: `{0}` is no weight or bias of a Conv, Gemm or MatMul that the output depends on"
    )]
    SigmaNotWeight(String),
    /// One Bayesian initializer in two layers, which would have to be sampled alike.
    #[error("node `{node}`: the Bayesian weight `{name}` is already used by another layer")]
    SigmaShared {
        /// Name of the initializer.
        name: String,
        /// The second layer.
        node: String,
    },
    /// A MOPED factor that is no standard deviation.
    #[error("MOPED delta is {0}, but must be finite and above 0")]
    Moped(f32),
}

impl ImportError {
    /// Whether it is the posterior that does not fit.
    pub(crate) fn is_of_posterior(&self) -> bool {
        matches!(
            self,
            Self::SigmaUnknown(_)
                | Self::SigmaShape { .. }
                | Self::SigmaNotWeight(_)
                | Self::SigmaShared { .. }
        )
    }
}

/// Why files cannot be loaded; names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The posterior is refused.
    #[error("{}: {source}", path.display())]
    Posterior {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PosteriorError,
    },
    /// The network, or the network together with its posterior, is refused.
    #[error("{}: {source}", path.display())]
    Import {
        /// The ONNX file; that of the posterior where it is this that does not fit.
        path: PathBuf,
        /// Why.
        source: ImportError,
    },
}

impl LoadError {
    pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Self> {
        std::fs::read(path).map_err(|source| Self::Io { path: path.into(), source })
    }
}
