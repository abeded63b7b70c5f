//! The axis of the input that the graph treats as channels.

use std::collections::HashMap;

use super::{
    evidence::{Evidence, Step, Traced},
    known::Known,
    node::OnnxNode,
    operator::Operator,
};

/// Follows the input, whose `extents` after the batch are known or not, through the nodes that keep
/// its axes, to the first that shows which axis holds the channels. If no node does, a Transpose
/// that moves an axis past all others counts.
pub(super) fn find(
    nodes: &[(OnnxNode<'_>, &Operator)],
    input: &str,
    extents: &[Option<usize>],
    known: &Known<'_, '_>,
) -> Option<Evidence> {
    let axes = extents.iter().enumerate();
    let axes = axes.map(|(i, &extent)| Traced { origin: Some(i), extent }).collect();
    let mut values: HashMap<&str, Vec<Traced>> = HashMap::from([(input, axes)]);
    let mut transposed = None;
    for (node, operator) in nodes {
        let Some(axes) = node.proto.input.iter().find_map(|name| values.get(name.as_str())) else {
            continue;
        };
        let kept = match (operator.trace)(node, axes, known).unwrap_or(Step::Ends) {
            Step::Channels(axis) => return Some(evidence(axes, axis, extents)),
            Step::Keeps(axes) => axes,
            Step::Permutes(order) => {
                let channels = moved(&order).map(|axis| evidence(axes, axis, extents));
                transposed = transposed.or(channels);
                order.iter().map(|&axis| axes[axis]).collect()
            }
            Step::Ends => continue,
        };
        if let Some(output) = node.proto.output.first() {
            values.insert(output, kept);
        }
    }
    transposed
}

/// What follows for the input if axis `axis` of a value with these `axes` holds channels.
fn evidence(axes: &[Traced], axis: usize, extents: &[Option<usize>]) -> Evidence {
    let origin = axes.get(axis).and_then(|axis| axis.origin);
    // It is not known which of several axes of extent 1 a Reshape keeps.
    let unused = || {
        let is_used = |i: usize| axes.iter().any(|axis| axis.origin == Some(i));
        (0..extents.len()).find(|&i| extents[i] == Some(1) && !is_used(i))
    };
    origin.or_else(unused).map_or(Evidence::NoChannels, Evidence::Channels)
}

/// The axis that a Transpose moves past two or more others, as it does with channels.
fn moved(order: &[usize]) -> Option<usize> {
    let (&first, &last) = (order.first()?, order.last()?);
    let end = order.len() - 1;
    if end < 2 {
        return None;
    }
    if first == end && order[1..].iter().copied().eq(0..end) {
        Some(end)
    } else if last == 0 && order[..end].iter().copied().eq(1..=end) {
        Some(0)
    } else {
        None
    }
}
