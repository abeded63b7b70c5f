//! Reads a model from bytes.

use super::conformal;
use super::contents;
use super::header_density::{Density, MAX_HEADER_BYTES};
use super::objects;
use super::other_formats;
use super::outputs::outputs;
use super::schema::{Description, Input, Version};
use super::tensors::Tensors;
use super::{
    CONFORMAL_KEY, FORMAT_VERSION, FormatError, METADATA_KEY, PROVENANCE_KEY, SINCE_DRAWS,
    SINCE_MEMBERS, SINCE_NUMBERS, SINCE_OUTPUTS, since_shape,
};
use crate::digest::ModelDigest;
use crate::graph::Graph;
use crate::layer::{Parameters, Quantized};
use crate::model::{MAX_MEMBERS, Parts, QuantizedModel, Values};
use crate::numerics::{CodeRange, Planes, Quantization};
use crate::ops::GridRule;
use alloc::{boxed::Box, string::String, string::ToString, sync::Arc};
use core::iter;
use safetensors::SafeTensors;
use safetensors::tensor::Metadata;

/// Reads a model from the bytes of a model file.
///
/// If the file states a digest, it is checked. The model may still take too long to run:
/// [`Limits`](crate::limits::Limits) bound that.
///
/// # Errors
/// A [`FormatError`] that names the tensor or node. Never panics, whatever the bytes are.
///
/// # Examples
/// ```
/// use bayes8_core::format;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let model = format::read(&std::fs::read("models/mnist-cnn.safetensors")?)?;
/// assert_eq!(model.name(), "mnist-cnn");
/// assert!(format::read(b"GIF89a").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(bytes: &[u8]) -> Result<QuantizedModel, FormatError> {
    let (header, data) = open(bytes)?;
    // Check the digest first: errors further on should not blame the writer for a flipped bit.
    let digest = contents::check(&header, data)?;
    let metadata = |key| header.metadata().as_ref().and_then(|metadata| metadata.get(key));
    let description = parse(metadata(METADATA_KEY).ok_or(FormatError::NoDescription)?)?;

    let (version, members) = (description.format_version, description.members);
    let mut reader = Tensors::new(&header, data, version, members);
    let graph = graph(&description, &mut reader)?;
    reader.check_all_used()?;
    check_members(description.members, &graph)?;

    let mut outputs = outputs(&description, &graph)?;
    if let Some(json) = metadata(CONFORMAL_KEY) {
        let without = contents::digest_without(&header, data, CONFORMAL_KEY);
        conformal::read(json, without, &mut outputs)?;
    }
    let Description { format_version, name, activation_bits, input, calibration, draws, .. } =
        description;
    let model = QuantizedModel::new(Parts {
        name,
        graph,
        activation_bits,
        input: self::quantization(input.scale, input.zero_point),
        input_planes: if input.planes == 2 { Planes::Two } else { Planes::One },
        preprocessing: input.preprocessing,
        outputs: outputs.into(),
        calibration,
        draws: draws.map(Arc::new),
    })?;
    // The provenance of a later writer may have another form, which is then ignored.
    let model = match metadata(PROVENANCE_KEY).and_then(|json| objects::from_str(json).ok()) {
        Some(provenance) => model.with_provenance(provenance),
        None => model,
    };
    Ok(model.with_file(digest, format_version, bytes.len()))
}

/// Computes the digest of a model file from its bytes, without reading the model. If the file
/// states a digest, the two must be equal.
///
/// # Errors
/// [`FormatError::Damaged`], [`FormatError::NoDigest`], or an error about the container.
pub fn check_digest(bytes: &[u8]) -> Result<ModelDigest, FormatError> {
    let (header, data) = open(bytes)?;
    contents::check(&header, data)
}

/// Returns the header of a container and the bytes of its tensors.
fn open(bytes: &[u8]) -> Result<(Metadata, &[u8]), FormatError> {
    if let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u64::from_le_bytes(*length);
        // The first bytes of a file of another kind read as a length beyond its end.
        if length > MAX_HEADER_BYTES as u64 && length <= rest.len() as u64 {
            return Err(FormatError::Header(length));
        }
    }
    let density = Density::of(bytes);
    if density.missing() > 0 {
        let Density { bytes, items } = density;
        return Err(FormatError::Crowded { bytes, items });
    }
    let (length, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| match other_formats::kind(bytes) {
            Some((kind, advice)) => FormatError::Foreign { kind, advice },
            None => FormatError::Container(error.to_string()),
        })?;
    Ok((header, &bytes[8 + length..]))
}

fn quantization(scale: f32, zero_point: u8) -> Quantization {
    Quantization { scale, zero_point }
}

fn parse(json: &str) -> Result<Description, FormatError> {
    let damaged = |error: serde_json::Error| FormatError::Description(error.to_string());
    let Version { format_version } = objects::from_str(json).map_err(damaged)?;
    if !(1..=FORMAT_VERSION).contains(&format_version) {
        return Err(FormatError::Version { found: format_version });
    }
    let description: Description = objects::from_str(json).map_err(damaged)?;
    if description.members > 1 && format_version < SINCE_MEMBERS {
        return Err(FormatError::FieldVersion { field: "members", version: format_version });
    }
    if description.outputs.is_some() && format_version < SINCE_OUTPUTS {
        return Err(FormatError::FieldVersion { field: "outputs", version: format_version });
    }
    if description.draws.is_some() && format_version < SINCE_DRAWS {
        return Err(FormatError::FieldVersion { field: "draws", version: format_version });
    }
    let Input { planes, preprocessing, .. } = &description.input;
    if *planes != 1 && format_version < SINCE_NUMBERS {
        return Err(FormatError::FieldVersion { field: "input.planes", version: format_version });
    }
    if !(1..=2).contains(planes) {
        return Err(FormatError::Planes(*planes));
    }
    if preprocessing.values != Values::Bytes && format_version < SINCE_NUMBERS {
        let field = "input.preprocessing.values";
        return Err(FormatError::FieldVersion { field, version: format_version });
    }
    let input = ("input", "volume", since_shape(description.input.shape));
    let nodes = description.nodes.iter();
    let nodes = nodes.map(|node| (node.name.as_str(), node.op.name(), node.op.operation().since()));
    if !(1..=MAX_MEMBERS).contains(&description.members) {
        let (members, found) = (description.members, "1 to 64 are possible");
        return Err(FormatError::Members { members, found });
    }
    match iter::once(input).chain(nodes).find(|&(.., since)| since > format_version) {
        Some((node, op, since)) => {
            let node = node.into();
            Err(FormatError::Operation { node, op, since, version: format_version })
        }
        None => Ok(description),
    }
}

/// Checks that some layer has several members if the file says so.
fn check_members(members: usize, graph: &Graph<Quantized>) -> Result<(), FormatError> {
    let mut layers = graph.nodes().iter().filter_map(|node| node.data.layer());
    if members == 1 || layers.any(|layer| !layer.is_shared()) {
        return Ok(());
    }
    Err(FormatError::Members { members, found: "no layer has tensors of several" })
}

fn graph(
    description: &Description,
    reader: &mut Tensors<'_>,
) -> Result<Graph<Quantized>, FormatError> {
    let mut graph = Graph::new(description.input.shape)?;
    // Growing by doubling would take three times the memory.
    graph.reserve(description.nodes.len());
    for node in &description.nodes {
        let value = |input: &String| {
            graph.value(input).ok_or_else(|| FormatError::UnknownInput {
                node: node.name.clone(),
                input: input.clone(),
            })
        };
        let inputs = node.inputs.iter().map(value).collect::<Result<_, _>>()?;
        let (output, range) = (&node.output, node.range);
        graph.push_with(node.name.clone(), node.op.clone(), inputs, |node, filters| {
            let parameters = match (filters, node.op.operation().grid()) {
                (Some(filters), _) => Parameters::Layer(reader.members(node, filters)?),
                (None, _) if node.op.is_affine() => {
                    Parameters::Affine(Arc::new(reader.affine(node)?))
                }
                (None, GridRule::Table) => Parameters::Table(Box::new(reader.table(node)?)),
                (None, GridRule::Kept | GridRule::Own) => Parameters::None,
            };
            Ok::<_, FormatError>(Quantized {
                output: output.as_ref().map(|grid| quantization(grid.scale, grid.zero_point)),
                range: range.map_or(CodeRange::FULL, |[low, high]| CodeRange { low, high }),
                parameters,
            })
        })?;
    }
    Ok(graph)
}
