//! The evidence that a graph gives about the axes of its input.

use super::{known::Known, node::OnnxNode};

/// The statement of a graph about the input's axes, numbered from the first after the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// This axis holds the channels.
    Channels(usize),
    /// No axis does: the graph adds an axis for the only channel.
    NoChannels,
}

/// An axis of a value that holds the elements of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traced {
    /// The input's axis that it is; `None` if a node added it with extent 1.
    pub(super) origin: Option<usize>,
    /// `None` if unknown.
    pub(super) extent: Option<usize>,
}

/// The effect of a node on the axes of a value that it reads.
pub(super) enum Step {
    /// It shows that this axis holds the channels.
    Channels(usize),
    /// It keeps the axes.
    Keeps(Vec<Traced>),
    /// It puts the axes in this order.
    Permutes(Vec<usize>),
    /// It mixes the axes.
    Ends,
}

/// The channels come first.
pub(super) fn channels_first(_: &OnnxNode<'_>, _: &[Traced], _: &Known<'_, '_>) -> Option<Step> {
    Some(Step::Channels(0))
}

/// The attribute `axis` names the channels.
pub(super) fn channels_at_axis(
    node: &OnnxNode<'_>,
    axes: &[Traced],
    _: &Known<'_, '_>,
) -> Option<Step> {
    let axis = node.axis(node.int("axis", 0).ok()?, axes.len() + 1).ok()?;
    Some(Step::Channels(axis.checked_sub(1)?))
}

/// All axes stay as they are.
pub(super) fn kept(_: &OnnxNode<'_>, axes: &[Traced], _: &Known<'_, '_>) -> Option<Step> {
    Some(Step::Keeps(axes.to_vec()))
}

/// All axes stay, with other extents.
pub(super) fn resized(_: &OnnxNode<'_>, axes: &[Traced], _: &Known<'_, '_>) -> Option<Step> {
    Some(Step::Keeps(axes.iter().map(|&axis| Traced { extent: None, ..axis }).collect()))
}

/// All axes stay; a constant of one number per channel shows which of them holds the channels.
pub(super) fn broadcast(
    node: &OnnxNode<'_>,
    axes: &[Traced],
    known: &Known<'_, '_>,
) -> Option<Step> {
    let per_channel = |name: &String| only_long(&known.shape(name)?, axes.len());
    match node.proto.input.iter().find_map(per_channel) {
        Some(axis) => Some(Step::Channels(axis)),
        None => kept(node, axes, known),
    }
}

/// The only axis after the batch along which a constant of this shape has more than one number, if
/// it is broadcast over a value of `axes` axes.
fn only_long(shape: &[usize], axes: usize) -> Option<usize> {
    let missing = (axes + 1).checked_sub(shape.len())?;
    let mut long = (0..shape.len()).filter(|&i| shape[i] != 1);
    let only = long.next()?;
    if long.next().is_some() { None } else { (only + missing).checked_sub(1) }
}
