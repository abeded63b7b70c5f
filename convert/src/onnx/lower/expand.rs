//! Expand and Tile: values repeated along axes of extent 1, and channels repeated.

use crate::error::ImportError;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::constant::elements;
use crate::onnx::evidence::resized;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Expand", &[]).lower(|builder, node| builder.expand(node)),
    Operator::new("Tile", &[]).lower(|builder, node| builder.tile(node)).trace(resized),
];

impl<'a> Builder<'a> {
    fn expand(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        let to = self.integers(node, 1, "shape")?.ok_or_else(|| node.refuse("it has no shape"))?;
        let from = x.dimensions(self.batch);
        let missing = from.len().checked_sub(to.len());
        let extent = |i: usize| match to.get(i.wrapping_sub(missing.unwrap_or(0))) {
            Some(&extent) => usize::try_from(extent).ok().map(|extent| extent.max(from[i])),
            None => Some(from[i]),
        };
        let extents = (0..from.len()).map(extent).collect::<Option<Vec<_>>>();
        let refuse = || node.refuse(format!("it expands {from:?} to {to:?}"));
        let extents = extents.filter(|all| missing.is_some() && all[0] == self.batch);
        let shape = x.form.shape(&extents.ok_or_else(refuse)?[1..]);
        self.repeated(node.name, x, shape)?.ok_or_else(refuse)
    }

    fn tile(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        let counts = self.integers(node, 1, "repeats")?.unwrap_or_default();
        let from = x.dimensions(self.batch);
        let refuse = || node.refuse(format!("it repeats {from:?} by {counts:?}"));
        let Some((1, counts)) = counts.split_first() else { return Err(refuse()) };
        let times = |(&extent, &count): (&usize, &i64)| extent.checked_mul(count.try_into().ok()?);
        let to = from[1..].iter().zip(counts).map(times).collect::<Option<Vec<_>>>();
        let to = to.filter(|to| to.len() + 1 == from.len() && elements(to).is_some_and(|n| n > 0));
        let mut shape = x.form.shape(&to.ok_or_else(refuse)?);
        let channels = std::mem::replace(&mut shape.channels, x.shape.channels);
        self.budget.charge(node.name, channels)?;
        let x = self.repeated(node.name, x, shape)?.ok_or_else(refuse)?;
        Ok(x.selecting(node.name, |order| order.iter().copied().cycle().take(channels).collect()))
    }
}
