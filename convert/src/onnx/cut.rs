//! Parts of axes, which stay pending: so a part of the rows and one of the columns become a single
//! part.

use bayes8_core::graph::{Range, Shape};

use super::{
    activation::{Activation, Axis, Pending},
    builder::Builder,
    constant::slice_axis,
    node::OnnxNode,
};
use crate::error::ImportError;

/// The part of one axis.
pub(super) struct SliceCut {
    pub(super) axis: usize,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) step: i64,
}

impl<'a> Builder<'a> {
    /// Takes parts of the axes of `x`, on which only a slice or a selection of channels may be
    /// pending.
    pub(super) fn cut(
        &mut self,
        node: &OnnxNode<'a>,
        mut x: Activation,
        cuts: &[SliceCut],
    ) -> Result<Activation, ImportError> {
        let dimensions = x.dimensions(self.batch);
        for cut in cuts {
            let extent = dimensions[cut.axis];
            let taken = slice_axis(extent, cut.start, cut.end, cut.step);
            let (start, count) = taken.filter(|&(_, count)| count > 0).ok_or_else(|| {
                node.refuse(format!("it takes nothing of axis {} of extent {extent}", cut.axis))
            })?;
            match x.axis(cut.axis) {
                _ if count == extent && cut.step > 0 => {}
                None => return Err(node.refuse("the batch cannot be sliced")),
                Some(Axis::Channel) => {
                    if !matches!(x.pending, Pending::Nothing | Pending::Channels { .. }) {
                        x = self.settle(x)?;
                    }
                    let place = |i: usize| start as i64 + i as i64 * cut.step;
                    x = x.selecting(node.name, |order| {
                        (0..count).map(|i| order[place(i) as usize]).collect()
                    });
                }
                Some(_) if cut.step < 1 => {
                    return Err(node.refuse(format!("step {} is not supported", cut.step)));
                }
                Some(axis) => {
                    if !matches!(x.pending, Pending::Nothing | Pending::Slice { .. }) {
                        x = self.settle(x)?;
                    }
                    x = self.sliced(node, x, axis, (start, count, cut.step as usize));
                }
            }
        }
        Ok(x)
    }

    /// Takes `count` planes, rows or columns, every `step`th from `start` on.
    fn sliced(
        &self,
        node: &OnnxNode<'a>,
        mut x: Activation,
        axis: Axis,
        (start, count, step): (usize, usize, usize),
    ) -> Activation {
        let Some(axis) = axis.spatial() else { return x };
        let below = self.graph.shape(x.value);
        let mut ranges = match x.pending {
            Pending::Slice { ranges, .. } => ranges,
            _ => below.axes().map(Range::whole),
        };
        let range = &mut ranges[axis];
        let step = if count > 1 { range.step * step } else { 1 };
        let start = range.start + start * range.step;
        *range = Range { start, end: start + (count - 1) * step + 1, step };
        let Shape { depth, height, width, .. } = &mut x.shape;
        *[depth, height, width][axis] = count;
        x.pending = Pending::Slice { node: node.name.into(), ranges };
        x
    }
}
