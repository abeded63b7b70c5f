//! Values seen with other axes.

use bayes8_core::graph::{Op, Shape};

use super::{
    activation::{Activation, Form, Pending, Split},
    builder::Builder,
    node::OnnxNode,
};
use crate::error::ImportError;

impl<'a> Builder<'a> {
    /// Returns `x` seen with the axes `to`, batch first.
    pub(super) fn reshaped(
        &mut self,
        node: &OnnxNode<'a>,
        mut x: Activation,
        to: &[usize],
    ) -> Result<Activation, ImportError> {
        let from = x.dimensions(self.batch);
        // Only axes of extent 1 come and go. The order of the numbers stays if channels stay first
        // or last, or if there is only one channel or one position.
        x.split = None;
        let one_kind = x.shape.spatial() == 1 || x.shape.channels == 1;
        let is = |form: &Form| {
            (one_kind || form.is_channels_last() == x.form.is_channels_last())
                && form.dimensions(self.batch, x.shape) == to
        };
        let form = Form::ALL.into_iter().find(is).filter(|_| x.flattened.is_none());
        if !matches!(x.pending, Pending::Function { .. } | Pending::Channels { .. }) {
            x = self.settle(x)?;
        }
        if let Some(form) = form {
            return Ok(Activation { form, ..x });
        }
        match (x.form, to) {
            (form, &[n, features]) if form != Form::Vector && n == self.batch => {
                x = self.settle(x)?;
                let value = self.push(node.name, Op::Flatten, vec![x.value])?;
                let shape = Shape::vector(features);
                let vector = Activation::new(value, Form::Vector, shape);
                let reordered = !one_kind && !form.is_channels_last();
                let flattened = reordered.then_some(x.shape);
                Ok(Activation { flattened, bytes: x.bytes, ..vector })
            }
            _ => match split_axes(&x, self.batch, to).or(grouped(&x, self.batch, to)) {
                Some(split) => Ok(Activation { split: Some(split), ..x }),
                None => Err(node.refuse(format!("reshaping {from:?} to {to:?} is not supported"))),
            },
        }
    }
}

/// How the axes `to`, batch first, split the channels of `x`; `None` if they do anything else.
fn split_axes(x: &Activation, batch: usize, to: &[usize]) -> Option<Split> {
    let (&first, extents) = to.split_first()?;
    let product = |extents: &[usize]| extents.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let (channels, spatial) = (Some(x.shape.channels), Some(x.shape.spatial()));
    // Takes the longest run of axes that fits: it includes those of extent 1, which have no order.
    let mut places = (0..=extents.len()).rev();
    let count = if x.form == Form::ChannelsLast {
        let from = |&count: &usize| {
            let (front, back) = extents.split_at(extents.len() - count);
            product(front) == spatial && product(back) == channels
        };
        extents.len() - places.find(from)?..extents.len()
    } else {
        let fits = |&count: &usize| {
            let (front, back) = extents.split_at(count);
            product(front) == channels && product(back) == spatial
        };
        0..places.find(fits)?
    };
    (first == batch).then(|| Split { extents: extents.to_vec(), channels: count })
}

/// The view `[n, groups, ..]` of `x`, batch first, in which each group has neighbouring channels at all
/// positions, as in a normalization of groups; `None` if the axes `to` are not that.
fn grouped(x: &Activation, batch: usize, to: &[usize]) -> Option<Split> {
    let (&first, extents) = to.split_first()?;
    let &groups = extents.first()?;
    let is_ordered =
        x.flattened.is_none() && (!x.form.is_channels_last() || x.shape.spatial() == 1);
    let elements = extents.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let fits = first == batch
        && is_ordered
        && x.is_plain()
        && groups > 0
        && x.shape.channels.is_multiple_of(groups)
        && elements == Some(x.shape.elements());
    // No axis has whole channels, so that none may be moved.
    fits.then(|| Split { extents: extents.to_vec(), channels: 0..0 })
}
