//! Model to bytes.

use super::crowd::Density;
use super::schema::{Description, Grid, Input, Node};
use super::{FORMAT_VERSION, FormatError, METADATA_KEY, weight_shape};
use crate::graph::Value;
use crate::layer::{Layer, Posterior, transpose};
use crate::model::Model;
use crate::numerics::CodeRange;
use alloc::{borrow::Cow, format, string::String, string::ToString, vec::Vec};
use safetensors::{Dtype, View};

/// The file of `model`: the same model always gives the same bytes, which [`read`](super::read)
/// takes back.
///
/// # Errors
/// [`FormatError::Encoder`] or [`FormatError::Description`] when the encoder refuses.
pub fn write(model: &Model) -> Result<Vec<u8>, FormatError> {
    let mut description = serde_json::to_string(&describe(model))
        .map_err(|error| FormatError::Description(error.to_string()))?;
    let mut tensors = Vec::new();
    let weighted = model.graph().nodes().iter().filter(|n| n.op.is_weighted());
    for (node, layer) in weighted.zip(model.layers()) {
        let input = model.graph().shape(node.inputs[0]);
        let shape = weight_shape(&node.op, input);
        push_layer(&mut tensors, layer, &shape);
    }
    let bytes = file(&tensors, &description)?;
    let missing = Density::of(&bytes).missing();
    if missing == 0 {
        return Ok(bytes);
    }
    // Thousands of short class names: white space behind the description makes them readable.
    description.extend(core::iter::repeat_n(' ', missing));
    file(&tensors, &description)
}

fn file(tensors: &[(String, Tensor)], description: &str) -> Result<Vec<u8>, FormatError> {
    let metadata = [(METADATA_KEY.to_string(), description.to_string())].into_iter().collect();
    let tensors = tensors.iter().map(|(name, tensor)| (name, tensor));
    safetensors::serialize(tensors, Some(metadata))
        .map_err(|error| FormatError::Encoder(error.to_string()))
}

fn describe(model: &Model) -> Description {
    let graph = model.graph();
    let name = |value: &Value| match *value {
        Value::Input => "input".to_string(),
        Value::Node(n) => graph.nodes()[n].name.clone(),
    };
    let nodes = graph.nodes().iter().zip(model.quantization()).map(|(node, quantization)| {
        let CodeRange { low, high } = quantization.range;
        Node {
            name: node.name.clone(),
            op: node.op.clone(),
            inputs: node.inputs.iter().map(name).collect(),
            output: quantization.output.map(|q| Grid { scale: q.scale, zero_point: q.zero_point }),
            range: (quantization.range != CodeRange::FULL).then_some([low, high]),
        }
    });
    Description {
        format_version: FORMAT_VERSION,
        name: model.name().to_string(),
        input: Input {
            shape: graph.input(),
            scale: model.input().scale,
            zero_point: model.input().zero_point,
            preprocessing: model.preprocessing().clone(),
        },
        class_names: model.class_names().to_vec(),
        nodes: nodes.collect(),
        calibration: model.calibration().cloned(),
    }
}

fn push_layer(tensors: &mut Vec<(String, Tensor)>, layer: &Layer, shape: &[usize]) {
    // In memory a depthwise layer is [taps][C], in the file [C][taps].
    let taps = layer.fan_in();
    let mut push = |suffix: &str, dtype, shape: &[usize], data: Vec<u8>| {
        let name = format!("{}.{suffix}", layer.name);
        tensors.push((name, Tensor { dtype, shape: shape.to_vec(), data }));
    };
    let channels = [layer.out_channels];
    let mu = if layer.depthwise { transpose(&layer.mu, taps) } else { layer.mu.clone() };
    push("mu", Dtype::I8, shape, bytes(&mu, i8::to_le_bytes));
    push("scale", Dtype::F32, &channels, bytes(&layer.scale, f32::to_le_bytes));
    if let Some(Posterior { sigma, noise_multiplier }) = &layer.posterior {
        let sigma = if layer.depthwise { transpose(sigma, taps) } else { sigma.clone() };
        push("sigma", Dtype::U8, shape, sigma);
        push("noise_multiplier", Dtype::I16, &channels, bytes(noise_multiplier, i16::to_le_bytes));
    }
    if let Some(bias) = &layer.bias {
        push("bias.mu", Dtype::I32, &channels, bytes(&bias.mu, i32::to_le_bytes));
        if let Some(sigma) = &bias.sigma {
            push("bias.sigma", Dtype::I32, &channels, bytes(sigma, i32::to_le_bytes));
        }
    }
}

fn bytes<T: Copy, const N: usize>(numbers: &[T], to_bytes: fn(T) -> [u8; N]) -> Vec<u8> {
    numbers.iter().flat_map(|&n| to_bytes(n)).collect()
}

struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}
