//! The parts of a model.

use crate::graph::{Graph, Value};
use crate::layer::Quantized;
use crate::numerics::{ActivationBits, Quantization};
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// The normalization of pictures: byte `p` becomes the network's input
/// `x = (p / 255 - mean) / std`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Mean of each channel, for pixels in 0..=1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, for pixels in 0..=1.
    pub std: Vec<f32>,
}

/// A record of the calibration that chose the activation grids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Name of the method, such as `percentile 99.99`.
    pub method: String,
    /// Number of pictures.
    pub pictures: u32,
    /// Number of weight samples per picture.
    pub weight_samples: u32,
    /// Observed `[least, largest]` number of each value: the input first, then every node in order.
    pub ranges: Vec<[f32; 2]>,
}

/// The parts of a model before validation by [`QuantizedModel::new`](super::QuantizedModel::new).
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// A name for people.
    pub name: String,
    /// The graph of operations, with the parameters of its nodes.
    pub graph: Graph<Quantized>,
    /// Number of bits of every activation, including the input.
    pub activation_bits: ActivationBits,
    /// Quantization grid of the network's input.
    pub input: Quantization,
    /// Normalization of pictures.
    pub preprocessing: Preprocessing,
    /// The name of each class; empty if the classes have no names.
    pub class_names: Vec<String>,
    /// Record of the calibration that chose the activation grids.
    pub calibration: Option<Calibration>,
}

impl Parts {
    /// Returns the quantization grid of a value; `None` for the logits.
    ///
    /// # Panics
    /// When the value is not in the graph.
    pub fn grid(&self, value: Value) -> Option<Quantization> {
        match value {
            Value::Input => Some(self.input),
            Value::Node(n) => self.graph.nodes()[n].data.output,
        }
    }
}
