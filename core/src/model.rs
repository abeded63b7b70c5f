//! A quantized Bayesian network that has been validated: every [`QuantizedModel`] can be run.

mod check;
mod input_size;
mod parts;
mod randomness;

pub use crate::error::ModelError;
pub use crate::layer::{Affine, Bias, Layer, Parameters, Quantized};
pub use crate::numerics::{ActivationBits, CodeRange, Planes, Quantization, Table};
pub use crate::posterior::gaussian::Gaussian;
pub use crate::posterior::{MAX_MEMBERS, PerMember, Posterior};
pub use input_size::{InputSizeError, InputSizeFault};
pub use parts::{Calibration, Parts, Preprocessing, Values};
pub use randomness::{ActiveDropout, Randomness};

use crate::conformal::ConformalPredictor;
use crate::digest::ModelDigest;
use crate::draws::ChosenDraws;
use crate::graph::{Graph, Value};
use crate::head::Output;
use crate::head::classes::Classes;
use crate::plan::Plan;
use alloc::{string::String, sync::Arc};
use serde::{Deserialize, Serialize};

/// Where a model comes from: a record for people, which changes no result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Extents of the input as in the network's original file, such as `[n, 28, 28, 1]`.
    pub input_axes: String,
    /// The names of those axes, one letter each, such as `nhwc`.
    pub input_layout: String,
}

/// A quantized Bayesian network whose every index, shape and number has been checked.
///
/// It is what a model file holds: [`format::read`](crate::format::read) and
/// [`format::write`](crate::format::write) read and write it. Clones share the weights. Two models
/// are equal if their [`Parts`] are, whatever files they come from.
///
/// # Examples
/// ```
/// use bayes8_core::format;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let model = format::read(&std::fs::read("models/fashion-resnet14.safetensors")?)?;
/// assert_eq!(model.class_names()[0], "T-shirt/top");
/// println!("{} takes {} input", model.name(), model.graph().input());
/// for node in model.graph().nodes() {
///     println!("{} ({}): {}", node.name, node.op.name(), node.shape);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct QuantizedModel {
    parts: Parts,
    plan: Arc<Plan<Arc<Layer>>>,
    provenance: Option<Provenance>,
    /// Digest, format version and size of the file that it was read from, unless more than its input size has changed.
    file: Option<(ModelDigest, u32, usize)>,
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
    /// A [`ModelError`] that names the node, tensor or field.
    pub fn new(mut parts: Parts) -> Result<Self, ModelError> {
        check::check(&parts)?;
        number_layers(&mut parts.graph);
        let plan = Arc::new(Plan::new(&parts)?);
        Ok(Self { parts, plan, provenance: None, file: None })
    }

    /// Returns the plan of its execution.
    pub(crate) fn plan(&self) -> &Plan<Arc<Layer>> {
        &self.plan
    }

    /// Returns the parts, for example to change them and make another model.
    pub fn into_parts(self) -> Parts {
        self.parts
    }

    /// Sets the record of where the model comes from.
    #[must_use]
    pub fn with_provenance(self, provenance: Provenance) -> Self {
        Self { provenance: Some(provenance), file: None, ..self }
    }

    /// Returns the record of where the model comes from, if it has one.
    pub fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_ref()
    }

    /// Gives the output called `output` a conformal predictor, or takes it away.
    ///
    /// A model that is made from the parts of another keeps the predictors, which are right as long as its
    /// predictions are the same; [`Self::map_layers`] drops them.
    ///
    /// # Errors
    /// [`ModelError::OutputUnknown`] and [`ModelError::Conformal`].
    pub fn with_conformal(
        mut self,
        output: &str,
        conformal: Option<ConformalPredictor>,
    ) -> Result<Self, ModelError> {
        let mut outputs = self.parts.outputs.to_vec();
        let found = outputs.iter_mut().find(|of| of.name == output);
        found.ok_or_else(|| ModelError::OutputUnknown(output.into()))?.conformal = conformal;
        outputs.iter().try_for_each(check::check_conformal)?;
        self.parts.outputs = outputs.into();
        Ok(Self { file: None, ..self })
    }

    /// Gives the model a list of draws, or takes it away. Conformal predictors are dropped, since they were
    /// calibrated for other draws.
    #[must_use]
    pub fn with_draws(mut self, draws: Option<ChosenDraws>) -> Self {
        self.parts.draws = draws.map(Arc::new);
        self.drop_conformal();
        Self { file: None, ..self }
    }

    fn drop_conformal(&mut self) {
        let parts = &mut self.parts;
        if parts.outputs.iter().any(|output| output.conformal.is_some()) {
            let without = |output: &Output| Output { conformal: None, ..output.clone() };
            parts.outputs = parts.outputs.iter().map(without).collect();
        }
    }

    /// Sets the digest, the format version and the size of the file that the model was read from.
    pub(crate) fn with_file(self, digest: ModelDigest, version: u32, bytes: usize) -> Self {
        Self { file: Some((digest, version, bytes)), ..self }
    }

    /// Changes the layers of the model. Calls `change` with the index of each weighted node, that of
    /// a member, and its layer; with 0 and the layer once if all members share it. Layers that no clone of the model shares are changed in place.
    /// Chosen draws and conformal predictors are dropped, since they were made for the old layers.
    ///
    /// # Errors
    /// A [`ModelError`] when a layer does not suit its node any more.
    pub fn map_layers(
        self,
        mut change: impl FnMut(usize, usize, &mut Layer),
    ) -> Result<Self, ModelError> {
        let Self { mut parts, plan, provenance, .. } = self.with_draws(None);
        // The plan may share the layers.
        drop(plan);
        for (index, data) in parts.graph.data_mut().enumerate() {
            if let Parameters::Layer(members) = &mut data.parameters {
                for (member, layer) in members.iter_mut().enumerate() {
                    change(index, member, Arc::make_mut(layer));
                }
            }
        }
        Ok(Self { provenance, ..Self::new(parts)? })
    }

    /// Returns the digest of the file that the model was read from; `None` for a model that was
    /// made in memory or has changed since. [`format::digest`](crate::format::digest) works for
    /// every model.
    pub fn file_digest(&self) -> Option<ModelDigest> {
        self.file.map(|(digest, ..)| digest)
    }

    /// Returns the format version of the file that the model was read from; `None` for a model that
    /// was made in memory or has changed since. [`format::version`](crate::format::version) works
    /// for every model.
    pub fn file_version(&self) -> Option<u32> {
        self.file.map(|(_, version, _)| version)
    }

    /// Returns the size in bytes of the file that the model was read from; `None` for a model that
    /// was made in memory or has changed since.
    pub fn file_bytes(&self) -> Option<usize> {
        self.file.map(|(.., bytes)| bytes)
    }

    /// Returns the model's name.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// Returns the graph of operations, with the parameters of its nodes.
    pub fn graph(&self) -> &Graph<Quantized> {
        &self.parts.graph
    }

    /// Returns the number of bits of every activation, including the input.
    pub fn activation_bits(&self) -> ActivationBits {
        self.parts.activation_bits
    }

    /// Returns the quantization grid of the network's input.
    pub fn input(&self) -> Quantization {
        self.parts.input
    }

    /// Returns the number of codes of each element of the network's input.
    pub fn input_planes(&self) -> Planes {
        self.parts.input_planes
    }

    /// Returns the normalization of inputs.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.parts.preprocessing
    }

    /// Returns the outputs, at least one, in their order.
    pub fn outputs(&self) -> &[Output] {
        &self.parts.outputs
    }

    /// Returns [`Self::outputs`] as clones of the model share them.
    #[doc(hidden)]
    pub fn shared_outputs(&self) -> &Arc<[Output]> {
        &self.parts.outputs
    }

    /// Returns the output with this name.
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs().iter().find(|output| output.name == name)
    }

    /// Returns the classes of a classifier: of the first output, if these are classes.
    pub fn classes(&self) -> Option<&Classes> {
        self.outputs().first()?.head.classes()
    }

    /// Returns the name of each class; empty if the classes have no names, or the first output are
    /// not classes.
    pub fn class_names(&self) -> &[String] {
        self.classes().map_or(&[], |classes| &classes.names)
    }

    /// Returns the number of members, 1 to [`MAX_MEMBERS`]. Sample `s` of a prediction takes member
    /// `s` modulo this number.
    pub fn members(&self) -> usize {
        self.layers().map(PerMember::count).max().unwrap_or(1)
    }

    /// Returns what varies from sample to sample.
    pub fn randomness(&self) -> Randomness {
        Randomness::of(&self.parts.graph)
    }

    /// Returns the number of f32 numbers of all outputs, for one picture and weight sample.
    pub fn output_numbers(&self) -> usize {
        self.outputs().iter().map(Output::numbers).sum()
    }

    /// Iterates over the weighted layers, in execution order: of each member, or of all.
    pub fn layers(&self) -> impl Iterator<Item = &PerMember<Arc<Layer>>> {
        self.parts.graph.nodes().iter().filter_map(|node| node.data.layer())
    }

    /// Returns the record of the calibration that chose the activation grids, if the model has one.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.parts.calibration.as_ref()
    }

    /// Returns the draws that samples take for which no seed is given, if the model has a list of them.
    pub fn chosen_draws(&self) -> Option<&Arc<ChosenDraws>> {
        self.parts.draws.as_ref()
    }

    /// Returns the quantization grid of a value; `None` for the outputs of the model.
    ///
    /// # Panics
    /// When the value is not in the graph.
    pub fn grid(&self, value: Value) -> Option<Quantization> {
        self.parts.grid(value)
    }

    /// Returns the number of multiply-accumulates for one picture and weight sample.
    pub fn multiply_accumulates(&self) -> u64 {
        (0..self.graph().nodes().len()).map(|i| self.graph().multiply_accumulates(i)).sum()
    }

    /// Returns the number of multiply-accumulates for one picture and `samples` samples. Layers that
    /// no sample changes, such as those before the first dropout, count once.
    pub fn multiply_accumulates_of(&self, samples: u32) -> u64 {
        let Plan { prefix, suffix, .. } = self.plan();
        let [once, each] = [prefix, suffix]
            .map(|steps| steps.iter().map(|step| step.multiply_accumulates()).sum::<u64>());
        once.saturating_add(each.saturating_mul(samples.into()))
    }
}

/// Sets the number of each layer.
fn number_layers(graph: &mut Graph<Quantized>) {
    let layers = graph.data_mut().filter_map(|data| match &mut data.parameters {
        Parameters::Layer(layer) => Some(layer),
        Parameters::None | Parameters::Affine(_) | Parameters::Table(_) => None,
    });
    for (members, index) in layers.zip(0..) {
        for layer in members.iter_mut().filter(|layer| layer.index != index) {
            Arc::make_mut(layer).index = index;
        }
    }
}
