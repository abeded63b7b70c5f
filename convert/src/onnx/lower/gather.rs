//! Gather: of channels in any order, of rows, columns or planes that a slice can take, and of constants.

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Axis};
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Constant, elements};
use crate::onnx::cut::SliceCut;
use crate::onnx::evidence::channels_at_axis;
use crate::onnx::node::OnnxNode;
use crate::onnx::operands::Operands;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[Operator::new("Gather", &["axis"])
    .lower(|builder, node| builder.gather(node))
    .fold(fold)
    .trace(channels_at_axis)];

impl<'a> Builder<'a> {
    /// Channels in any order, or rows, columns or planes that a slice can take; without its axis if
    /// the index is a single number rather than a list.
    fn gather(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.selectable(node, 0)?;
        let dimensions = x.dimensions(self.batch);
        let axis = node.axis(node.int("axis", 0)?, dimensions.len())?;
        let indices = self.constant(node, 1)?.ok_or_else(|| node.refuse("it has no indices"))?;
        let (list, rank) = (indices.as_integers(), indices.shape.len());
        let (Some(list), 0 | 1) = (list.filter(|list| !list.is_empty()), rank) else {
            return Err(node.refuse("its indices must be one integer, or a list of them"));
        };
        let extent = dimensions[axis];
        let positions =
            list.iter().map(|&i| node.element(i, extent)).collect::<Result<Vec<_>, _>>()?;
        let taken = match (x.axis(axis), positions.as_slice()) {
            (Some(Axis::Channel), _) => {
                x.selecting(node.name, |order| positions.iter().map(|&i| order[i]).collect())
            }
            (Some(_), &[first, ref rest @ ..]) => {
                let step = rest.first().map_or(1, |&second| second as i64 - first as i64);
                let place = |i: usize| first as i64 + i as i64 * step;
                if step < 1 || (0..positions.len()).any(|i| positions[i] as i64 != place(i)) {
                    return Err(node.refuse("only channels can be gathered in any order"));
                }
                let end = place(rest.len()) + 1;
                self.cut(node, x, &[SliceCut { axis, start: first as i64, end, step }])?
            }
            _ => return Err(node.refuse("the batch cannot be gathered from")),
        };
        if rank == 1 {
            return Ok(taken);
        }
        let mut to = dimensions;
        to.remove(axis);
        self.reshaped(node, taken, &to)
    }
}

fn fold(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Result<Constant, ImportError> {
    let data = operands.required(node, 0)?;
    let indices = operands.required(node, 1)?;
    let axis = node.axis(node.int("axis", 0)?, data.shape.len())?;
    let extent = data.shape[axis];
    let values = indices.as_integers().ok_or_else(|| node.refuse("indices must be integers"))?;
    let positions =
        values.iter().map(|&i| node.element(i, extent)).collect::<Result<Vec<_>, _>>()?;
    let shape = [&data.shape[..axis], &indices.shape, &data.shape[axis + 1..]].concat();
    let count = elements(&shape).ok_or_else(|| node.refuse("the result is too large"))?;
    operands.budget.check(node.name, count)?;
    // Without their source: entries may come twice.
    Ok(Constant::new(shape, data.taken(axis, &positions).data))
}
