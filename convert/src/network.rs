//! The normalized FP32 Bayesian network, from which calibration and quantization start.

use bayes8_core::graph::{Graph, Op, Shape, Window};
use bayes8_core::model::{Affine, Provenance};
use bayes8_core::ops::Conv2d;
use bayes8_core::ops::Resize;
use bayes8_core::posterior::PerMember;

use crate::{form::Form, function::Function, head_kind::HeadKind};

pub use crate::clamp::Clamp;

/// Independent normal distributions, one per element.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    /// Means mu.
    pub mean: Vec<f32>,
    /// Standard deviations sigma, one per mean, finite and not negative. `None`: deterministic.
    pub sigma: Option<Vec<f32>>,
}

impl Gaussian {
    /// Elements without spread.
    pub fn deterministic(mean: Vec<f32>) -> Self {
        Self { mean, sigma: None }
    }
}

/// Posterior of one weighted node.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerParameters {
    /// `[O][KH][KW][I / groups]`; for a linear layer `[O][H][W][C]`, with the extents of the value
    /// that it flattens.
    pub weight: Gaussian,
    /// `[O]`.
    pub bias: Option<Gaussian>,
}

/// The input of a network, as its ONNX file describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkInput {
    /// The meaning of the input's axes.
    pub layout: Form,
    /// The extent of the batch, if the file fixes it.
    pub batch: Option<usize>,
    /// Whether it takes bytes of 0 to 255, which the network scales itself.
    pub takes_bytes: bool,
}

impl NetworkInput {
    /// The input as a model file describes it.
    pub fn provenance(&self, shape: Shape) -> Provenance {
        Provenance { input_axes: self.axes(shape), input_layout: self.layout.to_string() }
    }

    /// The input's shape in the file: `[n, 28, 28, 1]`. `shape` is that of the graph's input.
    pub fn axes(&self, shape: Shape) -> String {
        let batch = self.batch.map_or("n".into(), |n| n.to_string());
        let extents = self.layout.dimensions(1, shape).into_iter().skip(1);
        let axes: Vec<String> =
            std::iter::once(batch).chain(extents.map(|extent| extent.to_string())).collect();
        format!("[{}]", axes.join(", "))
    }
}

/// An output of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkOutput {
    /// Its name in the ONNX file, or `output` if it is the only one.
    pub name: String,
    /// Indices of the nodes whose values, one after the other, are its numbers.
    pub nodes: Vec<usize>,
    /// How the numbers of a map are resized.
    pub resize: Option<Resize>,
    /// What the numbers mean; `None` if neither the file nor an option says so.
    pub head: Option<HeadKind>,
    /// Whether an ArgMax at its end was left out.
    pub arg_max: bool,
    /// A number that the file adds to each variance, in the network's units; 0 without variances.
    pub least_variance: f64,
}

/// The parts of a node of an FP32 network besides its operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Real {
    /// Bounds of its output.
    pub clamp: Clamp,
    /// Its parameters.
    pub parameters: RealParameters,
}

/// The parameters of a node of an FP32 network.
#[derive(Clone, Debug, PartialEq)]
pub enum RealParameters {
    /// Nothing.
    None,
    /// Weights with their posterior: of each member, or of all.
    Layer(PerMember<LayerParameters>),
    /// The weight and bias of each channel of an [`Op::Normalize`]. All members share them.
    Affine(Affine),
    /// The function that an [`Op::Table`] computes.
    Function(Function),
}

impl Real {
    /// An unbounded node that owns `parameters`.
    pub fn new(parameters: RealParameters) -> Self {
        Self { clamp: Clamp::NONE, parameters }
    }

    /// The weights of a weighted node: of each member, or of all.
    pub fn layer(&self) -> Option<&PerMember<LayerParameters>> {
        match &self.parameters {
            RealParameters::Layer(layer) => Some(layer),
            RealParameters::None | RealParameters::Affine(_) | RealParameters::Function(_) => None,
        }
    }

    /// The function of a table.
    pub fn function(&self) -> Option<&Function> {
        match &self.parameters {
            RealParameters::Function(function) => Some(function),
            RealParameters::None | RealParameters::Affine(_) | RealParameters::Layer(_) => None,
        }
    }

    /// The weights and biases of the channels of a normalization.
    pub fn affine(&self) -> Option<&Affine> {
        match &self.parameters {
            RealParameters::Affine(affine) => Some(affine),
            RealParameters::None | RealParameters::Layer(_) | RealParameters::Function(_) => None,
        }
    }
}

/// A Bayesian network in FP32.
///
/// Importing establishes: exactly the weighted nodes own layers, of the sizes that the graph
/// implies, exactly the tables own functions, and exactly the normalizations own weights and biases of
/// channels; clamps never sit on tables nor on nodes that only
/// move codes ([`Op::only_moves`]); all numbers except clamps are finite; a node that makes an
/// output is a `Conv2d` with a 1x1 output or a `Linear`, unclamped, and no node reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The input, as the ONNX file describes it.
    pub input: NetworkInput,
    /// The operations and the parameters of their nodes.
    pub graph: Graph<Real>,
    /// The outputs, at least one.
    pub outputs: Vec<NetworkOutput>,
}

impl Network {
    /// The layers of the weighted nodes, in their order: of each member, or of all.
    pub fn layers(&self) -> impl Iterator<Item = &PerMember<LayerParameters>> {
        self.graph.nodes().iter().filter_map(|node| node.data.layer())
    }

    /// Whether any weight has a spread.
    pub fn is_bayesian(&self) -> bool {
        let spreads = |gaussian: &Gaussian| gaussian.sigma.is_some();
        let mut layers = self.layers().flat_map(PerMember::iter);
        layers.any(|layer| spreads(&layer.weight) || layer.bias.as_ref().is_some_and(spreads))
    }

    /// The number of members, of which samples take one after the other.
    pub fn members(&self) -> usize {
        self.layers().map(PerMember::count).max().unwrap_or(1)
    }

    /// The number of samples after which they repeat; `None` if they never do.
    pub fn period(&self) -> Option<usize> {
        let is_random = self.graph.nodes().iter().any(|node| node.op.is_random());
        (!is_random && !self.is_bayesian()).then(|| self.members())
    }

    /// Whether node `index` is a 1x1 convolution that copies channels: without a bias, with a
    /// single 1 in each row and zeros elsewhere. On its input's grid, it passes INT8 codes
    /// unchanged.
    pub fn is_selection(&self, index: usize) -> bool {
        let node = &self.graph.nodes()[index];
        let copies =
            matches!(node.op, Op::Conv2d(Conv2d { window, .. }) if window == Window::new([1, 1]));
        let layer = node.data.layer().filter(|layer| layer.is_shared());
        let Some(LayerParameters { weight, bias: None }) = layer.map(|layer| layer.member(0))
        else {
            return false;
        };
        let row = (weight.mean.len() / node.shape.channels).max(1);
        let one = |row: &[f32]| {
            let ones = row.iter().filter(|&&w| w == 1.0).count();
            ones == 1 && row.iter().filter(|&&w| w == 0.0).count() + 1 == row.len()
        };
        copies && weight.sigma.is_none() && weight.mean.chunks(row).all(one)
    }

    /// The number of numbers that the outputs have together.
    pub fn numbers(&self) -> usize {
        let nodes = self.outputs.iter().flat_map(|output| &output.nodes);
        nodes.map(|&node| self.graph.nodes()[node].shape.elements()).sum()
    }

    /// The number of numbers of an output at one position.
    pub(crate) fn numbers_of(&self, output: &NetworkOutput) -> usize {
        output.nodes.iter().map(|&node| self.graph.nodes()[node].shape.channels).sum()
    }
}
