//! Sliding windows of nodes, and the zero borders that they take up.

use bayes8_core::{
    graph::{MAX_ELEMENTS, Op, Padding, Window, WindowAxis},
    quoted::Echo,
};

use super::{
    activation::{Activation, Pending},
    builder::Builder,
    node::OnnxNode,
};
use crate::error::ImportError;

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
    /// its kernel, if it has one.
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

    pub(super) fn slide(
        &mut self,
        node: &OnnxNode<'a>,
        op: Op,
        x: &Activation,
    ) -> Result<Activation, ImportError> {
        let value = self.push(node.name, op, vec![x.value])?;
        Ok(Activation::new(value, x.form, self.graph.shape(value)))
    }
}

/// The sliding of a node: kernel, stride and dilation along planes, rows and columns. Along an axis
/// that the node's input does not have, the window is one.
pub(super) struct Sliding {
    /// Axes of the node's input after its channels.
    spatial: usize,
    kernel: [usize; 3],
    pub(super) stride: [usize; 3],
    dilation: [usize; 3],
}

impl Sliding {
    /// Reads the attributes of a node over `spatial` axes; `weights` are the extents of its kernel,
    /// if it has one.
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

    /// The same window with stride 1.
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
