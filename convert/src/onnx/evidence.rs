//! Which axis of the input the graph treats as channels.

use std::collections::HashMap;

use super::{input::Constants, node::OnnxNode, shapes};

/// What the graph says of the input's axes, numbered from the first after the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// This axis holds the channels.
    Channels(usize),
    /// None does: the graph adds an axis for the only channel.
    NoChannels,
}

/// An axis of a value that has the elements of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Traced {
    /// The input's axis that it is; `None` for one of extent 1 that a node added.
    origin: Option<usize>,
    /// `None` where it is not known.
    extent: Option<usize>,
}

/// What a node does to the axes of a value that it reads.
enum Step {
    /// It knows that this axis holds the channels.
    Channels(usize),
    /// It leaves them, in some order.
    Keeps(Vec<Traced>),
    /// It mixes them.
    Ends,
}

/// Follows the input, whose `extents` after the batch are known or not, through the nodes that leave
/// its axes alone, to the first that tells the channels from the others. A Transpose that moves an
/// axis past all others counts where none does.
pub(super) fn find(
    nodes: &[OnnxNode<'_>],
    input: &str,
    batch: usize,
    extents: &[Option<usize>],
    constants: &Constants<'_, '_>,
) -> Option<Evidence> {
    let axes = extents.iter().enumerate();
    let axes = axes.map(|(i, &extent)| Traced { origin: Some(i), extent }).collect();
    let mut values: HashMap<&str, Vec<Traced>> = HashMap::from([(input, axes)]);
    let mut transposed = None;
    for node in nodes {
        let Some(axes) = node.proto.input.iter().find_map(|name| values.get(name.as_str())) else {
            continue;
        };
        if node.op == "Transpose" && transposed.is_none() {
            let moved = permutation(node, axes.len()).as_deref().and_then(moved);
            transposed = moved.map(|axis| evidence(axes, axis, extents));
        }
        match step(node, axes, batch, constants).unwrap_or(Step::Ends) {
            Step::Channels(axis) => return Some(evidence(axes, axis, extents)),
            Step::Keeps(axes) => {
                if let Some(output) = node.proto.output.first() {
                    values.insert(output, axes);
                }
            }
            Step::Ends => {}
        }
    }
    transposed
}

/// `None` where a node is not as its operator should be.
fn step(
    node: &OnnxNode<'_>,
    axes: &[Traced],
    batch: usize,
    constants: &Constants<'_, '_>,
) -> Option<Step> {
    Some(match node.op {
        "Conv"
        | "ConvTranspose"
        | "MaxPool"
        | "AveragePool"
        | "LpPool"
        | "BatchNormalization"
        | "GlobalAveragePool"
        | "GlobalMaxPool"
        | "GlobalLpPool"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "LRN"
        | "DepthToSpace"
        | "SpaceToDepth" => Step::Channels(0),
        "Gather" | "Split" | "Concat" => {
            let axis = node.axis(node.int("axis", 0).ok()?, axes.len() + 1).ok()?;
            Step::Channels(axis.checked_sub(1)?)
        }
        "ReduceMean" | "ReduceMax" | "ReduceSum" => {
            Step::Channels(kept(node, axes.len(), constants)?)
        }
        "Transpose" => {
            let order = permutation(node, axes.len())?;
            Step::Keeps(order.iter().map(|&axis| axes[axis]).collect())
        }
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
            Step::Keeps(reshaped(node, batch, axes, constants)?)
        }
        "Pad" | "Slice" | "Resize" | "Upsample" => {
            Step::Keeps(axes.iter().map(|&axis| Traced { extent: None, ..axis }).collect())
        }
        "Add" | "Sub" | "Mul" | "Div" | "PRelu" => {
            let per_channel = |name: &String| only_long(&constants.shape(name)?, axes.len());
            match node.proto.input.iter().find_map(per_channel) {
                Some(axis) => Step::Channels(axis),
                None => Step::Keeps(axes.to_vec()),
            }
        }
        "Min" | "Max" | "Pow" | "Clip" | "Relu" | "LeakyRelu" | "Elu" | "Selu" | "Neg" | "Abs"
        | "Exp" | "Log" | "Sqrt" | "Erf" | "Tanh" | "Sigmoid" | "HardSigmoid" | "HardSwish"
        | "Softplus" | "Mish" | "Gelu" | "Cast" | "Identity" | "Dropout" => {
            Step::Keeps(axes.to_vec())
        }
        _ => Step::Ends,
    })
}

/// What it says of the input that axis `axis` of a value with these `axes` holds channels.
fn evidence(axes: &[Traced], axis: usize, extents: &[Option<usize>]) -> Evidence {
    let origin = axes.get(axis).and_then(|axis| axis.origin);
    // A Reshape cannot tell which axis of extent 1 it is that stays.
    let unused = || {
        let is_used = |i: usize| axes.iter().any(|axis| axis.origin == Some(i));
        (0..extents.len()).find(|&i| extents[i] == Some(1) && !is_used(i))
    };
    origin.or_else(unused).map_or(Evidence::NoChannels, Evidence::Channels)
}

/// The only axis after the batch that a reduction leaves alone.
fn kept(node: &OnnxNode<'_>, axes: usize, constants: &Constants<'_, '_>) -> Option<usize> {
    let gone = constants.operand(node, 1, "axes")?;
    let gone =
        gone.iter().map(|&axis| node.axis(axis, axes + 1).ok()).collect::<Option<Vec<_>>>()?;
    let mut kept = (0..axes).filter(|axis| !gone.contains(&(axis + 1)));
    let only = kept.next()?;
    (kept.next().is_none() && !gone.contains(&0)).then_some(only)
}

/// The order in which a Transpose puts the axes after the batch, if that stays.
fn permutation(node: &OnnxNode<'_>, axes: usize) -> Option<Vec<usize>> {
    let order = node.ints("perm").ok()??;
    let order = order.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<Vec<_>>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let stays = order.first() == Some(&0) && sorted.iter().copied().eq(0..=axes);
    stays.then(|| order[1..].iter().map(|axis| axis - 1).collect())
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

/// The axes after a node that adds or drops axes of extent 1; `None` where it does anything else.
fn reshaped(
    node: &OnnxNode<'_>,
    batch: usize,
    axes: &[Traced],
    constants: &Constants<'_, '_>,
) -> Option<Vec<Traced>> {
    let after_batch = axes.iter().map(|axis| axis.extent).collect::<Option<Vec<_>>>()?;
    let from = [&[batch], &after_batch[..]].concat();
    let to = match node.op {
        "Reshape" => {
            let target = constants.operand(node, 1, "shape")?;
            shapes::resolve_reshape(node, &from, &target).ok()?
        }
        "Flatten" => shapes::flatten_shape(node, &from).ok()?,
        _ => {
            let axes = constants.operand(node, 1, "axes");
            shapes::squeeze_shape(node, &from, axes.as_deref()).ok()?
        }
    };
    let (&first, to) = to.split_first()?;
    let long = |extents: &[usize]| -> Vec<usize> {
        extents.iter().copied().filter(|&extent| extent != 1).collect()
    };
    if first != batch || long(to) != long(&after_batch) {
        return None;
    }
    let mut kept = axes.iter().filter(|axis| axis.extent != Some(1));
    let axis = |&extent: &usize| match extent {
        1 => Some(Traced { origin: None, extent: Some(1) }),
        _ => kept.next().copied(),
    };
    to.iter().map(axis).collect()
}

/// The only axis after the batch along which a constant of this shape has more than one number, if
/// it is broadcast over a value of `axes` axes.
fn only_long(shape: &[usize], axes: usize) -> Option<usize> {
    let missing = (axes + 1).checked_sub(shape.len())?;
    let mut long = (0..shape.len()).filter(|&i| shape[i] != 1);
    let only = long.next()?;
    if long.next().is_some() { None } else { (only + missing).checked_sub(1) }
}
