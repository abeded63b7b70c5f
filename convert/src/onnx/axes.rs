//! Values seen with other axes.

use bayes8_core::graph::{Op, Shape};

use super::{
    activation::{Activation, Form, Pending},
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
        let view = match to {
            [batch, to @ ..] if *batch == self.batch => x.viewed().reshaped(to),
            _ => None,
        };
        let is_moved = x.view.take().is_some_and(|view| view.moved);
        if is_moved {
            return match view {
                Some(view) => Ok(match self.rearranged(node, x.clone(), &view)? {
                    Some(rearranged) => rearranged,
                    None => Activation { view: Some(view), ..x },
                }),
                None => Err(node.refuse(format!("reshaping {from:?} to {to:?} is not supported"))),
            };
        }
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
            _ => match view {
                Some(_) => Ok(Activation { view, ..x }),
                None => Err(node.refuse(format!("reshaping {from:?} to {to:?} is not supported"))),
            },
        }
    }
}
