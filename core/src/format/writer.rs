//! Model to bytes.

use super::crowd::Density;
use super::schema::{Description, Grid, Input, Node};
use super::{FormatError, METADATA_KEY, TABLE_SIZE, version, weight_shape};
use crate::graph::{Op, Value};
use crate::layer::{Layer, Posterior, transpose};
use crate::model::Model;
use crate::numerics::CodeRange;
use alloc::{borrow::Cow, boxed::Box, format, string::String, string::ToString, vec::Vec};
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
    let nodes = model.graph().nodes().iter().filter(|node| node.op == Op::Table);
    for (node, table) in nodes.zip(model.tables()) {
        let shape = [TABLE_SIZE].to_vec();
        let data: Data<'_> = Box::new(|| table.as_slice().into());
        let tensor = Tensor { dtype: Dtype::U8, shape, length: TABLE_SIZE, data };
        tensors.push((format!("{}.table", node.name), tensor));
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

fn file(tensors: &[(String, Tensor<'_>)], description: &str) -> Result<Vec<u8>, FormatError> {
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
        format_version: version(graph),
        name: model.name().to_string(),
        activation_bits: model.activation_bits(),
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

fn push_layer<'a>(tensors: &mut Vec<(String, Tensor<'a>)>, layer: &'a Layer, shape: &[usize]) {
    // In memory a depthwise layer is [taps][C], in the file [C][taps].
    let taps = layer.fan_in();
    let mut push = |suffix: &str, dtype, shape: &[usize], length, data: Data<'a>| {
        let name = format!("{}.{suffix}", layer.name);
        tensors.push((name, Tensor { dtype, shape: shape.to_vec(), length, data }));
    };
    let channels = [layer.out_channels];
    let depthwise = layer.depthwise;
    let mu = move || {
        let mu = &layer.mu;
        if depthwise {
            bytes(&transpose(mu, taps), i8::to_le_bytes)
        } else {
            bytes(mu, i8::to_le_bytes)
        }
    };
    push("mu", Dtype::I8, shape, layer.mu.len(), Box::new(move || mu().into()));
    let scale = &layer.scale;
    let data = move || bytes(scale, f32::to_le_bytes).into();
    push("scale", Dtype::F32, &channels, 4 * scale.len(), Box::new(data));
    if let Some(Posterior { sigma, noise_multiplier }) = &layer.posterior {
        let data = move || match depthwise {
            true => transpose(sigma, taps).into(),
            false => sigma.as_slice().into(),
        };
        push("sigma", Dtype::U8, shape, sigma.len(), Box::new(data));
        let data = move || bytes(noise_multiplier, i16::to_le_bytes).into();
        let length = 2 * noise_multiplier.len();
        push("noise_multiplier", Dtype::I16, &channels, length, Box::new(data));
    }
    if let Some(bias) = &layer.bias {
        for (suffix, codes) in [("bias.mu", Some(&bias.mu)), ("bias.sigma", bias.sigma.as_ref())] {
            let Some(codes) = codes else { continue };
            let data = move || bytes(codes, i32::to_le_bytes).into();
            push(suffix, Dtype::I32, &channels, 4 * codes.len(), Box::new(data));
        }
    }
}

fn bytes<T: Copy, const N: usize>(numbers: &[T], to_bytes: fn(T) -> [u8; N]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(N * numbers.len());
    numbers.iter().for_each(|&n| bytes.extend(to_bytes(n)));
    bytes
}

/// Makes the bytes of a tensor: only when they are written, so that there are never those of two.
type Data<'a> = Box<dyn Fn() -> Cow<'a, [u8]> + 'a>;

struct Tensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Bytes.
    length: usize,
    data: Data<'a>,
}

impl View for &Tensor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        (self.data)()
    }

    fn data_len(&self) -> usize {
        self.length
    }
}
