//! Values that are repeated along axes of extent 1, as NumPy broadcasts them.

use bayes8_core::graph::{Op, Shape};
use bayes8_core::ops::{Coordinates, Interpolation, Resize};

use super::{activation::Activation, builder::Builder};
use crate::error::ImportError;

impl Builder<'_> {
    /// `x` with each axis of extent 1 as long as in `shape`; `None` if another axis has another extent.
    /// Nothing may be pending. Both operations keep the codes.
    pub(super) fn repeated(
        &mut self,
        name: &str,
        mut x: Activation,
        shape: Shape,
    ) -> Result<Option<Activation>, ImportError> {
        let fits = |extent: usize, to: usize| extent == to || extent == 1;
        let mut axes = x.shape.axes().into_iter().zip(shape.axes());
        let is_flat = x.flattened.is_some() && x.shape != shape;
        if is_flat
            || !axes.all(|(from, to)| fits(from, to))
            || !fits(x.shape.channels, shape.channels)
        {
            return Ok(None);
        }
        if x.shape.channels != shape.channels {
            x.value = self.push_selection(name, &vec![0; shape.channels], x.value)?;
        }
        if x.shape.axes() != shape.axes() {
            x.value = self.push(name, nearest(shape.axes()), vec![x.value])?;
        }
        x.shape = shape;
        Ok(Some(x))
    }

    /// Repeats each plane, row and column of `x`, as often as `times` says. Nothing of `x` is pending.
    pub(super) fn times(
        &mut self,
        name: &str,
        mut x: Activation,
        times: [usize; 3],
    ) -> Result<Activation, ImportError> {
        let from = self.graph.shape(x.value).axes();
        let mut size = from;
        for (extent, count) in size.iter_mut().zip(times) {
            *extent = extent.saturating_mul(count);
        }
        // Exporters repeat one axis after the other: a single resizing does both. If something else reads the
        // first, what follows must not become part of the node below.
        let first = self.exclusive(x.value).filter(|&n| self.is_repeated(n, times));
        let below = first.map_or(x.value, |n| self.graph.nodes()[n].inputs[0]);
        x.value = self.push(name, nearest(size), vec![below])?;
        x.shape = self.graph.shape(x.value);
        Ok(x)
    }

    /// Whether node `n` repeats whole elements along other axes than those that `times` repeats.
    fn is_repeated(&self, n: usize, times: [usize; 3]) -> bool {
        let node = &self.graph.nodes()[n];
        let to = node.shape.axes();
        let from = node.inputs.first().map_or(to, |&below| self.graph.shape(below).axes());
        node.op == nearest(to)
            && node.data.clamp.is_none()
            && (0..3).all(|i| to[i] == from[i] || times[i] == 1 && to[i].is_multiple_of(from[i]))
    }
}

/// Resizes to the nearest elements; each comes as often, if `size` is a multiple of what there is.
fn nearest(size: [usize; 3]) -> Op {
    Op::Resize(Resize {
        size,
        mode: Interpolation::NearestFloor,
        coordinates: Coordinates::Asymmetric,
        steps: None,
    })
}

/// The shape of a sum or product of values of these shapes: along each axis, the longer extent.
pub(super) fn joint(a: Shape, b: Shape) -> Shape {
    Shape {
        depth: a.depth.max(b.depth),
        height: a.height.max(b.height),
        width: a.width.max(b.width),
        channels: a.channels.max(b.channels),
    }
}
