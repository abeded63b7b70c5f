//! Nodes that slide a window, and the zero borders that they take up.

use bayes8_core::ops::{AveragePool, MaxPool};
use bayes8_core::{
    echo::Echo,
    graph::{MAX_ELEMENTS, Op, Padding, Value, Window, WindowAxis},
};

use super::{
    ImportError,
    activation::{Activation, Axis, Form, Pending},
    builder::Builder,
    node::OnnxNode,
};

impl<'a> Builder<'a> {
    /// Input `i` without its pending border, and that border.
    pub(super) fn bordered(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
    ) -> Result<(Activation, Padding), ImportError> {
        let mut x = self.activation(node, i)?;
        x.spatial_axes(node)?;
        x.require_channels_first(node)?;
        let Pending::Border { padding, .. } = x.pending else {
            return Ok((self.settled(node, i)?, Padding::default()));
        };
        x.pending = Pending::Nothing;
        x.shape = self.graph.shape(x.value);
        Ok((x, padding))
    }

    /// The window of a node over `x` with a border of zeros around it; `weights` are the extents of
    /// its kernel, where it has one.
    pub(super) fn window(
        &self,
        node: &OnnxNode<'a>,
        x: &Activation,
        border: Padding,
        weights: Option<&[usize]>,
    ) -> Result<Window, ImportError> {
        let sliding = Sliding::new(node, x.spatial_axes(node)?, weights)?;
        let extents = x.shape.padded(&border).axes();
        let pads = match node.string("auto_pad")? {
            None | Some("" | "NOTSET") => sliding.pads(node)?,
            Some("VALID") => [[0; 2]; 3],
            Some(same @ ("SAME_UPPER" | "SAME_LOWER")) => [0, 1, 2].map(|i| {
                let total = sliding.same(i, extents[i]);
                let (less, more) = (total / 2, total - total / 2);
                if same == "SAME_UPPER" { [less, more] } else { [more, less] }
            }),
            Some(other) => {
                return Err(node.refuse(format!("auto_pad {} is not supported", Echo(other))));
            }
        };
        let border = border.axes();
        let before_and_after = |i: usize| [0, 1].map(|end| pads[i][end] + border[i][end]);
        Ok(sliding.window([0, 1, 2].map(before_and_after)))
    }

    pub(super) fn max_pool(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let (mut x, mut border) = self.bordered(node, 0)?;
        // A border of zeros equals padding that never wins only where no value is negative.
        if border != Padding::default() && !self.non_negative(x.value) {
            (x, border) = (self.settled(node, 0)?, Padding::default());
        }
        let window = self.window(node, &x, border, None)?;
        let window = with_ceil_mode(node, &x, window)?;
        self.slide(node, Op::MaxPool(MaxPool { window }), &x)
    }

    pub(super) fn average_pool(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let (x, border) = self.bordered(node, 0)?;
        let mut window = self.window(node, &x, border, None)?;
        let mut count_include_pad = node.int("count_include_pad", 0)? != 0;
        let whole = with_ceil_mode(node, &x, window)?;
        if whole != window && (count_include_pad || border != Padding::default()) {
            return Err(node.refuse(
                "ceil_mode is not supported where padding counts and the output's shape changes",
            ));
        }
        if border != Padding::default() && !count_include_pad {
            // The border always counts; the node's own padding would not.
            if window.padding != border {
                return Err(node.refuse("cannot tell its padding from the border of a Pad"));
            }
            count_include_pad = true;
        }
        window = whole;
        // As adaptive pooling is exported where it changes nothing.
        if window == Window::new([1, 1]) {
            return Ok(x);
        }
        self.slide(node, Op::AveragePool(AveragePool { window, count_include_pad }), &x)
    }

    pub(super) fn global_average_pool(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        x.spatial_axes(node)?;
        x.require_channels_first(node)?;
        if x.shape.spatial() == 1 {
            return Ok(x);
        }
        self.slide(node, Op::GlobalAveragePool, &x)
    }

    /// A mean over some or all of planes, rows and columns.
    pub(super) fn reduce_mean(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
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

    fn slide(
        &mut self,
        node: &OnnxNode<'a>,
        op: Op,
        x: &Activation,
    ) -> Result<Activation, ImportError> {
        let value = self.push(node.name, op, vec![x.value])?;
        Ok(Activation::new(value, x.form, self.graph.shape(value)))
    }

    /// Whether a clamp keeps every element of `value` at or above zero.
    fn non_negative(&self, mut value: Value) -> bool {
        loop {
            let Value::Node(n) = value else { return false };
            let node = &self.graph.nodes()[n];
            match node.inputs.first() {
                _ if self.clamps[n].min >= 0.0 => return true,
                Some(&input) if node.op.only_moves() => value = input,
                _ => return false,
            }
        }
    }
}

/// How a node slides: kernel, stride and dilation along planes, rows and columns. An axis that the
/// node's input does not have is slid over by a window of one.
pub(super) struct Sliding {
    /// Axes of the node's input after its channels.
    spatial: usize,
    kernel: [usize; 3],
    pub(super) stride: [usize; 3],
    dilation: [usize; 3],
}

impl Sliding {
    /// Reads the attributes of a node over `spatial` axes; `weights` are the extents of its kernel,
    /// where it has one.
    pub(super) fn new(
        node: &OnnxNode<'_>,
        spatial: usize,
        weights: Option<&[usize]>,
    ) -> Result<Self, ImportError> {
        let list = |name: &str| match node.ints(name)? {
            None => Ok(None),
            Some(list) if list.len() == spatial => {
                let extents = list.iter().map(|&n| extent(node, name, n));
                Ok(Some(extents.collect::<Result<Vec<_>, _>>()?))
            }
            Some(list) => Err(node.refuse(format!(
                "`{name}` holds {} numbers for {spatial} axes after the channels",
                list.len()
            ))),
        };
        let kernel = match (list("kernel_shape")?, weights) {
            (Some(kernel), Some(weights)) if kernel != weights => {
                return Err(node.refuse("`kernel_shape` is not that of the weights"));
            }
            (None, Some(weights)) => weights.to_vec(),
            (Some(kernel), _) => kernel,
            (None, None) => return Err(node.refuse("it has no `kernel_shape`")),
        };
        let align = |list: Vec<usize>| {
            let mut axes = [1; 3];
            axes[3 - list.len()..].copy_from_slice(&list);
            axes
        };
        let kernel = align(kernel);
        let stride = align(list("strides")?.unwrap_or_default());
        let dilation = align(list("dilations")?.unwrap_or_default());
        if [kernel, stride, dilation].as_flattened().contains(&0) {
            return Err(node.refuse("kernel, strides and dilations must be positive"));
        }
        Ok(Self { spatial, kernel, stride, dilation })
    }

    /// The attribute `pads`, before and after each axis.
    pub(super) fn pads(&self, node: &OnnxNode<'_>) -> Result<[[usize; 2]; 3], ImportError> {
        let mut axes = [[0; 2]; 3];
        let Some(pads) = node.ints("pads")? else { return Ok(axes) };
        if pads.len() != 2 * self.spatial {
            return Err(node.refuse(format!("`pads` must hold {} numbers", 2 * self.spatial)));
        }
        let (before, after) = pads.split_at(self.spatial);
        for ((axis, &before), &after) in axes[3 - self.spatial..].iter_mut().zip(before).zip(after)
        {
            *axis = [extent(node, "pads", before)?, extent(node, "pads", after)?];
        }
        Ok(axes)
    }

    /// The same, one position at a time.
    pub(super) fn with_stride_1(self) -> Self {
        Self { stride: [1; 3], ..self }
    }

    /// Positions between the first and the last tap along axis `i`.
    pub(super) fn reach(&self, i: usize) -> usize {
        (self.kernel[i] - 1) * self.dilation[i]
    }

    /// Total padding that keeps `ceil(extent / stride)` outputs along axis `i`.
    fn same(&self, i: usize, extent: usize) -> usize {
        let outputs = extent.div_ceil(self.stride[i]);
        let reach = (outputs - 1) * self.stride[i] + self.reach(i) + 1;
        reach.saturating_sub(extent)
    }

    /// The window with this padding before and after each axis.
    pub(super) fn window(&self, padding: [[usize; 2]; 3]) -> Window {
        let axis = |i: usize| {
            let [before, after] = padding[i];
            let (kernel, stride, dilation) = (self.kernel[i], self.stride[i], self.dilation[i]);
            WindowAxis { kernel, stride, dilation, before, after }
        };
        [0, 1, 2].map(axis).into()
    }
}

/// A geometric number of a node, bounded so that sums and products of two cannot overflow.
pub(super) fn extent(node: &OnnxNode<'_>, name: &str, n: i64) -> Result<usize, ImportError> {
    let extent = usize::try_from(n).ok().filter(|&n| n <= MAX_ELEMENTS);
    extent.ok_or_else(|| node.refuse(format!("`{name}` holds {n}")))
}

/// `window` with the padding at the ends that `ceil_mode` takes for another plane, row or column.
fn with_ceil_mode(
    node: &OnnxNode<'_>,
    x: &Activation,
    window: Window,
) -> Result<Window, ImportError> {
    let mut axes = window.axes();
    if node.int("ceil_mode", 0)? == 0 {
        return Ok(window);
    }
    for (axis, extent) in axes.iter_mut().zip(x.shape.axes()) {
        let steps = (extent + axis.before + axis.after).saturating_sub(axis.reach() + 1);
        // A further window must begin before the padding at the end.
        let next = (steps / axis.stride + 1) * axis.stride;
        if !steps.is_multiple_of(axis.stride) && next < extent + axis.before {
            axis.after = next + axis.reach() + 1 - (extent + axis.before);
        }
    }
    Ok(axes.into())
}
