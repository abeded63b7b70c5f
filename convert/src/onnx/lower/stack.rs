//! ReduceSum, and means, of values stacked along a new axis: their sum.
//!
//! Exporters write `sum(torch.stack(values))` as an Unsqueeze of each value, a Concat and a ReduceSum.

use crate::error::ImportError;
use crate::function::{Function, Unary};
use crate::onnx::builder::{Builder, Slot};
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;
use crate::onnx::stack::Stack;

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new("ReduceSum", &["axes", "keepdims", "noop_with_empty_axes"])
        .lower(|_, node| Err(node.refuse("only a sum of stacked values is supported")))];

impl<'a> Builder<'a> {
    /// The inputs of a Concat, if each is an Unsqueeze and they are joined along the new axis.
    pub(super) fn stack(&self, node: &OnnxNode<'a>) -> Result<Option<Stack>, ImportError> {
        let parts = node.proto.input.iter().map(|name| self.unsqueezed.get(name.as_str()));
        let Some(parts) = parts.collect::<Option<Vec<_>>>() else { return Ok(None) };
        let Some(&&(axis, ref first)) = parts.first() else { return Ok(None) };
        let joined = node.axis(node.int("axis", 0)?, first.dimensions(self.batch).len() + 1)?;
        let all = joined == axis && parts.iter().all(|(own, _)| *own == axis);
        let parts = parts.into_iter().map(|(_, part)| part.clone()).collect();
        Ok(all.then_some(Stack { parts, axis }))
    }

    /// The output of a node that reads stacked values.
    pub(in crate::onnx) fn of_stack(
        &mut self,
        node: &OnnxNode<'a>,
        Stack { parts, axis }: Stack,
    ) -> Result<Slot, ImportError> {
        let only_sums = || {
            node.refuse(
                "reads stacked values, of which only the sum or the mean along the new axis is supported",
            )
        };
        // Other operators have no axes to read, such as a Concat of stacked values.
        if !matches!(node.op, "ReduceSum" | "ReduceMean") {
            return Err(only_sums());
        }
        let rank = parts.first().map_or(0, |part| part.dimensions(self.batch).len() + 1);
        let axes = self.integers(node, 1, "axes")?.unwrap_or_default();
        if axes.len() != 1 || node.axis(axes[0], rank)? != axis || node.int("keepdims", 1)? != 0 {
            return Err(only_sums());
        }
        let count = parts.len();
        let parts = parts.into_iter().map(|part| self.settle(part)).collect::<Result<_, _>>()?;
        let mut sum = self.sum_of(node, parts)?;
        if node.op == "ReduceMean" {
            let scale = Unary::scaling(1.0 / count as f64);
            sum = sum.with_function(node.name, Function::argument().then(scale));
        }
        Ok(Slot::Activation(Box::new(sum)))
    }
}
