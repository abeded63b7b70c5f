//! The parts of a model.

use crate::draws::ChosenDraws;
use crate::graph::{Graph, Value};
use crate::head::Output;
use crate::layer::Quantized;
use crate::numerics::{ActivationBits, Planes, Quantization};
use alloc::{string::String, sync::Arc, vec::Vec};
use serde::{Deserialize, Serialize};

/// The normalization of inputs: `x = (v - mean) / std`, where v is a byte of a picture divided by 255,
/// or a number ([`Values`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// What the model takes.
    #[serde(default, skip_serializing_if = "Values::are_bytes")]
    pub values: Values,
    /// Mean of each channel; of bytes, for pixels in 0..=1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel; of bytes, for pixels in 0..=1.
    pub std: Vec<f32>,
}

impl Preprocessing {
    /// Creates the normalization of pictures that are bytes.
    pub fn of_bytes(mean: Vec<f32>, std: Vec<f32>) -> Self {
        Self { values: Values::Bytes, mean, std }
    }
}

/// What a model takes as its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Bytes, 0 to 255, such as those of pictures.
    #[default]
    Bytes,
    /// Numbers in f32, such as the features of a table or the values of a sequence. A table has one
    /// channel per feature.
    Numbers,
}

impl Values {
    fn are_bytes(&self) -> bool {
        *self == Self::Bytes
    }
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
    /// Number of codes of each element of the input.
    pub input_planes: Planes,
    /// Normalization of pictures.
    pub preprocessing: Preprocessing,
    /// The outputs: which nodes make them, and what they mean.
    pub outputs: Arc<[Output]>,
    /// Record of the calibration that chose the activation grids.
    pub calibration: Option<Calibration>,
    /// The draws that samples take for which no seed is given.
    pub draws: Option<Arc<ChosenDraws>>,
}

impl Parts {
    /// Returns the quantization grid of a value; `None` for the outputs of the model.
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
