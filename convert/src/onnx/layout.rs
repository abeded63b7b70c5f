//! The two orders of a picture's axes: PyTorch's `[n, C, H, W]` and TensorFlow's `[n, H, W, C]`.

use std::collections::HashSet;

use super::{
    ImportError,
    activation::{Activation, Axis, Form},
    builder::Builder,
    node::OnnxNode,
};

/// Whether the four-dimensional input `input` is `[n, H, W, C]`: its shape does not say so, but
/// exporters of TensorFlow bring it to `[n, C, H, W]` before the first window slides over it. A
/// reshape to `[n, 1, H, W]`, their transposition of a picture of one channel, has `extents` of
/// `[H, W, 1]`; `constant` finds the integers of a constant.
pub(super) fn is_channels_last(
    nodes: &[OnnxNode<'_>],
    input: &str,
    extents: &[usize],
    constant: impl Fn(&str) -> Option<Vec<i64>>,
) -> bool {
    let mut alike = HashSet::from([input]);
    for node in nodes {
        if !node.proto.input.iter().any(|name| alike.contains(name.as_str())) {
            continue;
        }
        match node.op {
            "Transpose" => return matches!(node.ints("perm"), Ok(Some([0, 3, 1, 2]))),
            "Reshape" => {
                let target = node.input(1).and_then(&constant);
                let same = |target: i64, extent: usize| usize::try_from(target) == Ok(extent);
                return matches!(
                    (target.as_deref(), extents),
                    (Some(&[_, 1, h, w]), &[height, width, 1]) if same(h, height) && same(w, width)
                );
            }
            "Shape" => {}
            // Order makes no difference to these.
            "Add" | "Sub" | "Mul" | "Div" | "Min" | "Max" | "Clip" | "Relu" | "Neg" | "Tanh"
            | "Sigmoid" | "Pad" | "Cast" | "Identity" | "Dropout" => {
                alike.extend(node.proto.output.iter().map(String::as_str));
            }
            _ => return false,
        }
    }
    false
}

impl<'a> Builder<'a> {
    /// Another order of a picture's axes. The graph keeps its own, so that nothing moves.
    pub(super) fn transpose(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.activation(node, 0)?;
        let rank = x.dimensions(self.batch).len();
        let order = match node.ints("perm")? {
            Some(perm) => {
                perm.iter().map(|&a| node.axis(a, rank)).collect::<Result<Vec<_>, _>>()?
            }
            None => (0..rank).rev().collect(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..rank) {
            return Err(node.refuse("`perm` is not a permutation of the axes"));
        }
        if order.iter().copied().eq(0..rank) {
            return Ok(x);
        }
        if let Some(shuffled) = self.shuffle(node, &order)? {
            return Ok(shuffled);
        }
        let axes: Vec<Option<Axis>> = order.iter().map(|&axis| x.axis(axis)).collect();
        let is = |form: &Form| match axes.split_first() {
            Some((None, axes)) => axes.iter().flatten().eq(form.axes()),
            _ => false,
        };
        match [Form::Picture, Form::ChannelsLast].into_iter().find(is) {
            Some(form) => Ok(Activation { form, ..x }),
            None => Err(node.refuse(format!(
                "permutes the axes by {order:?}; only [n, C, H, W] and [n, H, W, C] can be exchanged"
            ))),
        }
    }
}
