//! The model file: a `.safetensors` container with a JSON description in its metadata.
//!
//! `docs/FORMAT.md` specifies it so that a third party can write a reader. [`read`] trusts nothing:
//! the container, the description and all that [`QuantizedModel::new`](crate::model::QuantizedModel::new) checks are validated before a byte
//! is used, and memory grows only with what is really in the file.

mod contents;
mod header_density;
mod other_formats;
mod rans;
mod reader;
mod residual;
mod schema;
mod writer;

pub use reader::{check_digest, read};
pub use writer::{digest, version, write};

use crate::digest::ModelDigest;
use crate::graph::{Graph, GraphError, Shape};
use crate::model::ModelError;
use crate::numerics::Table;
use crate::quoted::Echo;
use alloc::{string::String, vec::Vec};
use header_density::{BYTES_PER_ITEM, CROWD, MAX_HEADER_BYTES};
use thiserror::Error;

/// The latest version of the format that this crate reads and writes; it takes earlier ones too.
pub const FORMAT_VERSION: u32 = 3;

/// Key of the JSON description in the container's metadata.
pub const METADATA_KEY: &str = "bayes8";

/// Key of the digest of all that the file says, in the container's metadata.
pub const DIGEST_KEY: &str = "bayes8.digest";

/// Key of [`crate::model::Provenance`] as JSON, in the container's metadata.
pub const PROVENANCE_KEY: &str = "bayes8.provenance";

/// Why a file is not a model. Every variant names the tensor or node.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Not a well-formed safetensors container.
    #[error("not a safetensors file ({0}); expected a model that `bayes8 quantize` made")]
    Container(String),
    /// A file of another kind.
    #[error("{kind}, not a model that `bayes8 quantize` made{advice}")]
    Foreign {
        /// What it is.
        kind: &'static str,
        /// What to do, after a colon; empty where that is clear.
        advice: &'static str,
    },
    /// A very long header.
    #[error("the header has {0} bytes, at most {MAX_HEADER_BYTES} may be")]
    Header(u64),
    /// A header that would take memory out of proportion to its length.
    #[error(
        "the header has {items} items in {bytes} bytes: more than {CROWD} need at least \
         {BYTES_PER_ITEM} bytes each"
    )]
    Crowded {
        /// Bytes of the header.
        bytes: usize,
        /// Its commas.
        items: usize,
    },
    /// A safetensors file of another kind.
    #[error(
        "a safetensors file without `{METADATA_KEY}` metadata; expected a model that \
         `bayes8 quantize` made"
    )]
    NoDescription,
    /// Contents that are not those that were written.
    #[error(
        "the file is damaged: its contents have the digest {found}, but `{DIGEST_KEY}` says \
         `{expected}`; copy it again from where it came, or make it again with `bayes8 quantize`", expected = Echo(expected))]
    Damaged {
        /// The digest that the file says it has.
        expected: String,
        /// That of its contents.
        found: ModelDigest,
    },
    /// Metadata that only writers of a digest write, without one.
    #[error(
        "the file is damaged: it has metadata `{}` but no `{DIGEST_KEY}`; copy it again from where it \
         came, or make it again with `bayes8 quantize`", Echo(.0))]
    NoDigest(String),
    /// The JSON description does not have the right form.
    #[error("the `{METADATA_KEY}` metadata is damaged: {0}")]
    Description(String),
    /// Written by a later or unknown version.
    #[error("format version {found} is not supported, only 1 to {FORMAT_VERSION}")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// An operation that the file's version does not have.
    #[error("node `{node}` ({op}) needs format version {since}, but the file has {version}", node = Echo(node))]
    Operation {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// The first version that has it.
        since: u32,
        /// The version in the file.
        version: u32,
    },
    /// A node that reads a name that no earlier node has.
    #[error("node `{node}` reads `{input}`, which no earlier node makes", node = Echo(node), input = Echo(input))]
    UnknownInput {
        /// The node.
        node: String,
        /// The name that it reads.
        input: String,
    },
    /// A graph that makes no sense.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A weighted node without its tensor.
    #[error("tensor `{}` is missing", Echo(.0))]
    MissingTensor(String),
    /// A tensor that no node owns.
    #[error("tensor `{}` belongs to no node", Echo(.0))]
    UnexpectedTensor(String),
    /// A tensor of the wrong type.
    #[error("tensor `{tensor}` has type {found}, expected {expected}", tensor = Echo(tensor))]
    TensorType {
        /// The tensor.
        tensor: String,
        /// Its type.
        found: String,
        /// The type needed.
        expected: &'static str,
    },
    /// A tensor of the wrong shape.
    #[error("tensor `{tensor}` has shape {found:?}, expected {expected:?}", tensor = Echo(tensor))]
    TensorShape {
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape needed.
        expected: Vec<usize>,
    },
    /// A sigma without its noise multiplier, or the reverse.
    #[error("tensors `{layer}.sigma` and `{layer}.noise_multiplier` must come together", layer = Echo(.0))]
    HalfPosterior(String),
    /// A residual of sigma codes without its lines, or the reverse.
    #[error(
        "tensors `{layer}.sigma_residual` and `{layer}.sigma_line` must come together",
        layer = Echo(.0)
    )]
    HalfResidual(String),
    /// Residuals that do not unpack to one for each weight of the layer.
    #[error("tensor `{layer}.sigma_residual` is damaged", layer = Echo(.0))]
    Residual(String),
    /// A bias sigma without its mean.
    #[error("tensor `{layer}.bias.sigma` has no `{layer}.bias.mu`", layer = Echo(.0))]
    BiasWithoutMean(String),
    /// A model that does not fit a file: a header beyond what the container allows.
    #[error("the model cannot be written as a safetensors file: {0}")]
    Encoder(String),
    /// Parts that do not make a model.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Entries of a table, one for each code.
const TABLE_SIZE: usize = size_of::<Table>();

/// The first version of the format that has residuals of sigma codes.
const SINCE_RESIDUALS: u32 = 3;

/// The earliest version that has all of a graph.
fn graph_version<T>(graph: &Graph<T>) -> u32 {
    let nodes = graph.nodes().iter().map(|node| node.op.operation().since());
    nodes.fold(since_shape(graph.input()), u32::max)
}

/// The first version of the format that has inputs of this shape.
fn since_shape(input: Shape) -> u32 {
    if input.depth > 1 { 2 } else { 1 }
}
