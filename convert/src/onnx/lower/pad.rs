//! Pad, with zeros or the value's own elements.

use bayes8_core::graph::{MAX_ELEMENTS, Op, Padding};
use bayes8_core::ops::PadChannels;
use bayes8_core::quoted::Echo;

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Axis, Pending};
use crate::onnx::border::Border;
use crate::onnx::builder::Builder;
use crate::onnx::evidence::resized;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[Operator::new("Pad", &["mode", "pads", "value"])
    .lower(|builder, node| builder.pad(node))
    .trace(resized)];

impl<'a> Builder<'a> {
    /// Zeros around rows and columns stay pending until a window takes them up; zero channels
    /// become a node.
    fn pad(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let own = match node.string("mode")? {
            None | Some("constant") => None,
            Some("edge") => Some(Border::Edge),
            Some("reflect") => Some(Border::Reflect),
            Some("wrap") => Some(Border::Wrap),
            Some(mode) => {
                return Err(node.refuse(format!("mode {} is not supported", Echo(mode))));
            }
        };
        let fill = self.constant(node, 2)?;
        let zero = |v: &[f32]| v.iter().all(|&x| x == 0.0);
        // An attribute before operator set 11.
        let attribute = node.float("value", 0.0)?;
        let is_zero = attribute == 0.0 && fill.is_none_or(|fill| fill.floats().is_some_and(zero));
        if own.is_none() && !is_zero {
            return Err(node.refuse("only padding with 0.0 is supported"));
        }
        let mut x = self.activation(node, 0)?;
        if !matches!(x.pending, Pending::Nothing | Pending::Border { .. }) {
            x = self.settled(node, 0)?;
        }
        x.spatial_axes(node)?;
        let rank = x.form.rank();
        let pads = self.integers(node, 1, "pads")?.ok_or_else(|| node.refuse("no pads"))?;
        let axes = match self.integers(node, 3, "axes")? {
            Some(axes) => {
                axes.iter().map(|&a| node.axis(a, rank)).collect::<Result<Vec<_>, _>>()?
            }
            None => (0..rank).collect(),
        };
        if pads.len() != 2 * axes.len() {
            return Err(node.refuse(format!("{} pads for {} axes", pads.len(), axes.len())));
        }
        let (mut border, mut channels) = ([[0; 2]; 3], [0; 2]);
        for (i, &axis) in axes.iter().enumerate() {
            let extent = |n: i64| match usize::try_from(n) {
                Ok(n) if n <= MAX_ELEMENTS => Ok(n),
                _ => Err(node.refuse(format!("`pads` holds {n}"))),
            };
            let ends = [extent(pads[i])?, extent(pads[i + axes.len()])?];
            match x.axis(axis).map(Axis::spatial) {
                Some(Some(axis)) => border[axis] = ends,
                Some(None) => channels = ends,
                None if ends != [0; 2] => return Err(node.refuse("pads the batch")),
                None => {}
            }
        }
        if let Some(own) = own
            && (border, channels) != ([[0; 2]; 3], [0; 2])
        {
            let x = self.settle(x)?;
            let bordered =
                self.bordered_by(node.name, x, own, border)?.filter(|_| channels == [0; 2]);
            return bordered.ok_or_else(|| {
                node.refuse("only borders of planes, rows and columns that are not longer than the value are supported")
            });
        }
        if channels != [0; 2] {
            let [before, after] = channels;
            let op = Op::PadChannels(PadChannels { before, after });
            x.value = self.push(node.name, op, vec![x.value])?;
            x.shape.channels = self.graph.shape(x.value).channels;
        }
        let border = Padding::from(border);
        if border != Padding::default() {
            x = widened(x, border, node);
        }
        // Shapes of what is pending must not overflow, either.
        let extents = x.shape.axes().into_iter().chain([x.shape.channels]);
        match extents.into_iter().try_fold(1usize, usize::checked_mul) {
            Some(1..=MAX_ELEMENTS) => Ok(x),
            _ => Err(node.refuse("its output is too large")),
        }
    }
}

/// `x` with a further border of zeros.
fn widened(mut x: Activation, border: Padding, node: &OnnxNode<'_>) -> Activation {
    x.shape = x.shape.padded(&border);
    let inner = match x.pending {
        Pending::Border { padding, .. } => padding,
        _ => Padding::default(),
    };
    let (border, inner) = (border.axes(), inner.axes());
    let ends = |i: usize| [0, 1].map(|end| border[i][end] + inner[i][end]);
    let padding = [0, 1, 2].map(ends).into();
    x.pending = Pending::Border { node: node.name.into(), padding };
    x
}
