//! Models whose logits are the sampled weights themselves.
//!
//! The input's codes are the picture's bytes, the step of the weights is the reciprocal of the
//! input's step, and biases are zero unless they are read. So a picture that is 1 at one place and 0
//! at all others has the weights of that place as logits, and a picture of zeros has the biases.

use crate::models::Random;
use bayes8_core::graph::{Graph, Op, Shape, Value, Window};
use bayes8_core::head::Output;
use bayes8_core::layer::{Bias, Layer};
use bayes8_core::model::{Parameters, Parts, Preprocessing, Quantized, QuantizedModel, Values};
use bayes8_core::numerics::{ActivationBits, CodeRange, Planes, Quantization};
use bayes8_core::ops::{Conv2d, Linear};
use bayes8_core::posterior::{PerMember, Posterior, gaussian::Gaussian};
use std::sync::Arc;

/// Step of the input.
const STEP: f32 = 1.0 / 256.0;

/// Bytes are (p / 255) / std = p * STEP in real numbers; the rounding to codes makes them exact.
const STD: f32 = 256.0 / 255.0;

/// The last layer, which is the one that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readout {
    /// A linear layer over a vector of `fan_in`.
    Linear { fan_in: usize, outputs: usize },
    /// A convolution over all of a `side` x `side` picture.
    Conv { side: usize, channels: usize, groups: usize, outputs: usize },
}

/// The posterior that is read.
pub(super) struct Numbers {
    pub(super) mu: Vec<i8>,
    pub(super) posterior: Option<Posterior>,
    pub(super) bias: Option<Bias>,
}

impl Readout {
    /// Shape of the picture.
    pub(super) fn input(&self) -> Shape {
        match *self {
            Self::Linear { fan_in, .. } => Shape::vector(fan_in),
            Self::Conv { side, channels, .. } => Shape::new(side, side, channels),
        }
    }

    /// Number of logits, and of weights for each.
    pub(super) fn outputs_and_fan_in(&self) -> (usize, usize) {
        match *self {
            Self::Linear { fan_in, outputs } => (outputs, fan_in),
            Self::Conv { side, channels, groups, outputs } => {
                (outputs, side * side * channels / groups)
            }
        }
    }

    /// The model. `before` deterministic layers that change nothing precede the layer that is read,
    /// which has number `before`.
    ///
    /// # Panics
    /// If the layer does not have that number of weights.
    pub(super) fn model(&self, name: &str, before: usize, numbers: Numbers) -> QuantizedModel {
        let input = self.input();
        let grid = Quantization { scale: STEP, zero_point: 0 };
        let mut parts = Parts {
            name: name.into(),
            graph: Graph::new(input).expect("a shape that is not empty"),
            activation_bits: ActivationBits::Eight,
            input: grid,
            input_planes: Planes::One,
            preprocessing: Preprocessing {
                values: Values::Bytes,
                mean: vec![0.0; input.channels],
                std: vec![STD; input.channels],
            },
            outputs: [].into(),
            calibration: None,
            draws: None,
        };
        let mut value = Value::Input;
        for _ in 0..before {
            value = identity(&mut parts, value, grid);
        }
        let op = match *self {
            Self::Linear { outputs, .. } => Op::Linear(Linear { out_features: outputs }),
            Self::Conv { side, groups, outputs, .. } => Op::Conv2d(Conv2d {
                out_channels: outputs,
                groups,
                window: Window::new([side, side]),
            }),
        };
        let (out_channels, _) = self.outputs_and_fan_in();
        let layer = Layer {
            index: before as u32,
            out_channels,
            depthwise: op.filters(input).is_some_and(|filters| filters.is_depthwise()),
            mu: numbers.mu,
            posterior: numbers.posterior,
            scale: vec![1.0 / STEP; out_channels],
            bias: numbers.bias,
        };
        let data = quantized(None, layer);
        parts.graph.push("readout".into(), op, vec![value], data).expect("a layer that fits");
        parts.outputs = [Output::of_classes(before, out_channels, Vec::new())].into();
        QuantizedModel::new(parts).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// A 1 x 1 convolution that returns its input: depthwise, so that it has few weights.
fn identity(parts: &mut Parts, value: Value, grid: Quantization) -> Value {
    let shape = parts.graph.shape(value);
    let channels = shape.channels;
    let op = Op::Conv2d(Conv2d {
        out_channels: channels,
        groups: channels,
        window: Window::new([1, 1]),
    });
    let index = parts.graph.nodes().len();
    let layer = Layer {
        index: index as u32,
        out_channels: channels,
        depthwise: op.filters(shape).is_some_and(|filters| filters.is_depthwise()),
        mu: vec![1; channels],
        posterior: None,
        scale: vec![1.0; channels],
        bias: None,
    };
    let (name, data) = (format!("identity_{index}"), quantized(Some(grid), layer));
    parts.graph.push(name, op, vec![value], data).expect("a layer that fits")
}

fn quantized(output: Option<Quantization>, layer: Layer) -> Quantized {
    let parameters = Parameters::Layer(PerMember::shared(Arc::new(layer)));
    Quantized { output, range: CodeRange::FULL, parameters }
}

/// mu, sigma and multipliers of all sizes, saturating ones among them.
pub(super) fn random_numbers(readout: &Readout, seed: u64) -> Numbers {
    let mut random = Random::new(seed);
    let (outputs, fan_in) = readout.outputs_and_fan_in();
    let multiplier = |random: &mut Random| random.pick(&[0, 1, 40, 130, 400, 2048, i16::MAX]);
    Numbers {
        mu: random.bytes(outputs * fan_in).into_iter().map(|byte| byte as i8).collect(),
        posterior: Some(Posterior::Gaussian(Gaussian {
            sigma: random.bytes(outputs * fan_in),
            noise_multiplier: (0..outputs).map(|_| multiplier(&mut random)).collect(),
        })),
        bias: random.chance(50).then(|| Bias {
            mu: (0..outputs).map(|_| random.real(-1e6, 1e6) as i32).collect(),
            // Logits of up to 2^24 are exact; the noise makes up to 126 / 2^15 of this.
            sigma: Some((0..outputs).map(|_| random.real(0.0, 2e9) as i32).collect()),
        }),
    }
}
