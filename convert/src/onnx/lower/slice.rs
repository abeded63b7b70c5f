//! Slice: of channels, rows, columns or planes, and of constants.

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Pending};
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Constant, Strided, slice_axis, strides};
use crate::onnx::cut::SliceCut;
use crate::onnx::evidence::resized;
use crate::onnx::node::{OnnxNode, Special};
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[Operator::new("Slice", &["axes", "ends", "starts"])
    .lower(|builder, node| builder.slice(node))
    .fold(fold)
    .trace(resized)
    .takes(&[Special::Bytes])];

impl<'a> Builder<'a> {
    /// A slice stays pending, so that a slice of rows and one of columns become a single slice.
    fn slice(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let mut x = self.activation(node, 0)?;
        if matches!(x.pending, Pending::Border { .. } | Pending::Function { .. }) {
            x = self.settled(node, 0)?;
        }
        let rank = x.dimensions(self.batch).len();
        let cuts = cuts(node, rank, |i, name| self.integers(node, i, name))?;
        self.cut(node, x, &cuts)
    }
}

/// The parts that a Slice takes of a value of `rank` axes, no axis twice; `integers` returns those
/// of an input or, as in older operator sets, of an attribute.
fn cuts(
    node: &OnnxNode<'_>,
    rank: usize,
    integers: impl Fn(usize, &'static str) -> Result<Option<Vec<i64>>, ImportError>,
) -> Result<Vec<SliceCut>, ImportError> {
    let (Some(starts), Some(ends)) = (integers(1, "starts")?, integers(2, "ends")?) else {
        return Err(node.refuse("no bounds"));
    };
    let (axes, steps) = (integers(3, "axes")?, integers(4, "steps")?);
    let n = starts.len();
    let fits = |list: &Option<Vec<i64>>| list.as_ref().is_none_or(|list| list.len() == n);
    if ends.len() != n || !fits(&axes) || !fits(&steps) || n > rank {
        return Err(node.refuse("starts, ends, axes and steps do not go together"));
    }
    let mut cuts: Vec<SliceCut> = Vec::new();
    for i in 0..n {
        let axis = node.axis(axes.as_ref().map_or(i as i64, |axes| axes[i]), rank)?;
        if cuts.iter().any(|cut| cut.axis == axis) {
            return Err(node.refuse("an axis is sliced twice"));
        }
        let step = steps.as_ref().map_or(1, |steps| steps[i]);
        cuts.push(SliceCut { axis, start: starts[i], end: ends[i], step });
    }
    Ok(cuts)
}

fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let data = operands.required(node, 0)?;
    let cuts = cuts(node, data.shape.len(), |i, name| operands.integers(node, i, name))?;
    let mut layout =
        Strided { shape: data.shape.clone(), strides: strides(&data.shape), offset: 0 };
    for cut in cuts {
        let (start, count) = slice_axis(layout.shape[cut.axis], cut.start, cut.end, cut.step)
            .ok_or_else(|| node.refuse("step 0"))?;
        layout.offset += start * layout.strides[cut.axis].unsigned_abs();
        layout.shape[cut.axis] = count;
        // Only a step within the axis takes a second element; others could overflow.
        layout.strides[cut.axis] *= if count > 1 { cut.step as isize } else { 0 };
    }
    let mut cut = data.rearranged(&layout);
    cut.source = None;
    Ok(cut)
}
