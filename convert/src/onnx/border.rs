//! Borders of a value's own elements: its last ones repeated, or its inside reflected or wrapped around.
//!
//! Such a border is added to the value with zeros around it. The sum has the value's grid, and the border the same
//! or a finer one, so that codes stay the same.

use bayes8_core::graph::{AxisPadding, Op, Range, Value};
use bayes8_core::ops::{Coordinates, Interpolation, Pad, Resize, Slice};

use super::{activation::Activation, builder::Builder};
use crate::error::ImportError;

/// The elements of a border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Border {
    /// The element at the edge.
    Edge,
    /// Those on the other side of the element at the edge.
    Reflect,
    /// Those at the other end.
    Wrap,
}

/// Neighbouring elements of a border: `count` from `start` on, or `count` times the same.
struct Run {
    start: usize,
    count: usize,
    repeats: bool,
}

impl Border {
    /// The elements of an axis of `extent` that lie `before` its first one; `None` if it is too short.
    fn before(self, extent: usize, before: usize) -> Option<Vec<Run>> {
        let fits = before <= if self == Self::Reflect { extent - 1 } else { extent };
        Some(match self {
            Self::Edge => vec![Run { start: 0, count: before, repeats: true }],
            Self::Reflect if fits => (1..=before).rev().map(single).collect(),
            Self::Wrap if fits => {
                vec![Run { start: extent - before, count: before, repeats: false }]
            }
            Self::Reflect | Self::Wrap => return None,
        })
    }

    /// The elements that lie `after` the last one.
    fn after(self, extent: usize, after: usize) -> Option<Vec<Run>> {
        let fits = after <= if self == Self::Reflect { extent - 1 } else { extent };
        Some(match self {
            Self::Edge => vec![Run { start: extent - 1, count: after, repeats: true }],
            Self::Reflect if fits => (extent - 1 - after..extent - 1).rev().map(single).collect(),
            Self::Wrap if fits => vec![Run { start: 0, count: after, repeats: false }],
            Self::Reflect | Self::Wrap => return None,
        })
    }
}

fn single(start: usize) -> Run {
    Run { start, count: 1, repeats: false }
}

impl Builder<'_> {
    /// `x`, on which nothing is pending, with a border `[before, after]` along planes, rows and columns;
    /// `None` if it is too small for that.
    pub(super) fn bordered_by(
        &mut self,
        name: &str,
        mut x: Activation,
        border: Border,
        widths: [[usize; 2]; 3],
    ) -> Result<Option<Activation>, ImportError> {
        for (axis, [before, after]) in widths.into_iter().enumerate() {
            if [before, after] == [0; 2] {
                continue;
            }
            let inner = x.value;
            let extent = self.graph.shape(inner).axes()[axis];
            x.value = self.spaced(name, inner, axis, [before, after])?;
            let (Some(first), Some(last)) =
                (border.before(extent, before), border.after(extent, after))
            else {
                return Ok(None);
            };
            for (runs, [space_before, space_after]) in
                [(first, [0, extent + after]), (last, [before + extent, 0])]
            {
                if let Some(strip) = self.strip(name, inner, axis, &runs)? {
                    let strip = self.spaced(name, strip, axis, [space_before, space_after])?;
                    x.value = self.push(name, Op::Add, vec![x.value, strip])?;
                }
            }
        }
        x.shape = self.graph.shape(x.value);
        Ok(Some(x))
    }

    /// The runs of elements of `x` along an axis, one after the other; `None` if there are none.
    fn strip(
        &mut self,
        name: &str,
        x: Value,
        axis: usize,
        runs: &[Run],
    ) -> Result<Option<Value>, ImportError> {
        let width: usize = runs.iter().map(|run| run.count).sum();
        let (mut strip, mut at) = (None, 0);
        for run in runs.iter().filter(|run| run.count > 0) {
            let shape = self.graph.shape(x);
            let mut ranges = shape.axes().map(Range::whole);
            let taken = if run.repeats { 1 } else { run.count };
            ranges[axis] = Range { start: run.start, end: run.start + taken, step: 1 };
            let [planes, rows, columns] = ranges;
            let planes = Some(planes).filter(|&planes| planes != Range::whole(shape.depth));
            let mut part = self.push(name, Op::Slice(Slice { rows, columns, planes }), vec![x])?;
            if taken < run.count {
                let mut size = shape.axes();
                size[axis] = run.count;
                let (mode, coordinates) = (Interpolation::NearestFloor, Coordinates::Asymmetric);
                let op = Op::Resize(Resize { size, mode, coordinates, steps: None });
                part = self.push(name, op, vec![part])?;
            }
            let part = self.spaced(name, part, axis, [at, width - at - run.count])?;
            at += run.count;
            strip = Some(match strip {
                Some(strip) => self.push(name, Op::Add, vec![strip, part])?,
                None => part,
            });
        }
        Ok(strip)
    }

    /// `x` with zeros before and after it along an axis.
    fn spaced(
        &mut self,
        name: &str,
        x: Value,
        axis: usize,
        [before, after]: [usize; 2],
    ) -> Result<Value, ImportError> {
        if [before, after] == [0; 2] {
            return Ok(x);
        }
        let mut axes = [AxisPadding::default(); 3];
        axes[axis] = AxisPadding { before, between: 0, after };
        let [planes, rows, columns] = axes;
        self.push(name, Op::Pad(Pad { rows, columns, planes }), vec![x])
    }
}
