//! Operators that only rename axes, or join and split them.

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Pending};
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Constant, elements};
use crate::onnx::evidence::{Step, Traced};
use crate::onnx::known::Known;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    reshaping("Reshape", &["allowzero"]).fold(fold),
    reshaping("Flatten", &["axis"]),
    reshaping("Squeeze", &["axes"]).fold(fold),
    reshaping("Unsqueeze", &["axes"]).fold(fold),
];

const fn reshaping(name: &'static str, attributes: &'static [&'static str]) -> Operator {
    Operator::new(name, attributes)
        .lower(|builder, node| builder.reshape(node))
        .trace(renamed)
        .takes(Special::ALL)
}

impl<'a> Builder<'a> {
    /// Flatten, Reshape, Squeeze, Unsqueeze: to `[n, features]`, and between the forms of a value
    /// whose axes before the last are 1: `[n, C]`, `[n, C, L]`, `[n, C, 1, L]`.
    fn reshape(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.activation(node, 0)?;
        if x.indices {
            // One index per input, whatever its axes are.
            return Ok(x);
        }
        let from = x.dimensions(self.batch);
        let to = target(node, &from, |i, name| self.integers(node, i, name))?;
        if to == from {
            return Ok(x);
        }
        if node.op == "Unsqueeze"
            && let (Some(&[axis]), Some(output)) =
                (self.integers(node, 1, "axes")?.as_deref(), node.proto.output.first())
        {
            self.unsqueezed.insert(output, (node.axis(axis, to.len())?, x.clone()));
        }
        let stays = !matches!(x.pending, Pending::Border { .. } | Pending::Slice { .. });
        let flattens = to.len() == 2 && x.shape.spatial() > 1;
        let x = if stays && !flattens { x } else { self.settled(node, 0)? };
        self.reshaped(node, x, &to)
    }
}

fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let data = operands.required(node, 0)?;
    let shape = target(node, &data.shape, |i, name| operands.integers(node, i, name))?;
    Ok(Constant { shape, ..data.clone() })
}

/// The shape that the node gives `from`; `integers` returns those of an input or, as in older
/// operator sets, of an attribute.
fn target(
    node: &OnnxNode<'_>,
    from: &[usize],
    integers: impl FnOnce(usize, &'static str) -> Result<Option<Vec<i64>>, ImportError>,
) -> Result<Vec<usize>, ImportError> {
    match node.op {
        "Flatten" => flatten_shape(node, from),
        "Reshape" => {
            let target = integers(1, "shape")?.ok_or_else(|| node.refuse("no target shape"))?;
            resolve_reshape(node, from, &target)
        }
        _ => squeeze_shape(node, from, integers(1, "axes")?.as_deref()),
    }
}

/// The shape of an ONNX Reshape to `target`: 0 keeps an extent, -1 stands for the rest.
fn resolve_reshape(
    node: &OnnxNode<'_>,
    from: &[usize],
    target: &[i64],
) -> Result<Vec<usize>, ImportError> {
    let refuse = || node.refuse(format!("cannot reshape {from:?} to {target:?}"));
    let keep_zero = node.int("allowzero", 0)? != 0;
    let mut shape = Vec::new();
    let mut rest = None;
    for (i, &t) in target.iter().enumerate() {
        let extent = match t {
            -1 if rest.is_none() => {
                rest = Some(i);
                1
            }
            0 if !keep_zero => *from.get(i).ok_or_else(refuse)?,
            _ => usize::try_from(t).map_err(|_| refuse())?,
        };
        shape.push(extent);
    }
    let (have, want) = (elements(from).ok_or_else(refuse)?, elements(&shape).ok_or_else(refuse)?);
    if let Some(i) = rest {
        shape[i] = have.checked_div(want).ok_or_else(refuse)?;
    }
    if elements(&shape) == Some(have) { Ok(shape) } else { Err(refuse()) }
}

/// The shape after a Flatten.
fn flatten_shape(node: &OnnxNode<'_>, from: &[usize]) -> Result<Vec<usize>, ImportError> {
    let axis = match node.int("axis", 1)? {
        all if all == from.len() as i64 => from.len(),
        axis => node.axis(axis, from.len())?,
    };
    let (outer, inner) = from.split_at(axis);
    Ok(vec![outer.iter().product(), inner.iter().product()])
}

/// The shape after Squeeze or Unsqueeze.
fn squeeze_shape(
    node: &OnnxNode<'_>,
    from: &[usize],
    axes: Option<&[i64]>,
) -> Result<Vec<usize>, ImportError> {
    if node.op == "Squeeze" {
        let Some(axes) = axes else {
            return Ok(from.iter().copied().filter(|&d| d != 1).collect());
        };
        let axes = axes.iter().map(|&a| node.axis(a, from.len())).collect::<Result<Vec<_>, _>>()?;
        if axes.iter().any(|&a| from[a] != 1) {
            return Err(node.refuse("squeezes an axis whose extent is not 1"));
        }
        return Ok((0..from.len()).filter(|a| !axes.contains(a)).map(|a| from[a]).collect());
    }
    let axes = axes.ok_or_else(|| node.refuse("no axes"))?;
    let rank = from.len() + axes.len();
    let axes = axes.iter().map(|&a| node.axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut extents = from.iter();
    let shape: Vec<usize> = (0..rank)
        .map(|a| if axes.contains(&a) { 1 } else { extents.next().copied().unwrap_or(1) })
        .collect();
    // Naming an axis twice would leave extents over.
    if extents.next().is_some() { Err(node.refuse("an axis comes twice")) } else { Ok(shape) }
}

/// The axes after a node that adds or drops axes of extent 1; `None` if it does anything else.
fn renamed(node: &OnnxNode<'_>, axes: &[Traced], known: &Known<'_, '_>) -> Option<Step> {
    let after_batch = axes.iter().map(|axis| axis.extent).collect::<Option<Vec<_>>>()?;
    let from = [&[known.batch], &after_batch[..]].concat();
    let to = target(node, &from, |i, name| Ok(known.operand(node, i, name))).ok()?;
    let (&first, to) = to.split_first()?;
    let long = |extents: &[usize]| -> Vec<usize> {
        extents.iter().copied().filter(|&extent| extent != 1).collect()
    };
    if first != known.batch || long(to) != long(&after_batch) {
        return None;
    }
    let mut kept = axes.iter().filter(|axis| axis.extent != Some(1));
    let axis = |&extent: &usize| match extent {
        1 => Some(Traced { origin: None, extent: Some(1) }),
        _ => kept.next().copied(),
    };
    to.iter().map(axis).collect::<Option<_>>().map(Step::Keeps)
}
