//! A validated quantized Bayesian network: if a [`Model`] exists, it can be run.

use crate::graph::{Graph, Op, Shape, Value};
use crate::layer::{Bias, Layer, Posterior};
use crate::numerics::{CodeRange, Quantization, mean_multiplier, requantize_multiplier};
use crate::sampler::{NOISE_MAX, sample_bias};
use alloc::{string::String, sync::Arc, vec::Vec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

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
    /// Where the activation grids come from.
    pub calibration: Option<Calibration>,
}

/// A quantized Bayesian network whose every index, shape and number has been checked. Copies share
/// its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// All but the layers.
    parts: Parts,
    layers: Vec<Arc<Layer>>,
}

/// Why parts are not a model. Every variant names the node, tensor or field.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ModelError {
    /// No nodes.
    #[error("the graph has no nodes")]
    Empty,
    /// The output is not a vector of logits.
    #[error(
        "the last node `{node}` ({op}, output {shape}) must be a conv2d or linear node that \
         makes a vector of f32 logits"
    )]
    Output {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// Shape of its output.
        shape: Shape,
    },
    /// A node before the last without quantization, or a last one with it.
    #[error("node `{node}`: exactly the nodes before the last have a quantized output")]
    OutputQuantization {
        /// The node.
        node: String,
    },
    /// A list with the wrong number of entries.
    #[error("`{what}` has {found} entries, expected {expected}")]
    Count {
        /// The list, with the node's name where it belongs to one.
        what: String,
        /// Entries needed.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// A scale, mean, deviation or multiplier that cannot be computed with.
    #[error("`{what}` is {value}, expected {expected}")]
    Number {
        /// The number's name, with its node.
        what: String,
        /// Its value.
        value: f32,
        /// What would be right.
        expected: &'static str,
    },
    /// Bounds the wrong way round, or on a node that only moves codes or returns logits.
    #[error("node `{node}`: the code range {low}..={high} is empty or not allowed here")]
    Range {
        /// The node.
        node: String,
        /// Least code.
        low: u8,
        /// Largest code.
        high: u8,
    },
    /// A node that moves codes but changes their meaning.
    #[error("node `{node}` ({op}) only moves codes, so it must keep its input's quantization")]
    Moved {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
    },
    /// A layer for another node, or with the wrong geometry.
    #[error("layer `{layer}` does not belong to weighted node `{node}`")]
    Layer {
        /// The layer.
        layer: String,
        /// The node at its position.
        node: String,
    },
    /// A noise multiplier or a bias sigma below zero.
    #[error("`{tensor}` holds a negative value at index {index}")]
    Negative {
        /// The tensor.
        tensor: String,
        /// Where in it.
        index: usize,
    },
    /// Two layers whose tensors would have one name in a file.
    #[error("layers `{0}` and `{0}.bias` would share the tensor `{0}.bias.mu`")]
    TensorName(String),
    /// A mean whose sum might not fit i32.
    #[error("node `{node}`: a mean of {elements} elements might overflow its 32-bit sum")]
    Mean {
        /// The node.
        node: String,
        /// Elements in one sum.
        elements: usize,
    },
    /// Sums that might not fit i32.
    #[error(
        "layer `{layer}`: {fan_in} products and a bias of up to {bias} might overflow the 32-bit \
         accumulator"
    )]
    Accumulator {
        /// The layer.
        layer: String,
        /// Products in one sum.
        fan_in: usize,
        /// Largest |bias|.
        bias: i64,
    },
}

impl Model {
    /// Checks everything that execution relies on.
    ///
    /// # Errors
    /// A [`ModelError`] that names the culprit.
    pub fn new(mut parts: Parts) -> Result<Self, ModelError> {
        let Parts { graph, input, preprocessing, class_names, quantization, layers, .. } = &parts;
        let nodes = graph.nodes();
        let last = nodes.last().ok_or(ModelError::Empty)?;
        if !last.op.is_weighted() || last.shape != Shape::vector(last.shape.channels) {
            return Err(ModelError::Output {
                node: last.name.clone(),
                op: last.op.name(),
                shape: last.shape,
            });
        }

        check_scale("input.scale", input.scale)?;
        let channels = graph.input().channels;
        check_count("input.preprocessing.mean", channels, preprocessing.mean.len())?;
        check_count("input.preprocessing.std", channels, preprocessing.std.len())?;
        for &mean in &preprocessing.mean {
            check("input.preprocessing.mean", mean, mean.is_finite(), "a finite number")?;
        }
        for &std in &preprocessing.std {
            check_scale("input.preprocessing.std", std)?;
        }
        if !class_names.is_empty() {
            check_count("class_names", last.shape.channels, class_names.len())?;
        }
        if let Some(calibration) = &parts.calibration {
            check_count("calibration.ranges", nodes.len() + 1, calibration.ranges.len())?;
            // JSON has no other numbers.
            for &end in calibration.ranges.as_flattened() {
                check("calibration.ranges", end, end.is_finite(), "a finite number")?;
            }
        }

        check_count("nodes", nodes.len(), quantization.len())?;
        for index in 0..nodes.len() {
            check_node(&parts, index)?;
        }

        for layer in layers {
            let Some(owner) = layer.name.strip_suffix(".bias") else { continue };
            if matches!(graph.value(owner), Some(Value::Node(n)) if nodes[n].op.is_weighted()) {
                return Err(ModelError::TensorName(owner.into()));
            }
        }
        let weighted = || nodes.iter().enumerate().filter(|(_, n)| n.op.is_weighted());
        check_count("layers", weighted().count(), layers.len())?;
        for (position, ((index, _), layer)) in weighted().zip(layers).enumerate() {
            check_layer(&parts, index, position, layer)?;
        }
        let layers = core::mem::take(&mut parts.layers).into_iter().map(Arc::new).collect();
        Ok(Self { parts, layers })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// The operations.
    pub fn graph(&self) -> &Graph {
        &self.parts.graph
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

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.parts.graph.nodes().last().map_or(0, |n| n.shape.channels)
    }

    /// Quantization of every node's output.
    pub fn quantization(&self) -> &[NodeQuantization] {
        &self.parts.quantization
    }

    /// The weighted layers, in execution order.
    pub fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
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

fn check(
    what: impl Into<String>,
    value: f32,
    ok: bool,
    expected: &'static str,
) -> Result<(), ModelError> {
    if ok { Ok(()) } else { Err(ModelError::Number { what: what.into(), value, expected }) }
}

fn check_scale(what: impl Into<String>, value: f32) -> Result<(), ModelError> {
    check(what, value, value.is_normal() && value > 0.0, "a normal positive number")
}

fn check_count(what: impl Into<String>, expected: usize, found: usize) -> Result<(), ModelError> {
    if expected == found {
        Ok(())
    } else {
        Err(ModelError::Count { what: what.into(), expected, found })
    }
}

fn check_node(parts: &Parts, index: usize) -> Result<(), ModelError> {
    let node = &parts.graph.nodes()[index];
    let NodeQuantization { output, range } = parts.quantization[index];
    let is_last = index + 1 == parts.graph.nodes().len();
    if output.is_none() != is_last {
        return Err(ModelError::OutputQuantization { node: node.name.clone() });
    }
    if range.low > range.high || (range != CodeRange::FULL && (is_last || node.op.only_moves())) {
        let CodeRange { low, high } = range;
        return Err(ModelError::Range { node: node.name.clone(), low, high });
    }
    let Some(output) = output else { return Ok(()) };
    check_scale(named(&node.name, "output.scale"), output.scale)?;
    for &value in &node.inputs {
        // Every value but the logits is quantized, and nothing reads the logits.
        let Some(input) = parts.value_quantization(value) else {
            return Err(ModelError::OutputQuantization { node: node.name.clone() });
        };
        if node.op.only_moves() && input != output {
            return Err(ModelError::Moved { node: node.name.clone(), op: node.op.name() });
        }
        let spatial = parts.graph.shape(value).spatial();
        // The mean of fewer elements, at a border, lies between these two.
        let elements = match node.op {
            Op::AveragePool { window, .. } => window.taps(),
            Op::GlobalAveragePool => spatial,
            _ => 1,
        };
        if elements.min(spatial) > i32::MAX as usize / 255 {
            return Err(ModelError::Mean { node: node.name.clone(), elements });
        }
        for count in [1, elements] {
            let multiplier = mean_multiplier(input.scale, output.scale, count);
            check_scale(named(&node.name, "input scale / output scale"), multiplier)?;
        }
    }
    Ok(())
}

fn check_layer(
    parts: &Parts,
    index: usize,
    position: usize,
    layer: &Layer,
) -> Result<(), ModelError> {
    let node = &parts.graph.nodes()[index];
    let name = layer.name.as_str();
    let input = parts.graph.shape(node.inputs[0]);
    let fan_in = parts.graph.fan_in(index);
    if name != node.name
        || layer.index as usize != position
        || layer.out_channels != node.shape.channels
        || layer.depthwise != is_depthwise(&node.op, input)
    {
        return Err(ModelError::Layer { layer: name.into(), node: node.name.clone() });
    }
    let channels = layer.out_channels;
    // Cannot overflow: an output has at most 2^26 channels and a fan-in below 2^53 only if the
    // weights were really there, which the next line asks for.
    let weights = channels.saturating_mul(fan_in);
    check_count(named(name, "mu"), weights, layer.mu.len())?;
    check_count(named(name, "scale"), channels, layer.scale.len())?;
    if let Some(Posterior { sigma, noise_multiplier }) = &layer.posterior {
        check_count(named(name, "sigma"), weights, sigma.len())?;
        check_count(named(name, "noise_multiplier"), channels, noise_multiplier.len())?;
        check_not_negative(name, "noise_multiplier", noise_multiplier)?;
    }
    let mut largest_bias = 0;
    if let Some(Bias { mu, sigma }) = &layer.bias {
        check_count(named(name, "bias.mu"), channels, mu.len())?;
        largest_bias = mu.iter().map(|&b| i64::from(b).abs()).max().unwrap_or(0);
        if let Some(sigma) = sigma {
            check_count(named(name, "bias.sigma"), channels, sigma.len())?;
            check_not_negative(name, "bias.sigma", sigma)?;
            let noise = |&s: &i32| i64::from(sample_bias(0, s, NOISE_MAX as i8));
            largest_bias += sigma.iter().map(noise).max().unwrap_or(0);
        }
    }
    let products = (fan_in as i64).saturating_mul(255 * 128);
    if products.saturating_add(largest_bias) > i64::from(i32::MAX) {
        return Err(ModelError::Accumulator { layer: name.into(), fan_in, bias: largest_bias });
    }

    let Some(x) = parts.value_quantization(node.inputs[0]) else {
        return Err(ModelError::OutputQuantization { node: node.name.clone() });
    };
    // Logits are in real units: steps of size one.
    let y = parts.quantization[index].output.map_or(1.0, |q| q.scale);
    for &scale in &layer.scale {
        check_scale(named(name, "scale"), scale)?;
        let multiplier = requantize_multiplier(x.scale, scale, y);
        check_scale(named(name, "input scale * weight scale / output scale"), multiplier)?;
        let largest = multiplier * -(i32::MIN as f32);
        check(named(name, "largest output"), largest, largest.is_finite(), "a finite number")?;
    }
    Ok(())
}

fn check_not_negative<T: Copy + Into<i32>>(
    layer: &str,
    tensor: &str,
    values: &[T],
) -> Result<(), ModelError> {
    match values.iter().position(|&v| v.into() < 0) {
        Some(index) => Err(ModelError::Negative { tensor: named(layer, tensor), index }),
        None => Ok(()),
    }
}

fn named(node: &str, what: &str) -> String {
    alloc::format!("{node}.{what}")
}
