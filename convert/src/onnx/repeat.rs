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
            let op = Resize {
                size: shape.axes(),
                mode: Interpolation::NearestFloor,
                coordinates: Coordinates::Asymmetric,
                steps: None,
            };
            x.value = self.push(name, Op::Resize(op), vec![x.value])?;
        }
        x.shape = shape;
        Ok(Some(x))
    }
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
