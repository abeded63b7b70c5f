//! The nodes that a network needs, in an order for lowering them.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use bayes8_core::quoted::Echo;
use rten_onnx::onnx::GraphProto;

use super::node::OnnxNode;
use crate::error::ImportError;

/// The nodes that `outputs` depend on, each after those whose values it reads. A file in such an
/// order keeps it, and so do nodes that do not depend on each other.
///
/// # Errors
/// When two nodes make the same value, or nodes form a cycle.
pub(super) fn live_nodes<'a>(
    graph: &'a GraphProto,
    outputs: impl Iterator<Item = &'a str>,
) -> Result<Vec<OnnxNode<'a>>, ImportError> {
    let makers = makers(graph)?;
    let inputs = |n: usize| {
        let names = graph.node[n].input.iter();
        names.filter_map(|name| makers.get(name.as_str()).copied())
    };
    let mut is_live = vec![false; graph.node.len()];
    let mut found: Vec<usize> = outputs.filter_map(|name| makers.get(name).copied()).collect();
    while let Some(n) = found.pop() {
        if !is_live[n] {
            is_live[n] = true;
            found.extend(inputs(n));
        }
    }

    // Of all nodes whose inputs are ready, the first in the file comes next.
    let live = || (0..graph.node.len()).filter(|&n| is_live[n]);
    let mut readers: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut missing = vec![0; graph.node.len()];
    for n in live() {
        for maker in inputs(n) {
            readers.entry(maker).or_default().push(n);
            missing[n] += 1;
        }
    }
    let mut ready: BinaryHeap<_> = live().filter(|&n| missing[n] == 0).map(Reverse).collect();
    let mut ordered = Vec::new();
    while let Some(Reverse(n)) = ready.pop() {
        ordered.push(OnnxNode::new(&graph.node[n]));
        for &reader in readers.get(&n).into_iter().flatten() {
            missing[reader] -= 1;
            if missing[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    let Some(mut n) = live().find(|&n| missing[n] > 0) else { return Ok(ordered) };
    // Every remaining node waits for another one: going back from any of them leads into a cycle.
    let mut seen = vec![false; graph.node.len()];
    while !seen[n] {
        seen[n] = true;
        n = inputs(n).find(|&maker| missing[maker] > 0).unwrap_or(n);
    }
    Err(OnnxNode::new(&graph.node[n]).refuse("it depends on its own output"))
}

/// The node that makes each value.
fn makers(graph: &GraphProto) -> Result<HashMap<&str, usize>, ImportError> {
    let given = graph.initializer.iter().map(|tensor| &tensor.name);
    let given = given.chain(graph.input.iter().map(|info| &info.name));
    let given: HashSet<&str> = given.filter_map(|n| n.as_deref()).collect();
    let mut makers = HashMap::new();
    for (n, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().map(String::as_str).filter(|name| !name.is_empty()) {
            if given.contains(name) || makers.insert(name, n).is_some() {
                let (node, name) = (OnnxNode::new(node), Echo(name));
                return Err(node.refuse(format!("the value `{name}` is made twice")));
            }
        }
    }
    Ok(makers)
}
