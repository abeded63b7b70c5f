//! The parts of an ONNX model that an import needs, checked: interface, operator set, live nodes.

use std::collections::HashMap;

use bayes8_core::{
    echo::Echo,
    graph::{MAX_ELEMENTS, Shape},
};
use rten_onnx::onnx::{DataType, Dimension, GraphProto, ModelProto, TensorProto, ValueInfoProto};

use super::{
    ImportError,
    activation::Form,
    constant::{Constant, is_float},
    external::External,
    layout,
    node::OnnxNode,
    order::live_nodes,
    supported,
};

pub(super) struct Model<'a> {
    pub(super) initializers: HashMap<&'a str, &'a TensorProto>,
    pub(super) input: Input<'a>,
    pub(super) output: &'a str,
    /// The nodes that the output depends on, each after those that it reads from.
    pub(super) nodes: Vec<OnnxNode<'a>>,
    /// How many inputs of live nodes, plus the graph's output, read the numbers of a value. `Shape`
    /// does not count.
    pub(super) readers: HashMap<&'a str, usize>,
    /// The same with `Shape`: after so many uses, nothing asks for a value again.
    pub(super) uses: HashMap<&'a str, usize>,
    /// Version of the default operator set.
    pub(super) operator_set: i64,
}

pub(super) struct Input<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Shape,
    pub(super) form: Form,
    /// A fixed n of the file; 1 where n is left open.
    pub(super) batch: usize,
}

impl<'a> Model<'a> {
    pub(super) fn new(model: &'a ModelProto) -> Result<Self, ImportError> {
        let missing = || ImportError::NotOnnx("it holds no graph with nodes".into());
        let graph = model.graph.as_ref().filter(|g| !g.node.is_empty()).ok_or_else(missing)?;
        let operator_set = operator_set(model)?;
        let mut initializers = HashMap::new();
        for tensor in &graph.initializer {
            let name = tensor.name.as_deref().unwrap_or("");
            if initializers.insert(name, tensor).is_some() {
                return Err(ImportError::Tensor {
                    tensor: name.into(),
                    reason: "there are two initializers of this name".into(),
                });
            }
        }
        let output = output(graph)?;
        let nodes = live_nodes(graph, output)?;
        supported::check(&nodes)?;
        let input = input(graph, &initializers, &nodes)?;
        let mut readers = HashMap::from([(output, 1)]);
        let mut uses = readers.clone();
        for node in &nodes {
            for name in &node.proto.input {
                *uses.entry(name.as_str()).or_insert(0) += 1;
                if node.op != "Shape" {
                    *readers.entry(name.as_str()).or_insert(0) += 1;
                }
            }
        }
        Ok(Self { initializers, input, output, nodes, readers, uses, operator_set })
    }
}

fn interface(kind: &'static str, name: &str, reason: String) -> ImportError {
    ImportError::Interface { kind, name: name.into(), reason }
}

/// Name of the graph's only output.
fn output(graph: &GraphProto) -> Result<&str, ImportError> {
    let name = |info: &'_ ValueInfoProto| Echo(info.name.as_deref().unwrap_or("")).to_string();
    match graph.output.as_slice() {
        [output] => Ok(output.name.as_deref().unwrap_or("")),
        [] => Err(ImportError::NotOnnx("its graph has no output".into())),
        all => Err(ImportError::Outputs(all.iter().map(name).collect())),
    }
}

fn operator_set(model: &ModelProto) -> Result<i64, ImportError> {
    let default =
        |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let set = model.opset_import.iter().find(|set| default(&set.domain));
    let version = set.and_then(|set| set.version).unwrap_or(0);
    if (7..=25).contains(&version) { Ok(version) } else { Err(ImportError::OperatorSet(version)) }
}

fn input<'a>(
    graph: &'a GraphProto,
    initializers: &HashMap<&str, &TensorProto>,
    nodes: &[OnnxNode<'a>],
) -> Result<Input<'a>, ImportError> {
    let name = |info: &'a ValueInfoProto| info.name.as_deref().unwrap_or("");
    // Files of old IR versions list initializers among the inputs.
    let mut inputs = graph.input.iter().filter(|info| !initializers.contains_key(name(info)));
    let first = inputs.next().ok_or_else(|| interface("input", "", "there is none".into()))?;
    if let Some(second) = inputs.next() {
        return Err(interface("input", name(second), "there must be one input only".into()));
    }
    let refuse = |reason: &str| interface("input", name(first), reason.into());
    let tensor = first.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| refuse("it is no tensor"))?;
    let data_type = tensor.elem_type.unwrap_or(DataType(0));
    if !is_float(data_type) {
        return Err(refuse(&format!("its type is {data_type}, expected FLOAT")));
    }
    let axes = tensor.shape.as_ref().map_or(&[][..], |s| &s.dim);
    let fixed = |axis: &Dimension| {
        let extent = usize::try_from(axis.dim_value?).ok()?;
        (1..=MAX_ELEMENTS).contains(&extent).then_some(extent)
    };
    let (n, extents) = axes.split_first().ok_or_else(|| refuse("it has no shape"))?;
    let extents: Option<Vec<usize>> = extents.iter().map(fixed).collect();
    let (form, shape) = match extents.as_deref() {
        Some(&[features]) => (Form::Vector, Shape::vector(features)),
        Some(&[channels, length]) => (Form::Sequence, Shape::new(1, length, channels)),
        Some(extents @ &[first_extent, second, third]) => {
            let constant = |name: &str| integers(name, initializers, nodes);
            if layout::is_channels_last(nodes, name(first), extents, constant) {
                (Form::ChannelsLast, Shape::new(first_extent, second, third))
            } else {
                (Form::Picture, Shape::new(second, third, first_extent))
            }
        }
        Some(&[channels, depth, height, width]) => {
            (Form::Volume, Shape::volume(depth, height, width, channels))
        }
        Some(_) => {
            return Err(refuse(
                "its shape is none of [n, C], [n, C, L], [n, C, H, W], [n, H, W, C], [n, C, D, H, W]",
            ));
        }
        None => return Err(refuse("all extents but the first must be fixed")),
    };
    let batch = fixed(n).unwrap_or(1);
    Ok(Input { name: name(first), shape, form, batch })
}

/// The numbers of an initializer or a Constant node of integers.
fn integers(
    name: &str,
    initializers: &HashMap<&str, &TensorProto>,
    nodes: &[OnnxNode<'_>],
) -> Option<Vec<i64>> {
    let made = || {
        let is_maker = |node: &&OnnxNode<'_>| node.proto.output.first().is_some_and(|o| o == name);
        let node = nodes.iter().find(is_maker).filter(|node| node.op == "Constant")?;
        node.attribute("value")?.t.as_ref()
    };
    // A copy: decoding frees the bytes, which the importer needs later.
    let tensor = initializers.get(name).copied().or_else(made)?.clone();
    let constant = Constant::decode(&tensor, name, &mut External::refused()).ok()?;
    Some(constant.as_integers()?.to_vec())
}
