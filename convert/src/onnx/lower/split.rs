//! Split: to parts of the channels, or of rows, columns or planes.

use crate::error::ImportError;
use crate::onnx::builder::{Builder, Slot};
use crate::onnx::cut::SliceCut;
use crate::onnx::evidence::channels_at_axis;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new("Split", &["axis", "num_outputs", "split"])
        .lower_all(|builder, node| builder.split(node))
        .fold(|node, operands| {
            operands.required(node, 0)?;
            Err(node.refuse("input 0 must not be constant"))
        })
        .trace(channels_at_axis)];

impl<'a> Builder<'a> {
    /// The outputs of a Split: parts of the channels, or of rows, columns or planes.
    fn split(&mut self, node: &OnnxNode<'a>) -> Result<Vec<Slot>, ImportError> {
        let x = self.selectable(node, 0)?;
        let dimensions = x.dimensions(self.batch);
        let axis = node.axis(node.int("axis", 0)?, dimensions.len())?;
        let (extent, outputs) = (dimensions[axis], node.proto.output.len());
        let lengths: Vec<usize> = match self.integers(node, 1, "split")? {
            Some(lengths) => {
                // Negative lengths do not add up to the extent.
                lengths.iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect()
            }
            // `num_outputs` introduced parts of different lengths.
            None if self.operator_set < 18 && !extent.is_multiple_of(outputs) => Vec::new(),
            None => {
                let part = extent.div_ceil(outputs);
                let start = |i: usize| (i * part).min(extent);
                (0..outputs).map(|i| start(i + 1) - start(i)).collect()
            }
        };
        let sum = lengths.iter().try_fold(0usize, |sum, &n| sum.checked_add(n));
        if lengths.len() != outputs || sum != Some(extent) || lengths.contains(&0) {
            return Err(node.refuse(format!(
                "an axis of {extent} cannot be split into {outputs} parts of {lengths:?}"
            )));
        }
        let mut start = 0;
        let part = |length: usize| {
            let (from, to) = (start, start + length);
            start = to;
            let cut = SliceCut { axis, start: from as i64, end: to as i64, step: 1 };
            Ok(Slot::Activation(Box::new(self.cut(node, x.clone(), &[cut])?)))
        };
        lengths.into_iter().map(part).collect()
    }
}
