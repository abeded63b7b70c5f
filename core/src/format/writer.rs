//! Writes a model to bytes.

use super::conformal;
use super::contents::Contents;
use super::header_density::{Density, MAX_HEADER_BYTES};
use super::residual;
use super::schema::{self, Description, Grid, Input, Names, Node};
use super::{
    CONFORMAL_KEY, DIGEST_KEY, FormatError, METADATA_KEY, PROVENANCE_KEY, SINCE_RESIDUALS,
    TABLE_SIZE, layer_prefix,
};
use crate::digest::ModelDigest;
use crate::graph::Value;
use crate::head::{Head, Output};
use crate::layer::{Layer, Parameters, Quantized, transpose};
use crate::model::QuantizedModel;
use crate::numerics::CodeRange;
use crate::ops::Filters;
use crate::posterior::{Posterior, gaussian::Gaussian};
use alloc::{
    borrow::Cow, boxed::Box, collections::BTreeMap, format, string::String, string::ToString,
    vec::Vec,
};
use core::cmp::Reverse;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Serialize;

/// Returns the bytes of a model file that holds `model`. The same model always gives the same
/// bytes.
///
/// The file has the earliest version of the format that has all of the model, so that older readers
/// can read it wherever possible.
///
/// # Errors
/// [`FormatError::Encoder`] when the model does not fit in a file.
///
/// # Examples
/// ```
/// use bayes8_core::format;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let bytes = std::fs::read("models/mnist-cnn.safetensors")?;
/// let model = format::read(&bytes)?;
/// assert_eq!(format::write(&model)?, bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(model: &QuantizedModel) -> Result<Vec<u8>, FormatError> {
    let (version, tensors) = tensors(model);
    let mut metadata = metadata(model, version, &tensors);
    metadata.insert(DIGEST_KEY, contents_digest(&metadata, &tensors).to_string());
    let bytes = file(&metadata, &tensors)?;
    let missing = Density::of(&bytes).missing();
    if missing == 0 {
        return Ok(bytes);
    }
    // With thousands of short class names, white space after the description keeps the header
    // within the limit.
    let description = metadata.entry(METADATA_KEY).or_default();
    description.extend(core::iter::repeat_n(' ', missing));
    file(&metadata, &tensors)
}

/// Returns the digest that identifies `model`: that of the file that it was read from, or else of
/// the file that [`write()`] would make.
///
/// For a model that was not read from a file, this takes about as long as writing it.
///
/// # Examples
/// ```
/// use bayes8_core::format;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let model = format::read(&std::fs::read("models/mnist-cnn.safetensors")?)?;
/// println!("{}", format::digest(&model)); // blake3: and 64 hexadecimal digits
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn digest(model: &QuantizedModel) -> ModelDigest {
    let computed = || {
        let (version, tensors) = tensors(model);
        contents_digest(&metadata(model, version, &tensors), &tensors)
    };
    model.file_digest().unwrap_or_else(computed)
}

/// Returns the format version of `model`: that of the file that it was read from, or else of the
/// file that [`write()`] would make.
pub fn version(model: &QuantizedModel) -> u32 {
    model.file_version().unwrap_or_else(|| tensors(model).0)
}

/// Returns all metadata of the file except the digest.
fn metadata(
    model: &QuantizedModel,
    version: u32,
    tensors: &[(String, Tensor<'_>)],
) -> BTreeMap<&'static str, String> {
    let description = serde_json::to_string(&describe(model, version));
    let description = description.expect("texts, lists and finite numbers are JSON");
    let mut metadata = BTreeMap::from([(METADATA_KEY, description)]);
    if let Some(provenance) = model.provenance() {
        let provenance = serde_json::to_string(provenance).expect("texts are JSON");
        metadata.insert(PROVENANCE_KEY, provenance);
    }
    let without = || contents_digest(&metadata, tensors);
    if let Some(conformal) = conformal::write(model.outputs(), without) {
        metadata.insert(CONFORMAL_KEY, conformal);
    }
    metadata
}

/// Returns the version of the format that has the model, and its tensors in the order of the file:
/// wide types first, so that all are aligned, then by name.
fn tensors(model: &QuantizedModel) -> (u32, Vec<(String, Tensor<'_>)>) {
    let mut version = super::version_without_layers(model);
    let mut tensors = Vec::new();
    let graph = model.graph();
    for (index, node) in graph.nodes().iter().enumerate() {
        match (&node.data.parameters, graph.filters(index)) {
            (Parameters::Layer(members), Some(filters)) => {
                for (member, layer) in members.iter().enumerate() {
                    let prefix = layer_prefix(&node.name, (!members.is_shared()).then_some(member));
                    let layer_version = push_layer(&mut tensors, &prefix, layer, filters);
                    version = version.max(layer_version);
                }
            }
            (Parameters::Affine(affine), _) => {
                for (suffix, numbers) in [("weight", &affine.weight), ("bias", &affine.bias)] {
                    let (shape, length) = ([numbers.len()].to_vec(), 4 * numbers.len());
                    let data: Data<'_> = Box::new(|| bytes(numbers, f32::to_le_bytes).into());
                    let tensor = Tensor { dtype: Dtype::F32, shape, length, data };
                    tensors.push((format!("{}.{suffix}", node.name), tensor));
                }
            }
            (Parameters::Table(table), _) => {
                let shape = [TABLE_SIZE].to_vec();
                let data: Data<'_> = Box::new(|| table.as_slice().into());
                let tensor = Tensor { dtype: Dtype::U8, shape, length: TABLE_SIZE, data };
                tensors.push((format!("{}.table", node.name), tensor));
            }
            (Parameters::None | Parameters::Layer(_), _) => {}
        }
    }
    tensors.sort_by(|(a, left), (b, right)| {
        Reverse(left.dtype).cmp(&Reverse(right.dtype)).then(a.cmp(b))
    });
    (version, tensors)
}

fn contents_digest(
    metadata: &BTreeMap<&'static str, String>,
    tensors: &[(String, Tensor<'_>)],
) -> ModelDigest {
    let mut contents = Contents::new();
    contents.count(metadata.len());
    for (key, text) in metadata {
        contents.metadata(key, text);
    }
    let mut by_name: Vec<_> = tensors.iter().collect();
    by_name.sort_by_key(|(name, _)| name);
    contents.count(by_name.len());
    for (name, Tensor { dtype, shape, data, .. }) in by_name {
        contents.tensor(name, *dtype, shape, &data());
    }
    contents.digest()
}

/// The header of the container.
#[derive(Serialize)]
struct Header<'a> {
    /// In the order of the keys; the container library's own type has no order.
    #[serde(rename = "__metadata__")]
    metadata: &'a BTreeMap<&'static str, String>,
    #[serde(flatten)]
    tensors: Metadata,
}

fn file(
    metadata: &BTreeMap<&'static str, String>,
    tensors: &[(String, Tensor<'_>)],
) -> Result<Vec<u8>, FormatError> {
    let refused = |error: &dyn ToString| FormatError::Encoder(error.to_string());
    let mut end = 0;
    let infos = tensors.iter().map(|(name, Tensor { dtype, shape, length, .. })| {
        let start = end;
        end += length;
        let info = TensorInfo { dtype: *dtype, shape: shape.clone(), data_offsets: (start, end) };
        (name.clone(), info)
    });
    let infos = Metadata::new(None, infos.collect()).map_err(|error| refused(&error))?;
    let header = Header { metadata, tensors: infos };
    let mut header = serde_json::to_string(&header).map_err(|error| refused(&error))?.into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    if header.len() > MAX_HEADER_BYTES {
        let (found, most) = (header.len(), MAX_HEADER_BYTES);
        return Err(refused(&format!("its header has {found} bytes; at most {most} are allowed")));
    }
    let mut bytes = Vec::with_capacity(8 + header.len() + end);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header);
    tensors.iter().for_each(|(_, tensor)| bytes.extend_from_slice(&(tensor.data)()));
    Ok(bytes)
}

fn describe(model: &QuantizedModel, version: u32) -> Description {
    let graph = model.graph();
    let name = |value: &Value| match *value {
        Value::Input => "input".to_string(),
        Value::Node(n) => graph.nodes()[n].name.clone(),
    };
    let nodes = graph.nodes().iter().map(|node| {
        let Quantized { output, range, .. } = node.data;
        let CodeRange { low, high } = range;
        Node {
            name: node.name.clone(),
            op: node.op.clone(),
            inputs: node.inputs.iter().map(name).collect(),
            output: output.map(|q| Grid { scale: q.scale, zero_point: q.zero_point }),
            range: (range != CodeRange::FULL).then_some([low, high]),
        }
    });
    let (class_names, outputs) = match super::plain_classes(model) {
        Some(classes) => (Some(classes.names.clone()), None),
        None => (
            None,
            Some(model.outputs().iter().map(|output| describe_output(model, output)).collect()),
        ),
    };
    Description {
        format_version: version,
        name: model.name().to_string(),
        activation_bits: model.activation_bits(),
        members: model.members(),
        input: Input {
            shape: graph.input(),
            scale: model.input().scale,
            zero_point: model.input().zero_point,
            planes: model.input_planes().count(),
            preprocessing: model.preprocessing().clone(),
        },
        class_names,
        outputs,
        nodes: nodes.collect(),
        calibration: model.calibration().cloned(),
        draws: model.chosen_draws().map(|draws| (**draws).clone()),
    }
}

fn describe_output(model: &QuantizedModel, output: &Output) -> schema::Output {
    let nodes = model.graph().nodes();
    let head = match &output.head {
        Head::Classes(classes) => schema::Head::Classes(Names { names: classes.names.clone() }),
        Head::Labels(labels) => schema::Head::Labels(Names { names: labels.names.clone() }),
        Head::Gaussian(gaussian) => schema::Head::Gaussian((**gaussian).clone()),
    };
    schema::Output {
        name: output.name.clone(),
        nodes: output.nodes.iter().map(|&node| nodes[node].name.clone()).collect(),
        head,
        resize: output.resize.as_ref().map(|resize| resize.by().clone()),
    }
}

/// Appends the tensors of a layer. Returns the first version of the format that has all of them.
fn push_layer<'a>(
    tensors: &mut Vec<(String, Tensor<'a>)>,
    name: &str,
    layer: &'a Layer,
    filters: Filters,
) -> u32 {
    let mut version = 1;
    let shape = &filters.weight_shape()[..];
    // A depthwise layer is [taps][C] in memory and [C][taps] in the file.
    let taps = layer.fan_in();
    let mut push = |suffix: &str, dtype, shape: &[usize], length, data: Data<'a>| {
        let name = format!("{name}.{suffix}");
        tensors.push((name, Tensor { dtype, shape: shape.to_vec(), length, data }));
    };
    let channels = [layer.out_channels];
    let depthwise = layer.depthwise;
    let means = move || match depthwise {
        true => Cow::from(transpose(&layer.mu, taps)),
        false => layer.mu.as_slice().into(),
    };
    let data = move || bytes(&means(), i8::to_le_bytes).into();
    push("mu", Dtype::I8, shape, layer.mu.len(), Box::new(data));
    let scale = &layer.scale;
    let data = move || bytes(scale, f32::to_le_bytes).into();
    push("scale", Dtype::F32, &channels, 4 * scale.len(), Box::new(data));
    if let Some(Posterior::Gaussian(Gaussian { sigma, noise_multiplier })) = &layer.posterior {
        let codes = move || match depthwise {
            true => Cow::from(transpose(sigma, taps)),
            false => sigma.as_slice().into(),
        };
        match residual::pack(&means(), &codes(), layer.out_channels) {
            None => push("sigma", Dtype::U8, shape, sigma.len(), Box::new(codes)),
            Some((lines, packed)) => {
                version = SINCE_RESIDUALS;
                let (shape, length) = ([layer.out_channels, 2], size_of_val(&*lines));
                let data = move || bytes(lines.as_flattened(), i16::to_le_bytes).into();
                push("sigma_line", Dtype::I16, &shape, length, Box::new(data));
                let length = packed.len();
                let data = move || packed.clone().into();
                push("sigma_residual", Dtype::U8, &[length], length, Box::new(data));
            }
        }
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
    version
}

fn bytes<T: Copy, const N: usize>(numbers: &[T], to_bytes: fn(T) -> [u8; N]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(N * numbers.len());
    numbers.iter().for_each(|&n| bytes.extend(to_bytes(n)));
    bytes
}

/// Makes the bytes of a tensor when they are written, so that memory never holds those of two
/// tensors.
type Data<'a> = Box<dyn Fn() -> Cow<'a, [u8]> + 'a>;

struct Tensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Number of bytes.
    length: usize,
    data: Data<'a>,
}
