//! The model file: a `.safetensors` container with a JSON description in its metadata.
//!
//! `docs/FORMAT.md` specifies the format so that third parties can write a reader. [`read`] trusts
//! nothing: it validates the container, the description and everything that
//! [`QuantizedModel::new`](crate::model::QuantizedModel::new) checks, and takes memory only in
//! proportion to the size of the file.
//!
//! # Examples
//! Rename a model:
//! ```
//! use bayes8_core::format;
//! use bayes8_core::model::{Parts, QuantizedModel};
//!
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
//! let model = format::read(&std::fs::read("models/mnist-cnn.safetensors")?)?;
//! let parts = Parts { name: "digits".into(), ..model.into_parts() };
//! let bytes = format::write(&QuantizedModel::new(parts)?)?;
//! assert_eq!(format::read(&bytes)?.name(), "digits");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod conformal;
mod contents;
mod header_density;
mod objects;
mod other_formats;
mod outputs;
mod rans;
mod reader;
mod residual;
mod schema;
mod tensors;
mod writer;

pub use reader::{check_digest, read};
pub use writer::{digest, version, write};

use crate::digest::ModelDigest;
use crate::graph::{GraphError, Shape};
use crate::head::{Head, Output, classes::Classes};
use crate::model::{ModelError, QuantizedModel, Values};
use crate::numerics::{Planes, Table};
use crate::quoted::Echo;
use alloc::{format, string::String, vec::Vec};
use header_density::{BYTES_PER_ITEM, CROWD, MAX_HEADER_BYTES};
use thiserror::Error;

/// The latest version of the format that this crate reads and writes. It reads all earlier ones
/// too.
pub const FORMAT_VERSION: u32 = 3;

/// The key of the JSON description in the container's metadata.
pub const METADATA_KEY: &str = "bayes8";

/// The key of the file's digest ([`ModelDigest`]) in the container's metadata.
pub const DIGEST_KEY: &str = "bayes8.digest";

/// The key of the model's [`Provenance`](crate::model::Provenance), as JSON, in the container's
/// metadata.
pub const PROVENANCE_KEY: &str = "bayes8.provenance";

/// The key of the conformal predictors ([`ConformalPredictor`](crate::conformal::ConformalPredictor)), as
/// JSON, in the container's metadata.
pub const CONFORMAL_KEY: &str = "bayes8.conformal";

/// Why bytes are not a model file, or a model cannot be written to one. Messages name the tensor or
/// node.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes are not a well-formed safetensors container.
    #[error(
        "the file is cut off, damaged, or not a model that `bayes8 quantize` made ({0}); copy it \
         again from where it came"
    )]
    Container(String),
    /// The file is of another kind: a picture or an ONNX network, for example.
    #[error("{kind}, not a model that `bayes8 quantize` made{advice}")]
    Foreign {
        /// What the file is.
        kind: &'static str,
        /// What to do, after a colon; may be empty.
        advice: &'static str,
    },
    /// The header is too long.
    #[error("the header has {0} bytes; at most {MAX_HEADER_BYTES} are allowed")]
    Header(u64),
    /// Parsing the header would take memory out of proportion to its length.
    #[error(
        "the header has {items} items in {bytes} bytes: more than {CROWD} need at least \
         {BYTES_PER_ITEM} bytes each"
    )]
    Crowded {
        /// Length of the header in bytes.
        bytes: usize,
        /// Number of commas in the header.
        items: usize,
    },
    /// The safetensors file has no description of a model.
    #[error(
        "a safetensors file without `{METADATA_KEY}` metadata; expected a model that \
         `bayes8 quantize` made"
    )]
    NoDescription,
    /// The contents of the file have changed since it was written.
    #[error(
        "the file is damaged: its contents have the digest {found}, but `{DIGEST_KEY}` says \
         `{expected}`; copy it again from where it came, or make it again with `bayes8 quantize`", expected = Echo(expected))]
    Damaged {
        /// The digest stated in the file.
        expected: String,
        /// The digest of the contents.
        found: ModelDigest,
    },
    /// Metadata that is only ever written along with a digest, but the digest is missing.
    #[error(
        "the file is damaged: it has metadata `{}` but no `{DIGEST_KEY}`; copy it again from where it \
         came, or make it again with `bayes8 quantize`", Echo(.0))]
    NoDigest(String),
    /// The JSON description does not have the right form.
    #[error("the `{METADATA_KEY}` metadata is damaged: {0}")]
    Description(String),
    /// The conformal predictors do not have the right form.
    #[error(
        "the `{CONFORMAL_KEY}` metadata is damaged: {0}; make it again with `bayes8 evaluate --store`"
    )]
    Conformal(String),
    /// The conformal predictors were calibrated for another model.
    #[error(
        "the `{CONFORMAL_KEY}` metadata was calibrated for the model `{calibrated}`, but this one is \
         {found}; calibrate this one with `bayes8 evaluate --store`", calibrated = Echo(calibrated))]
    OtherModel {
        /// The digest of the model that was calibrated.
        calibrated: String,
        /// The digest of this one without its conformal predictors.
        found: ModelDigest,
    },
    /// The file has a later or unknown version of the format.
    #[error("format version {found} is not supported, only 1 to {FORMAT_VERSION}")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// An operation that the file's version of the format does not have.
    #[error("node `{node}` ({op}) needs format version {since}, but the file has {version}", node = Echo(node))]
    Operation {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// The first version that has the operation.
        since: u32,
        /// The version in the file.
        version: u32,
    },
    /// A field that the file's version of the format does not have.
    #[error("`{field}` needs format version 3, but the file has {version}")]
    FieldVersion {
        /// The field.
        field: &'static str,
        /// The version in the file.
        version: u32,
    },
    /// A number of code planes of the input other than 1 and 2.
    #[error("`input.planes` is {0}, expected 1 or 2")]
    Planes(usize),
    /// An output of a node that does not exist.
    #[error("output `{output}` belongs to `{node}`, which is not a node", output = Echo(output), node = Echo(node))]
    UnknownOutput {
        /// The output.
        output: String,
        /// The node that it names.
        node: String,
    },
    /// A number of members that is out of range, or that no layer has.
    #[error("`members` is {members}, but {found}")]
    Members {
        /// The number of members.
        members: usize,
        /// What is wrong with it.
        found: &'static str,
    },
    /// A node reads a value that no earlier node makes.
    #[error("node `{node}` reads `{input}`, which no earlier node makes", node = Echo(node), input = Echo(input))]
    UnknownInput {
        /// The node.
        node: String,
        /// The name that it reads.
        input: String,
    },
    /// The graph is not valid.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A tensor that a node needs is missing.
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
    /// A layer has sigma codes without a noise multiplier, or the reverse.
    #[error("tensors `{layer}.sigma` and `{layer}.noise_multiplier` must come together", layer = Echo(.0))]
    HalfPosterior(String),
    /// A layer has residuals of its sigma codes without lines, or the reverse.
    #[error(
        "tensors `{layer}.sigma_residual` and `{layer}.sigma_line` must come together",
        layer = Echo(.0)
    )]
    HalfResidual(String),
    /// The residuals do not unpack to one per weight of the layer.
    #[error("tensor `{layer}.sigma_residual` is damaged", layer = Echo(.0))]
    Residual(String),
    /// A bias has sigma codes without mean codes.
    #[error("tensor `{layer}.bias.sigma` has no `{layer}.bias.mu`", layer = Echo(.0))]
    BiasWithoutMean(String),
    /// The model does not fit in a file: its header would be too long.
    #[error("the model cannot be written as a safetensors file: {0}")]
    Encoder(String),
    /// The file is well-formed, but what it describes is not a model.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Entries of a table, one per code.
const TABLE_SIZE: usize = size_of::<Table>();

/// The first version of the format with residuals of sigma codes.
const SINCE_RESIDUALS: u32 = 3;

/// The first version of the format with members.
const SINCE_MEMBERS: u32 = 3;

/// The first version of the format with outputs other than the classes of the last node.
const SINCE_OUTPUTS: u32 = 3;

/// The first version of the format with inputs that are numbers or have two code planes.
const SINCE_NUMBERS: u32 = 3;

/// The first version of the format with chosen draws.
const SINCE_DRAWS: u32 = 3;

/// Returns the prefix of the names of a layer's tensors: those of one member, or those that all
/// share.
fn layer_prefix(node: &str, member: Option<usize>) -> String {
    member.map_or_else(|| node.into(), |member| format!("{node}.member.{member}"))
}

/// Returns the earliest version that has all of a model but its layers.
fn version_without_layers(model: &QuantizedModel) -> u32 {
    let graph = model.graph();
    let numbers = model.preprocessing().values == Values::Numbers;
    let needs = |is_needed: bool, since: u32| if is_needed { since } else { 1 };
    graph
        .nodes()
        .iter()
        .map(|node| node.op.operation().since())
        .chain([
            since_shape(graph.input()),
            needs(model.members() > 1, SINCE_MEMBERS),
            needs(plain_classes(model).is_none(), SINCE_OUTPUTS),
            needs(model.chosen_draws().is_some(), SINCE_DRAWS),
            needs(numbers || model.input_planes() == Planes::Two, SINCE_NUMBERS),
        ])
        .fold(1, u32::max)
}

/// Returns the classes of a model whose only output, with the usual name, are the classes of its
/// last node: what files of all versions can say.
fn plain_classes(model: &QuantizedModel) -> Option<&Classes> {
    let [
        Output {
            name,
            nodes,
            head: Head::Classes(classes),
            positions: [1, 1, 1],
            resize: None,
            conformal: _,
        },
    ] = model.outputs()
    else {
        return None;
    };
    let last = model.graph().nodes().len() - 1;
    (name == Output::NAME && nodes[..] == [last]).then_some(&**classes)
}

/// Returns the first version of the format that has inputs of this shape.
fn since_shape(input: Shape) -> u32 {
    if input.depth > 1 { 2 } else { 1 }
}
