//! A validated quantized Bayesian network: if a [`QuantizedModel`] exists, it can be run.

mod check;
mod parts;

pub use crate::error::ModelError;
pub use crate::layer::{Parameters, Quantized};
pub use parts::{Calibration, Parts, Preprocessing};

use crate::digest::ModelDigest;
use crate::graph::{Graph, Value};
use crate::head::Head;
use crate::layer::Layer;
use crate::numerics::{ActivationBits, Quantization};
use crate::plan::Plan;
use alloc::{string::String, sync::Arc};
use serde::{Deserialize, Serialize};

/// Where a model comes from, kept as evidence for people: it changes no result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Extents of the input in the network's own file and order, such as `[n, 28, 28, 1]`.
    pub input_axes: String,
    /// What those axes are, a letter each, such as `nhwc`.
    pub input_layout: String,
}

/// A quantized Bayesian network whose every index, shape and number has been checked. Copies share
/// its weights. Models are equal if their parts are, whatever files they come from.
#[derive(Clone, Debug)]
pub struct QuantizedModel {
    parts: Parts,
    plan: Arc<Plan<Arc<Layer>>>,
    provenance: Option<Provenance>,
    /// Digest and version of the file that it was read from, if it is still what that file says.
    file: Option<(ModelDigest, u32)>,
}

impl PartialEq for QuantizedModel {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl QuantizedModel {
    /// Checks everything that execution relies on, and plans the execution.
    ///
    /// # Errors
    /// A [`ModelError`] that names the culprit.
    pub fn new(mut parts: Parts) -> Result<Self, ModelError> {
        check::check(&parts)?;
        number_layers(&mut parts.graph);
        let plan = Arc::new(Plan::new(&parts.graph, parts.input)?);
        Ok(Self { parts, plan, provenance: None, file: None })
    }

    /// How it is executed.
    pub(crate) fn plan(&self) -> &Plan<Arc<Layer>> {
        &self.plan
    }

    /// The parts, to make another model of.
    pub fn into_parts(self) -> Parts {
        self.parts
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

    /// The same model with changed layers: `change` gets the index of each weighted node, and its layer.
    /// Layers that no copy of the model shares are not copied.
    ///
    /// # Errors
    /// A [`ModelError`] when they are no layers of the model any more.
    pub fn map_layers(self, mut change: impl FnMut(usize, &mut Layer)) -> Result<Self, ModelError> {
        let Self { mut parts, plan, provenance, .. } = self;
        // It may share the layers.
        drop(plan);
        for (index, data) in parts.graph.data_mut().enumerate() {
            if let Parameters::Layer(layer) = &mut data.parameters {
                change(index, Arc::make_mut(layer));
            }
        }
        Ok(Self { provenance, ..Self::new(parts)? })
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

    /// The operations, with all that their nodes own.
    pub fn graph(&self) -> &Graph<Quantized> {
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

    /// The weighted layers, in execution order.
    pub fn layers(&self) -> impl Iterator<Item = &Arc<Layer>> {
        self.parts.graph.nodes().iter().filter_map(|node| node.data.layer())
    }

    /// Where the activation grids come from.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.parts.calibration.as_ref()
    }

    /// Grid of a value, `None` for the logits.
    pub fn grid(&self, value: Value) -> Option<Quantization> {
        self.parts.grid(value)
    }

    /// Multiply-accumulates of one picture and one sample.
    pub fn multiply_accumulates(&self) -> u64 {
        (0..self.graph().nodes().len()).map(|i| self.graph().multiply_accumulates(i)).sum()
    }
}

/// Sets the number of each layer.
fn number_layers(graph: &mut Graph<Quantized>) {
    let layers = graph.data_mut().filter_map(|data| match &mut data.parameters {
        Parameters::Layer(layer) => Some(layer),
        Parameters::None | Parameters::Table(_) => None,
    });
    for (layer, index) in layers.zip(0..) {
        if layer.index != index {
            Arc::make_mut(layer).index = index;
        }
    }
}
