//! The parts of an ONNX model that an import needs, checked: interface, operator set, live nodes.

use std::collections::{HashMap, HashSet};

use bayes8_core::quoted::Echo;
use rten_onnx::onnx::{GraphProto, ModelProto, TensorProto, ValueInfoProto};

use super::{
    input::{ImportOptions, Input},
    known::Known,
    node::OnnxNode,
    operator::Operator,
    order::live_nodes,
    supported, trace,
};
use crate::error::ImportError;
use crate::head_kind::{HeadKind, OutputChoice};

/// Outputs of the graph whose values, one after the other, are an output of the model.
pub(super) struct OutputGroup<'a> {
    pub(super) names: Vec<&'a str>,
    /// What an option says that the numbers mean.
    pub(super) head: Option<HeadKind>,
}

pub(super) struct OnnxModel<'a> {
    pub(super) initializers: HashMap<&'a str, &'a TensorProto>,
    pub(super) input: Input<'a>,
    pub(super) outputs: Vec<OutputGroup<'a>>,
    /// The nodes that the outputs depend on, each after those that it reads from.
    pub(super) nodes: Vec<(OnnxNode<'a>, &'static Operator)>,
    /// Per value, the number of inputs of live nodes that read its numbers, plus one for an output
    /// of the graph. `Shape` does not count.
    pub(super) readers: HashMap<&'a str, usize>,
    /// Per value, the number of its uses, `Shape` included: after these, the value is never needed
    /// again.
    pub(super) uses: HashMap<&'a str, usize>,
    /// Version of the default operator set.
    pub(super) operator_set: i64,
}

impl<'a> OnnxModel<'a> {
    pub(super) fn new(model: &'a ModelProto, options: &ImportOptions) -> Result<Self, ImportError> {
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
        let outputs = outputs(graph, options)?;
        let names = || outputs.iter().flat_map(|group| &group.names).copied();
        let nodes = supported::resolve(live_nodes(graph, names())?)?;
        let input = Input::new(graph, &initializers, options, |input, batch, extents| {
            let live = nodes.iter().map(|(node, _)| node);
            let constants = live.filter(|node| node.op == "Constant");
            let known = Known::new(batch, &initializers, constants);
            trace::find(&nodes, input, extents, &known)
        })?;
        let mut readers: HashMap<_, _> = names().map(|name| (name, 1)).collect();
        let mut uses = readers.clone();
        for (node, _) in &nodes {
            for (i, name) in node.proto.input.iter().enumerate() {
                *uses.entry(name.as_str()).or_insert(0) += 1;
                if !matches!((node.op, i), ("Shape", _) | ("CastLike", 1)) {
                    *readers.entry(name.as_str()).or_insert(0) += 1;
                }
            }
        }
        Ok(Self { initializers, input, outputs, nodes, readers, uses, operator_set })
    }
}

/// The outputs to import: those that `options` choose, or the only one.
fn outputs<'a>(
    graph: &'a GraphProto,
    options: &ImportOptions,
) -> Result<Vec<OutputGroup<'a>>, ImportError> {
    let name = |info: &'a ValueInfoProto| info.name.as_deref().unwrap_or("");
    let all = || graph.output.iter().map(|info| Echo(name(info)).to_string()).collect();
    if options.outputs.is_empty() {
        return match graph.output.as_slice() {
            [output] => Ok(vec![OutputGroup { names: vec![name(output)], head: options.head }]),
            [] => Err(ImportError::NotOnnx("its graph has no output".into())),
            _ => Err(ImportError::Outputs(all())),
        };
    }
    if let Some(unused) =
        options.head.filter(|_| options.outputs.iter().all(|of| of.head.is_some()))
    {
        return Err(ImportError::HeadUnused(unused));
    }
    let mut seen = HashSet::new();
    let mut find = |wanted: &String| {
        let found = graph.output.iter().map(name).find(|name| name == wanted);
        let unknown = || ImportError::UnknownOutput { wanted: wanted.clone(), outputs: all() };
        let found = found.ok_or_else(unknown)?;
        let twice = || ImportError::OutputTwice(wanted.clone());
        seen.insert(found).then_some(found).ok_or_else(twice)
    };
    let group = |OutputChoice { of, head }: &OutputChoice| {
        // An output may have a `+` in its name.
        let whole = [of.join("+")];
        let is_whole = graph.output.iter().any(|info| name(info) == whole[0]);
        let of = if is_whole { &whole[..] } else { &of[..] };
        let names = of.iter().map(&mut find).collect::<Result<_, _>>()?;
        Ok(OutputGroup { names, head: head.or(options.head) })
    };
    options.outputs.iter().map(group).collect()
}

fn operator_set(model: &ModelProto) -> Result<i64, ImportError> {
    let default =
        |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let set = model.opset_import.iter().find(|set| default(&set.domain));
    let version = set.and_then(|set| set.version).unwrap_or(0);
    if (7..=25).contains(&version) { Ok(version) } else { Err(ImportError::OperatorSet(version)) }
}
