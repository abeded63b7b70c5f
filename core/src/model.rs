//! A validated quantized Bayesian network: if a [`Model`] exists, it can be run.

mod check;
mod error;

pub use error::ModelError;

use crate::digest::ModelDigest;
use crate::graph::{Graph, Op, Shape, Value};
use crate::head::Head;
use crate::layer::Layer;
use crate::numerics::{ActivationBits, CodeRange, Quantization, Table};
use alloc::{string::String, sync::Arc, vec::Vec};
use serde::{Deserialize, Serialize};

/// How a picture becomes the network's input: `x = (p / 255 - mean) / std` for byte `p`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Mean of each channel, for pixels in 0..=1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, for pixels in 0..=1.
    pub std: Vec<f32>,
}

/// What calibration saw, kept as evidence for the activation scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Name of the method, such as `percentile 99.99`.
    pub method: String,
    /// Number of pictures.
    pub pictures: u32,
    /// Weight draws per picture.
    pub weight_samples: u32,
    /// Observed range of each value, the input first, then every node in order.
    pub ranges: Vec<[f32; 2]>,
}

/// Where a model comes from, kept as evidence for people: it changes no result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Extents of the input in the network's own file and order, such as `[n, 28, 28, 1]`.
    pub input_axes: String,
    /// What those axes are, a letter each, such as `nhwc`.
    pub input_layout: String,
}

/// Quantization of one node's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeQuantization {
    /// Grid of the output; `None` for the last node, which returns f32 logits.
    pub output: Option<Quantization>,
    /// Codes that the output may take.
    pub range: CodeRange,
}

/// The parts of a model before validation.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// A name for people.
    pub name: String,
    /// The operations.
    pub graph: Graph,
    /// Bits of every activation, the input included.
    pub activation_bits: ActivationBits,
    /// Grid of the network's input.
    pub input: Quantization,
    /// Normalization of pictures.
    pub preprocessing: Preprocessing,
    /// One name a class, or none at all.
    pub class_names: Vec<String>,
    /// One a node.
    pub quantization: Vec<NodeQuantization>,
    /// One a weighted node, in their order.
    pub layers: Vec<Layer>,
    /// One a [`Op::Table`] node, in their order.
    pub tables: Vec<Table>,
    /// Where the activation grids come from.
    pub calibration: Option<Calibration>,
}

/// A quantized Bayesian network whose every index, shape and number has been checked. Copies share
/// its weights. Models are equal if their parts are, whatever files they come from.
#[derive(Clone, Debug)]
pub struct Model {
    /// All but the layers.
    parts: Parts,
    layers: Vec<Arc<Layer>>,
    provenance: Option<Provenance>,
    /// Digest and version of the file that it was read from, if it is still what that file says.
    file: Option<(ModelDigest, u32)>,
}

impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts && self.layers == other.layers
    }
}

impl Model {
    /// Checks everything that execution relies on.
    ///
    /// # Errors
    /// A [`ModelError`] that names the culprit.
    pub fn new(mut parts: Parts) -> Result<Self, ModelError> {
        let layers: Vec<_> = core::mem::take(&mut parts.layers).into_iter().map(Arc::new).collect();
        check::check(&parts, &layers)?;
        Ok(Self { parts, layers, provenance: None, file: None })
    }

    /// The same model with a note of where it comes from.
    #[must_use]
    pub fn with_provenance(self, provenance: Provenance) -> Self {
        Self { provenance: Some(provenance), file: None, ..self }
    }

    /// Where it comes from, if its file says so.
    pub fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_ref()
    }

    /// The same model, which a file with this digest and format version describes.
    pub(crate) fn with_file(self, digest: ModelDigest, version: u32) -> Self {
        Self { file: Some((digest, version)), ..self }
    }

    /// The same model with changed layers. Layers that no copy of the model shares are not copied.
    ///
    /// # Errors
    /// A [`ModelError`] when they are no layers of the model any more.
    pub fn map_layers(mut self, mut change: impl FnMut(&mut Layer)) -> Result<Self, ModelError> {
        self.file = None;
        self.layers.iter_mut().for_each(|layer| change(Arc::make_mut(layer)));
        check::check(&self.parts, &self.layers)?;
        Ok(self)
    }

    /// Digest of the file that the model was read from; `None` for one that was made in memory or
    /// changed since. [`crate::format::digest`] has one for every model.
    pub fn file_digest(&self) -> Option<ModelDigest> {
        self.file.map(|(digest, _)| digest)
    }

    /// Format version of the file that the model was read from, as [`Self::file_digest`].
    /// [`crate::format::version`] has one for every model.
    pub fn file_version(&self) -> Option<u32> {
        self.file.map(|(_, version)| version)
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// The operations.
    pub fn graph(&self) -> &Graph {
        &self.parts.graph
    }

    /// Bits of every activation, the input included.
    pub fn activation_bits(&self) -> ActivationBits {
        self.parts.activation_bits
    }

    /// Grid of the network's input.
    pub fn input(&self) -> Quantization {
        self.parts.input
    }

    /// Normalization of pictures.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.parts.preprocessing
    }

    /// One name a class, or none at all.
    pub fn class_names(&self) -> &[String] {
        &self.parts.class_names
    }

    /// What the outputs mean: classes, in all format versions so far.
    pub fn head(&self) -> Head {
        Head::Classes(self.parts.graph.nodes().last().map_or(0, |n| n.shape.channels))
    }

    /// Number of f32 outputs for one picture and weight sample.
    pub fn outputs(&self) -> usize {
        self.head().outputs()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        let Head::Classes(classes) = self.head();
        classes
    }

    /// Quantization of every node's output.
    pub fn quantization(&self) -> &[NodeQuantization] {
        &self.parts.quantization
    }

    /// The weighted layers, in execution order.
    pub fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }

    /// The tables of the [`Op::Table`] nodes, in execution order.
    pub fn tables(&self) -> &[Table] {
        &self.parts.tables
    }

    /// Where the activation grids come from.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.parts.calibration.as_ref()
    }

    /// Grid of a value, `None` for the logits.
    pub fn value_quantization(&self, value: Value) -> Option<Quantization> {
        self.parts.value_quantization(value)
    }

    /// Multiply-accumulates of one picture and one sample.
    pub fn multiply_accumulates(&self) -> u64 {
        (0..self.graph().nodes().len()).map(|i| self.graph().multiply_accumulates(i)).sum()
    }
}

impl Parts {
    fn value_quantization(&self, value: Value) -> Option<Quantization> {
        match value {
            Value::Input => Some(self.input),
            Value::Node(n) => self.quantization[n].output,
        }
    }
}

/// Whether `op` over `input` is depthwise: its groups are its channels, one filter each.
pub fn is_depthwise(op: &Op, input: Shape) -> bool {
    matches!(*op, Op::Conv2d { groups, out_channels, .. }
        if groups > 1 && groups == input.channels && groups == out_channels)
}
