//! What a model is made of.

use crate::graph::{Graph, Value};
use crate::layer::Quantized;
use crate::numerics::{ActivationBits, Quantization};
use alloc::{string::String, vec::Vec};
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

/// The parts of a model before validation.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// A name for people.
    pub name: String,
    /// The operations, with all that their nodes own.
    pub graph: Graph<Quantized>,
    /// Bits of every activation, the input included.
    pub activation_bits: ActivationBits,
    /// Grid of the network's input.
    pub input: Quantization,
    /// Normalization of pictures.
    pub preprocessing: Preprocessing,
    /// One name a class, or none at all.
    pub class_names: Vec<String>,
    /// Where the activation grids come from.
    pub calibration: Option<Calibration>,
}

impl Parts {
    /// Grid of a value, `None` for the logits.
    pub fn grid(&self, value: Value) -> Option<Quantization> {
        match value {
            Value::Input => Some(self.input),
            Value::Node(n) => self.graph.nodes()[n].data.output,
        }
    }
}
