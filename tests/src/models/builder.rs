//! A graph of the caller's choice with random numbers.

use super::Random;
use bayes8_core::graph::{Graph, GraphError, Op, Range, Shape, Value, Window};
use bayes8_core::head::{Head, Output, map::MapResize};
use bayes8_core::layer::{Affine, Bias, Layer};
use bayes8_core::model::{Parameters, Parts, Preprocessing, Quantized, QuantizedModel, Values};
use bayes8_core::numerics::{ActivationBits, CodeRange, Planes, Quantization};
use bayes8_core::ops::{Conv2d, Filters, GridRule, Linear, Resize, Slice};
use bayes8_core::posterior::{PerMember, Posterior, gaussian::Gaussian};
use std::sync::Arc;

/// Placeholder for a node whose grid is not chosen yet.
const UNKNOWN: Quantized =
    Quantized { output: None, range: CodeRange::FULL, parameters: Parameters::None };

/// Which parameters of a layer have a posterior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// None.
    Deterministic,
    /// The weights, and at random the biases too.
    Bayesian,
    /// The biases only.
    BayesianBias,
}

/// Builds a model node by node. Nodes are named after their operation and number: `conv2d_0`.
#[derive(Clone, Debug)]
pub struct Builder {
    /// Source of the numbers.
    pub random: Random,
    members: usize,
    parts: Parts,
}

impl Builder {
    /// An empty model over pictures of shape `input`.
    ///
    /// # Panics
    /// If the shape is empty.
    pub fn new(seed: u64, input: Shape) -> Self {
        let mut random = Random::new(seed);
        let graph = Graph::new(input).expect("a shape that is not empty");
        let channels = input.channels;
        let preprocessing = Preprocessing {
            values: Values::Bytes,
            mean: (0..channels).map(|_| random.real(0.0, 1.0)).collect(),
            std: (0..channels).map(|_| random.real(0.2, 1.0)).collect(),
        };
        let zero_point = random.between(60, 196) as u8;
        let grid = Quantization { scale: random.real(0.01, 0.05), zero_point };
        let parts = Parts {
            name: format!("test model {seed}"),
            graph,
            activation_bits: ActivationBits::Eight,
            input: grid,
            input_planes: Planes::One,
            preprocessing,
            outputs: [].into(),
            calibration: None,
            draws: None,
        };
        Self { random, members: 1, parts }
    }

    /// Gives most of the layers that are added from now on separate parameters for each of
    /// `members` members.
    pub fn members(&mut self, members: usize) {
        self.members = members;
    }

    /// Lets the model take numbers instead of bytes.
    pub fn takes_numbers(&mut self) {
        self.parts.preprocessing.values = Values::Numbers;
    }

    /// Gives the input a second code plane. Only layers and flatten nodes may read it.
    pub fn takes_two_planes(&mut self) {
        self.parts.input_planes = Planes::Two;
    }

    /// Makes values an output of the model. Their numbers become about `size` in magnitude.
    ///
    /// # Panics
    /// If `values` is empty, or contains a value that no layer makes.
    pub fn output(&mut self, name: &str, values: &[Value], size: f32, head: Head) {
        let positions = self.shape(values[0]).axes();
        let mut nodes = Vec::new();
        for &value in values {
            let Value::Node(node) = value else { panic!("the input is not an output") };
            // The largest code is about 128 steps away from zero.
            let factor = size / (128.0 * self.grid(value).scale);
            let data = self.parts.graph.data_mut().nth(node).expect("a node");
            (data.output, data.range) = (None, CodeRange::FULL);
            let Parameters::Layer(members) = &mut data.parameters else { panic!("not a layer") };
            for layer in members.iter_mut() {
                Arc::make_mut(layer).scale.iter_mut().for_each(|scale| *scale *= factor);
            }
            nodes.push(node);
        }
        let output =
            Output { name: name.into(), nodes, head, positions, resize: None, conformal: None };
        self.parts.outputs = self.parts.outputs.iter().cloned().chain([output]).collect();
    }

    /// Resizes the last output, a map.
    ///
    /// # Panics
    /// If there is none, or the operation is not possible.
    pub fn resize_output(&mut self, by: Resize) {
        let mut outputs = self.parts.outputs.to_vec();
        let output = outputs.last_mut().expect("an output");
        let (size, resize) = (by.size, MapResize::new(output.positions, by));
        output.positions = size;
        output.resize = Some(Arc::new(resize.expect("a resizing that is possible")));
        self.parts.outputs = outputs.into();
    }

    /// Shape of a value.
    pub fn shape(&self, value: Value) -> Shape {
        self.parts.graph.shape(value)
    }

    /// A convolution.
    ///
    /// # Errors
    /// The error of the graph.
    pub fn conv(
        &mut self,
        x: Value,
        out_channels: usize,
        groups: usize,
        window: Window,
        kind: Kind,
    ) -> Result<Value, GraphError> {
        self.weighted(Op::Conv2d(Conv2d { out_channels, groups, window }), x, kind)
    }

    /// A fully connected layer.
    ///
    /// # Errors
    /// The error of the graph.
    pub fn linear(
        &mut self,
        x: Value,
        out_features: usize,
        kind: Kind,
    ) -> Result<Value, GraphError> {
        self.weighted(Op::Linear(Linear { out_features }), x, kind)
    }

    /// Every `step`-th plane, row and column from `start` on; a single plane is kept.
    ///
    /// # Errors
    /// The error of the graph.
    pub fn slice(&mut self, x: Value, start: usize, step: usize) -> Result<Value, GraphError> {
        let Shape { depth, height, width, .. } = self.shape(x);
        let range = |end| Range { start, end, step };
        let planes = (depth > 1).then(|| range(depth));
        self.op(Op::Slice(Slice { rows: range(height), columns: range(width), planes }), &[x])
    }

    /// Any operation without weights.
    ///
    /// # Errors
    /// The error of the graph.
    pub fn op(&mut self, op: impl Into<Op>, inputs: &[Value]) -> Result<Value, GraphError> {
        let op = op.into();
        let rule = op.operation().grid();
        let (is_product, is_affine) = (op == Op::Multiply, op.is_affine());
        let x = self.grid(inputs[0]);
        let kept = op.operation().kept_grid(x);
        let value = self.push(op, inputs)?;
        let quantized = if rule == GridRule::Kept {
            Quantized { output: Some(kept), ..UNKNOWN }
        } else {
            let factor = if is_product { 70.0 * self.grid(inputs[1]).scale } else { 1.0 };
            let scale = x.scale * factor * self.random.real(0.5, 1.5);
            self.random_grid(scale)
        };
        let quantized = if is_affine {
            // Numbers of mean 0 and variance 1, so that the step does not follow from the input's.
            let scale = self.random.real(0.01, 0.03);
            let parameters = Parameters::Affine(Arc::new(self.affine(self.shape(value).channels)));
            Quantized { parameters, ..self.random_grid(scale) }
        } else if rule == GridRule::Table {
            let table = self.random.bytes(256).try_into().expect("256 bytes");
            let parameters = Parameters::Table(Box::new(table));
            Quantized { range: CodeRange::FULL, parameters, ..quantized }
        } else {
            quantized
        };
        self.set_last(quantized);
        Ok(value)
    }

    /// The parts of the model. Without an [`Self::output`], the last node gives the logits of classes.
    pub fn parts(self) -> Parts {
        let mut parts = self.parts;
        if !parts.outputs.is_empty() {
            return parts;
        }
        if let Some(last) = parts.graph.nodes().last() {
            let node = parts.graph.nodes().len() - 1;
            parts.outputs = [Output::of_classes(node, last.shape.channels, Vec::new())].into();
        }
        if let Some(last) = parts.graph.data_mut().last() {
            (last.output, last.range) = (None, CodeRange::FULL);
        }
        parts
    }

    /// The model.
    ///
    /// # Panics
    /// If the last node cannot give logits.
    pub fn finish(self) -> QuantizedModel {
        QuantizedModel::new(self.parts()).unwrap_or_else(|error| panic!("not a model: {error}"))
    }

    /// Appends a node whose grid is not chosen yet.
    fn push(&mut self, op: Op, inputs: &[Value]) -> Result<Value, GraphError> {
        let name = format!("{}_{}", op.name(), self.parts.graph.nodes().len());
        self.parts.graph.push(name, op, inputs.to_vec(), UNKNOWN)
    }

    fn set_last(&mut self, quantized: Quantized) {
        *self.parts.graph.data_mut().last().expect("a node was pushed") = quantized;
    }

    fn grid(&self, value: Value) -> Quantization {
        self.parts.grid(value).expect("a value with a grid")
    }

    /// A grid of this step, with a random zero point and clamp.
    fn random_grid(&mut self, scale: f32) -> Quantized {
        let random = &mut self.random;
        // Mostly in the middle: a zero point far from it loses half of the values.
        let zero_point =
            if random.chance(80) { random.between(60, 196) as u8 } else { random.byte() };
        let (zero_point, range) = match random.below(4) {
            // ReLU on a separate grid.
            0 => (0, CodeRange::FULL),
            // ReLU on a shared one.
            1 => (zero_point / 2, CodeRange { low: zero_point / 2, high: 255 }),
            // Clip.
            2 => {
                let (low, high) = (random.between(0, 60) as u8, random.between(180, 255) as u8);
                (zero_point, CodeRange { low, high })
            }
            _ => (zero_point, CodeRange::FULL),
        };
        Quantized { output: Some(Quantization { scale, zero_point }), range, ..UNKNOWN }
    }

    /// Any operation with weights.
    ///
    /// # Errors
    /// The error of the graph.
    pub fn weighted(
        &mut self,
        op: impl Into<Op>,
        x: Value,
        kind: Kind,
    ) -> Result<Value, GraphError> {
        let value = self.push(op.into(), &[x])?;
        let Value::Node(node) = value else { return Ok(value) };
        let Some(filters) = self.parts.graph.filters(node) else { return Ok(value) };
        let layer = self.layer(filters, kind);
        let scale = layer.scale[0];
        let mut layers = PerMember::shared(Arc::new(layer));
        if self.members > 1 && self.random.chance(70) {
            (1..self.members).for_each(|_| layers.push(Arc::new(self.layer(filters, kind))));
        }
        // Codes and weights each have a spread of about 70; the outputs should have one of 60.
        let spread = 70.0 * 70.0 * (filters.fan_in() as f32).sqrt() / 60.0;
        let scale = self.grid(x).scale * scale * spread * self.random.real(0.7, 1.5);
        let parameters = Parameters::Layer(layers);
        let quantized = Quantized { parameters, ..self.random_grid(scale) };
        self.set_last(quantized);
        Ok(value)
    }

    /// Weights of either sign, and biases.
    fn affine(&mut self, channels: usize) -> Affine {
        let mut numbers =
            |low, high| (0..channels).map(|_| self.random.real(low, high)).collect::<Vec<_>>();
        Affine { weight: numbers(-0.5, 1.5), bias: numbers(-1.0, 1.0) }
    }

    fn layer(&mut self, filters: Filters, kind: Kind) -> Layer {
        let random = &mut self.random;
        let (fan_in, out_channels) = (filters.fan_in(), filters.out_channels);
        let weights = fan_in * out_channels;
        let posterior = (kind == Kind::Bayesian).then(|| {
            Posterior::Gaussian(Gaussian {
                sigma: random.bytes(weights),
                // Up to a noise of 255 * 31 * 2048 / 2^15 = 500 steps, so that some weights saturate.
                noise_multiplier: (0..out_channels)
                    .map(|_| random.pick(&[0, 1, 40, 130, 400, 2048, i16::MAX]))
                    .collect(),
            })
        });
        // In units of the accumulator's spread.
        let unit = 4_900.0 * (fan_in as f32).sqrt();
        let has_sigma = match kind {
            Kind::Deterministic => false,
            Kind::Bayesian => random.chance(50),
            Kind::BayesianBias => true,
        };
        let bias = (has_sigma || random.chance(60)).then(|| Bias {
            mu: (0..out_channels).map(|_| random.real(-unit, unit) as i32).collect(),
            // Of which the noise makes up to 126 / 2^15.
            sigma: has_sigma.then(|| {
                (0..out_channels).map(|_| random.real(0.0, 200.0 * unit) as i32).collect()
            }),
        });
        Layer {
            // The model numbers them.
            index: 0,
            out_channels,
            depthwise: filters.is_depthwise(),
            mu: random.bytes(weights).into_iter().map(|byte| byte as i8).collect(),
            posterior,
            scale: (0..out_channels).map(|_| random.real(0.005, 0.015)).collect(),
            bias,
        }
    }
}
