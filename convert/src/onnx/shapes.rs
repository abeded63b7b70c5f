//! The arithmetic of shapes and slices, alike for constants and activations.

use super::{
    ImportError,
    constant::{elements, slice_axis},
    node::OnnxNode,
};

/// The part of a shape that `Shape`'s `start` and `end` attributes select.
pub(super) fn shape_part(node: &OnnxNode<'_>, shape: Vec<usize>) -> Result<Vec<i64>, ImportError> {
    let (start, end) = (node.int("start", 0)?, node.int("end", i64::MAX)?);
    let (start, count) = slice_axis(shape.len(), start, end, 1).unwrap_or((0, 0));
    Ok(shape.into_iter().map(|d| d as i64).skip(start).take(count).collect())
}

/// One axis of a Slice.
pub(super) struct SliceCut {
    pub(super) axis: usize,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) step: i64,
}

impl SliceCut {
    /// Pairs up the operands of a Slice over `rank` axes; no axis may come twice.
    pub(super) fn list(
        node: &OnnxNode<'_>,
        rank: usize,
        starts: &[i64],
        ends: &[i64],
        axes: Option<&[i64]>,
        steps: Option<&[i64]>,
    ) -> Result<Vec<Self>, ImportError> {
        let n = starts.len();
        let fits = |list: Option<&[i64]>| list.is_none_or(|l| l.len() == n);
        if ends.len() != n || !fits(axes) || !fits(steps) || n > rank {
            return Err(node.refuse("starts, ends, axes and steps do not go together"));
        }
        let mut cuts: Vec<Self> = Vec::new();
        for i in 0..n {
            let axis = node.axis(axes.map_or(i as i64, |a| a[i]), rank)?;
            if cuts.iter().any(|c| c.axis == axis) {
                return Err(node.refuse("an axis is sliced twice"));
            }
            let step = steps.map_or(1, |s| s[i]);
            cuts.push(Self { axis, start: starts[i], end: ends[i], step });
        }
        Ok(cuts)
    }
}

/// The shape that an ONNX Reshape to `target` means: 0 keeps an extent, -1 is what remains.
pub(super) fn resolve_reshape(
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
pub(super) fn flatten_shape(
    node: &OnnxNode<'_>,
    from: &[usize],
) -> Result<Vec<usize>, ImportError> {
    let axis = match node.int("axis", 1)? {
        all if all == from.len() as i64 => from.len(),
        axis => node.axis(axis, from.len())?,
    };
    let (outer, inner) = from.split_at(axis);
    Ok(vec![outer.iter().product(), inner.iter().product()])
}

/// The shape after Squeeze or Unsqueeze.
pub(super) fn squeeze_shape(
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
    // An axis named twice would leave extents over.
    if extents.next().is_some() { Err(node.refuse("an axis comes twice")) } else { Ok(shape) }
}
