//! Reductions over planes, rows and columns: GlobalAveragePool, ReduceMean and their kind.

use bayes8_core::graph::{Op, Window};

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Axis, Form};
use crate::onnx::builder::Builder;
use crate::onnx::evidence::{Step, Traced};
use crate::onnx::known::Known;
use crate::onnx::node::OnnxNode;

/// The reduction of a node.
struct Reduction {
    /// Its input.
    x: Activation,
    /// The planes, rows and columns that become one; `[1; 3]` if nothing changes.
    kernel: [usize; 3],
    /// Whether these are all planes, rows and columns.
    all: bool,
    /// Axes of the output.
    form: Form,
}

impl<'a> Builder<'a> {
    /// Lowers `node` to `op`, which reduces all planes, rows and columns of a picture to one value.
    pub(super) fn global_pool(
        &mut self,
        node: &OnnxNode<'a>,
        op: Op,
    ) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        x.spatial_axes(node)?;
        x.require_channels_first(node)?;
        if x.shape.spatial() == 1 {
            return Ok(x);
        }
        self.slide(node, op, &x)
    }

    /// Lowers `node`, a `what` in messages, to `global` if it reduces all planes, rows and columns,
    /// or to `windowed` if only some.
    pub(super) fn reduce(
        &mut self,
        node: &OnnxNode<'a>,
        what: &str,
        global: Op,
        windowed: impl FnOnce(Window) -> Op,
    ) -> Result<Activation, ImportError> {
        let Reduction { x, kernel, all, form } = self.reduction(node, what)?;
        let reduced = match (kernel, all) {
            ([1, 1, 1], _) => x,
            (_, true) => self.slide(node, global, &x)?,
            ([planes, rows, columns], false) => {
                let mut window = Window::new([rows, columns]);
                window.depth.kernel = planes;
                self.slide(node, windowed(window), &x)?
            }
        };
        Ok(Activation { form, ..reduced })
    }

    /// The reduction of `node`, a `what` in messages, over some or all of planes, rows and columns.
    ///
    /// # Errors
    /// When the node reduces other axes.
    fn reduction(&mut self, node: &OnnxNode<'a>, what: &str) -> Result<Reduction, ImportError> {
        let x = self.settled(node, 0)?;
        x.spatial_axes(node)?;
        let rank = x.form.rank();
        let axes = self.integers(node, 1, "axes")?.unwrap_or_default();
        if axes.is_empty() && node.int("noop_with_empty_axes", 0)? != 0 {
            return Ok(Reduction { kernel: [1; 3], all: false, form: x.form, x });
        }
        let axes = axes.iter().map(|&a| Ok(x.axis(node.axis(a, rank)?).and_then(Axis::spatial)));
        let axes = axes.collect::<Result<Vec<_>, ImportError>>()?;
        if axes.is_empty() || axes.contains(&None) {
            let reason = format!("only a {what} over axes after the channels is supported");
            return Err(node.refuse(reason));
        }
        let extents = x.shape.axes();
        let kernel = [0, 1, 2].map(|i| if axes.contains(&Some(i)) { extents[i] } else { 1 });
        let keeps = node.int("keepdims", 1)? != 0;
        // Axes of extent 1 outside of the reduction stay, too.
        let left = x.form.axes().iter().filter(|axis| !axes.contains(&axis.spatial()));
        let form = match left.collect::<Vec<_>>().as_slice() {
            _ if keeps => x.form,
            [Axis::Channel] => Form::Vector,
            [] => return Err(node.refuse(format!("a {what} over all axes leaves no channels"))),
            _ => {
                return Err(node.refuse(format!(
                    "a {what} that leaves other axes must keep those that it is over (keepdims = 1)"
                )));
            }
        };
        Ok(Reduction { all: kernel == extents, x, kernel, form })
    }
}

/// If only one axis after the batch is left out of the reduction, it holds the channels.
pub(super) fn trace(node: &OnnxNode<'_>, axes: &[Traced], known: &Known<'_, '_>) -> Option<Step> {
    let axes = axes.len();
    let gone = known.operand(node, 1, "axes")?;
    let gone =
        gone.iter().map(|&axis| node.axis(axis, axes + 1).ok()).collect::<Option<Vec<_>>>()?;
    let mut kept = (0..axes).filter(|axis| !gone.contains(&(axis + 1)));
    let only = kept.next()?;
    (kept.next().is_none() && !gone.contains(&0)).then_some(Step::Channels(only))
}
