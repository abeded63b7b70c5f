//! DepthToSpace and SpaceToDepth: channels that become positions, and positions that become channels.

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Axis};
use crate::onnx::builder::Builder;
use crate::onnx::evidence::channels_first;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("DepthToSpace", &["blocksize", "mode"])
        .lower(|builder, node| {
            let order: &[usize] = match node.string("mode")? {
                None | Some("DCR") => &[0, 3, 4, 1, 5, 2],
                Some("CRD") => &[0, 1, 4, 2, 5, 3],
                Some(_) => return Err(node.refuse("its mode is neither DCR nor CRD")),
            };
            builder.between_axes(node, |size, [channels, rows, columns]| {
                let inner = channels / size / size;
                let apart = match order[1] {
                    1 => vec![inner, size, size, rows, columns],
                    _ => vec![size, size, inner, rows, columns],
                };
                (apart, order, [inner, rows * size, columns * size])
            })
        })
        .trace(channels_first),
    Operator::new("SpaceToDepth", &["blocksize"])
        .lower(|builder, node| {
            builder.between_axes(node, |size, [channels, rows, columns]| {
                let (inner_rows, inner_columns) = (rows / size, columns / size);
                let apart = vec![channels, inner_rows, size, inner_columns, size];
                let joined = [channels * size * size, inner_rows, inner_columns];
                (apart, &[0, 3, 5, 1, 2, 4], joined)
            })
        })
        .trace(channels_first),
];

impl<'a> Builder<'a> {
    /// Splits the axes of a picture, exchanges them and joins them, as `steps` says of the block size and of
    /// channels, rows and columns.
    fn between_axes(
        &mut self,
        node: &OnnxNode<'a>,
        steps: impl FnOnce(usize, [usize; 3]) -> (Vec<usize>, &'static [usize], [usize; 3]),
    ) -> Result<Activation, ImportError> {
        let x = self.selectable(node, 0)?;
        x.require_channels_first(node)?;
        let size = node.int("blocksize", 0)?;
        let refuse = || node.refuse(format!("blocks of {size} do not fit its input, {}", x.shape));
        let block = usize::try_from(size).ok().filter(|size| (1..1 << 16).contains(size));
        let &[Axis::Channel, Axis::Row, Axis::Column] = x.form.axes() else { return Err(refuse()) };
        let extents = [x.shape.channels, x.shape.height, x.shape.width];
        let (apart, order, joined) = steps(block.ok_or_else(refuse)?, extents);
        let view = x.viewed().reshaped(&apart).and_then(|view| view.transposed(order));
        let view = view.and_then(|view| view.reshaped(&joined)).ok_or_else(refuse)?;
        let refused = refuse();
        self.rearranged(node, x, &view)?.ok_or(refused)
    }
}
