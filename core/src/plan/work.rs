//! The work of each node, and when it runs.

use super::convolution;
use crate::convolution::Convolution;
use crate::error::ModelError;
use crate::graph::{Node, Value};
use crate::layer::{Layer, Quantized};
use crate::model::Parts;
use crate::numerics::Planes;
use crate::ops::{Job, Operand, Site, Work};
use crate::posterior::PerMember;
use alloc::{sync::Arc, vec, vec::Vec};

/// The convolutions and layers of a weighted node.
type Members = PerMember<(Convolution, Arc<Layer>)>;

/// The work of a node.
pub(super) enum NodeWork {
    /// A weighted layer, of each member or of all.
    Convolution(Members),
    /// A loop.
    Loop(Job),
    /// None: its output is its input.
    View,
    /// An addition together with the convolution before it.
    Residual {
        members: Members,
        /// The input of the convolution, and the addition's other input.
        inputs: [Value; 2],
    },
    /// None: a convolution that is done together with its addition.
    Fused { addition: usize },
}

/// Returns for every node whether its output depends on the sample. The outputs of the model always
/// count as dependent, so that every sample has them.
pub(super) fn sampled_nodes(nodes: &[Node<Quantized>]) -> Vec<bool> {
    let mut sampled = vec![false; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let own = node.data.weights_vary() || node.op.is_random();
        let inherited = node.inputs.iter().any(|&v| matches!(v, Value::Node(n) if sampled[n]));
        sampled[index] = own || inherited || node.data.output.is_none();
    }
    sampled
}

/// Returns the work of node `index`, without fusion. `number` is the number of random operations
/// before it, and `reads_input` whether it reads the input (`Graph::input_readers`).
///
/// # Errors
/// A [`ModelError`] if a layer does not fit the node or a derived number is not usable.
pub(super) fn work(
    parts: &Parts,
    index: usize,
    number: u32,
    reads_input: bool,
) -> Result<NodeWork, ModelError> {
    let (graph, input) = (&parts.graph, parts.input);
    let node = &graph.nodes()[index];
    let operand = |&value: &Value| {
        let (name, grid) = match value {
            Value::Input => ("input", Some(input)),
            Value::Node(n) => (graph.nodes()[n].name.as_str(), graph.nodes()[n].data.output),
        };
        let missing = || ModelError::OutputQuantization { node: name.into() };
        Ok(Operand { shape: graph.shape(value), grid: grid.ok_or_else(missing)? })
    };
    let inputs = node.inputs.iter().map(operand).collect::<Result<Vec<_>, _>>()?;
    let (inputs, output, quantized) = (&inputs[..], node.shape, &node.data);
    let base = (parts.input_planes == Planes::Two && reads_input)
        .then(|| i32::from(parts.activation_bits.largest_code()) + 1);
    Ok(match node.op.work(&Site { node: &node.name, inputs, output, quantized, number })? {
        Work::View => NodeWork::View,
        Work::Loop(_) if base.is_some() => {
            return Err(ModelError::Planes { node: node.name.clone(), op: node.op.name() });
        }
        Work::Loop(job) => NodeWork::Loop(job),
        Work::Filters(filters) => {
            let other = || ModelError::Parameters { node: node.name.clone() };
            let members = node.data.layer().ok_or_else(other)?.try_map(|layer| {
                let convolution = convolution::derive(node, filters, layer, inputs[0].grid, base)?;
                Ok((convolution, Arc::clone(layer)))
            });
            NodeWork::Convolution(members?)
        }
    })
}

/// Fuses residual additions with convolutions. An input of an addition qualifies if it is a
/// convolution that nothing else reads, and both are in the prefix or both in the suffix. If both
/// inputs qualify, the later one is fused.
pub(super) fn fuse(nodes: &[Node<Quantized>], sampled: &[bool], works: &mut [NodeWork]) {
    let mut readers = vec![0; nodes.len()];
    for input in nodes.iter().flat_map(|node| &node.inputs) {
        if let Value::Node(n) = *input {
            readers[n] += 1;
        }
    }
    for (index, node) in nodes.iter().enumerate() {
        let NodeWork::Loop(Job::Addition(addition)) = &works[index] else { continue };
        let mut addition = *addition;
        let fits = |&value: &Value| match value {
            Value::Node(n) => {
                let NodeWork::Convolution(members) = &works[n] else { return None };
                let plain = members.iter().all(|(convolution, _)| convolution.planes.is_none());
                let fits = plain && readers[n] == 1 && sampled[n] == sampled[index];
                fits.then_some(n)
            }
            Value::Input => None,
        };
        let Some(branch) = node.inputs.iter().filter_map(fits).max() else { continue };
        let fused = core::mem::replace(&mut works[branch], NodeWork::Fused { addition: index });
        let NodeWork::Convolution(members) = fused else { continue };
        let [first, second] = [node.inputs[0], node.inputs[1]];
        let other = if first == Value::Node(branch) {
            second
        } else {
            addition.inputs.swap(0, 1);
            first
        };
        works[index] = NodeWork::Residual {
            members: members.map(|(convolution, layer)| {
                (Convolution { residual: Some(addition), ..convolution }, layer)
            }),
            inputs: [nodes[branch].inputs[0], other],
        };
    }
}
