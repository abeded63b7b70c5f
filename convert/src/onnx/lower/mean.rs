//! Means over planes, rows and columns.

use bayes8_core::graph::{Op, Window};
use bayes8_core::ops::AveragePool;

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Axis, Form};
use crate::onnx::builder::Builder;
use crate::onnx::evidence::{Step, Traced, channels_first};
use crate::onnx::known::Known;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("GlobalAveragePool", &[])
        .lower(|builder, node| builder.global_average_pool(node))
        .trace(channels_first),
    Operator::new("ReduceMean", &["axes", "keepdims", "noop_with_empty_axes"])
        .lower(|builder, node| builder.reduce_mean(node))
        .trace(left),
];

impl<'a> Builder<'a> {
    fn global_average_pool(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        x.spatial_axes(node)?;
        x.require_channels_first(node)?;
        if x.shape.spatial() == 1 {
            return Ok(x);
        }
        self.slide(node, Op::GlobalAveragePool, &x)
    }

    /// A mean over some or all of planes, rows and columns.
    fn reduce_mean(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        x.spatial_axes(node)?;
        let rank = x.form.rank();
        let axes = self.integers(node, 1, "axes")?.unwrap_or_default();
        if axes.is_empty() && node.int("noop_with_empty_axes", 0)? != 0 {
            return Ok(x);
        }
        let axes = axes.iter().map(|&a| Ok(x.axis(node.axis(a, rank)?).and_then(Axis::spatial)));
        let axes = axes.collect::<Result<Vec<_>, ImportError>>()?;
        if axes.is_empty() || axes.contains(&None) {
            return Err(node.refuse("only a mean over axes behind the channels is supported"));
        }
        let extents = x.shape.axes();
        let kernel = [0, 1, 2].map(|i| if axes.contains(&Some(i)) { extents[i] } else { 1 });
        let all = kernel == extents;
        let keeps = node.int("keepdims", 1)? != 0;
        // Axes of extent 1 stay, too, where the mean is not over them.
        let left = x.form.axes().iter().filter(|axis| !axes.contains(&axis.spatial()));
        let form = match left.collect::<Vec<_>>().as_slice() {
            _ if keeps => x.form,
            [Axis::Channel] => Form::Vector,
            [] => return Err(node.refuse("a mean over all axes leaves no channels")),
            _ => {
                return Err(node.refuse(
                    "a mean that leaves other axes must keep those that it is over (keepdims = 1)",
                ));
            }
        };
        let mean = match (kernel, all) {
            ([1, 1, 1], _) => x,
            (_, true) => self.slide(node, Op::GlobalAveragePool, &x)?,
            ([planes, rows, columns], false) => {
                let mut window = Window::new([rows, columns]);
                window.depth.kernel = planes;
                self.slide(
                    node,
                    Op::AveragePool(AveragePool { window, count_include_pad: false }),
                    &x,
                )?
            }
        };
        Ok(Activation { form, ..mean })
    }
}

/// The only axis after the batch that the mean is not over holds the channels.
fn left(node: &OnnxNode<'_>, axes: &[Traced], known: &Known<'_, '_>) -> Option<Step> {
    let axes = axes.len();
    let gone = known.operand(node, 1, "axes")?;
    let gone =
        gone.iter().map(|&axis| node.axis(axis, axes + 1).ok()).collect::<Option<Vec<_>>>()?;
    let mut kept = (0..axes).filter(|axis| !gone.contains(&(axis + 1)));
    let only = kept.next()?;
    (kept.next().is_none() && !gone.contains(&0)).then_some(Step::Channels(only))
}
