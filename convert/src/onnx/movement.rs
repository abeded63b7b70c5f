//! Nodes that only move numbers: slices, borders, concatenation, other shapes of the same.

use bayes8_core::graph::{MAX_ELEMENTS, Op, Padding, Range, Shape};
use bayes8_core::ops::PadChannels;

use super::{
    ImportError,
    activation::{Activation, Axis, Form, Pending},
    builder::Builder,
    channels::split_axes,
    constant::slice_axis,
    node::OnnxNode,
    shapes::{SliceCut, flatten_shape, resolve_reshape, squeeze_shape},
};

impl<'a> Builder<'a> {
    /// A slice stays pending, so that one of rows and one of columns become one.
    pub(super) fn slice(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let mut x = self.activation(node, 0)?;
        if matches!(x.pending, Pending::Border { .. } | Pending::Function { .. }) {
            x = self.settled(node, 0)?;
        }
        let starts = self.integers(node, 1, "starts")?;
        let ends = self.integers(node, 2, "ends")?;
        let (Some(starts), Some(ends)) = (starts, ends) else {
            return Err(node.refuse("no bounds"));
        };
        let (axes, steps) = (self.integers(node, 3, "axes")?, self.integers(node, 4, "steps")?);
        let rank = x.dimensions(self.batch).len();
        let cuts = SliceCut::list(node, rank, &starts, &ends, axes.as_deref(), steps.as_deref())?;
        self.cut(node, x, &cuts)
    }

    /// Parts of the axes of `x`, on which nothing but a slice or a selection of channels is pending.
    pub(super) fn cut(
        &mut self,
        node: &OnnxNode<'a>,
        mut x: Activation,
        cuts: &[SliceCut],
    ) -> Result<Activation, ImportError> {
        let dimensions = x.dimensions(self.batch);
        for cut in cuts {
            let extent = dimensions[cut.axis];
            let taken = slice_axis(extent, cut.start, cut.end, cut.step);
            let (start, count) = taken.filter(|&(_, count)| count > 0).ok_or_else(|| {
                node.refuse(format!("it takes nothing of axis {} of extent {extent}", cut.axis))
            })?;
            match x.axis(cut.axis) {
                _ if count == extent && cut.step > 0 => {}
                None => return Err(node.refuse("the batch cannot be sliced")),
                Some(Axis::Channel) => {
                    if !matches!(x.pending, Pending::Nothing | Pending::Channels { .. }) {
                        x = self.settle(x)?;
                    }
                    let place = |i: usize| start as i64 + i as i64 * cut.step;
                    x = x.selecting(node.name, |order| {
                        (0..count).map(|i| order[place(i) as usize]).collect()
                    });
                }
                Some(_) if cut.step < 1 => {
                    return Err(node.refuse(format!("step {} is not supported", cut.step)));
                }
                Some(axis) => {
                    if !matches!(x.pending, Pending::Nothing | Pending::Slice { .. }) {
                        x = self.settle(x)?;
                    }
                    x = self.sliced(node, x, axis, (start, count, cut.step as usize));
                }
            }
        }
        Ok(x)
    }

    /// Every `step`th of `count` planes, rows or columns from `start` on.
    fn sliced(
        &self,
        node: &OnnxNode<'a>,
        mut x: Activation,
        axis: Axis,
        (start, count, step): (usize, usize, usize),
    ) -> Activation {
        let Some(axis) = axis.spatial() else { return x };
        let below = self.graph.shape(x.value);
        let mut ranges = match x.pending {
            Pending::Slice { ranges, .. } => ranges,
            _ => below.axes().map(Range::whole),
        };
        let range = &mut ranges[axis];
        let step = if count > 1 { range.step * step } else { 1 };
        let start = range.start + start * range.step;
        *range = Range { start, end: start + (count - 1) * step + 1, step };
        let Shape { depth, height, width, .. } = &mut x.shape;
        *[depth, height, width][axis] = count;
        x.pending = Pending::Slice { node: node.name.into(), ranges };
        x
    }

    /// Zeros around rows and columns stay pending until a window takes them up; zero channels are
    /// a node.
    pub(super) fn pad(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        if !matches!(node.string("mode")?, None | Some("constant")) {
            return Err(node.refuse("only constant padding is supported"));
        }
        let fill = self.constant(node, 2)?;
        let zero = |v: &[f32]| v.iter().all(|&x| x == 0.0);
        // Before operator set 11, an attribute.
        let attribute = node.float("value", 0.0)?;
        if attribute != 0.0 || fill.is_some_and(|fill| !fill.floats().is_some_and(zero)) {
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

    pub(super) fn concat(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        if let Some(joined) = self.concat_of_one(node)? {
            return Ok(joined);
        }
        let mut parts = Vec::new();
        for i in 0..node.proto.input.len() {
            parts.push(self.settled(node, i)?);
        }
        let first = parts.first().cloned().ok_or_else(|| node.refuse("no inputs"))?;
        if first.axis(node.axis(node.int("axis", 0)?, first.form.rank())?) != Some(Axis::Channel) {
            return Err(node.refuse("only channels can be concatenated"));
        }
        if parts.len() == 1 {
            return Ok(first);
        }
        for part in &parts {
            if part.form != first.form {
                return Err(node.refuse("cannot concatenate values of different numbers of axes"));
            }
            if part.flattened.is_some() {
                return Err(node.refuse("cannot concatenate a flattened picture"));
            }
        }
        let inputs = parts.iter().map(|part| part.value).collect();
        let value = self.push(node.name, Op::Concat, inputs)?;
        Ok(Activation::new(value, first.form, self.graph.shape(value)))
    }

    /// Flatten, Reshape, Squeeze, Unsqueeze: to `[n, features]`, and between the forms of a value
    /// whose axes before the last are 1: `[n, C]`, `[n, C, L]`, `[n, C, 1, L]`.
    pub(super) fn reshape(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.activation(node, 0)?;
        let from = x.dimensions(self.batch);
        let to = match node.op {
            "Flatten" => flatten_shape(node, &from)?,
            "Reshape" => {
                let target = self.integers(node, 1, "shape")?;
                let target = target.ok_or_else(|| node.refuse("no target shape"))?;
                resolve_reshape(node, &from, &target)?
            }
            _ => squeeze_shape(node, &from, self.integers(node, 1, "axes")?.as_deref())?,
        };
        if to == from {
            return Ok(x);
        }
        let stays = !matches!(x.pending, Pending::Border { .. } | Pending::Slice { .. });
        let flattens = to.len() == 2 && x.shape.spatial() > 1;
        let x = if stays && !flattens { x } else { self.settled(node, 0)? };
        self.reshaped(node, x, &to)
    }

    /// `x` seen with the axes `to`, batch first.
    pub(super) fn reshaped(
        &mut self,
        node: &OnnxNode<'a>,
        mut x: Activation,
        to: &[usize],
    ) -> Result<Activation, ImportError> {
        let from = x.dimensions(self.batch);
        // Axes of 1 come and go, and nothing changes but the name. Numbers keep their order if channels
        // stay before or behind the others, or where only one of the two is there.
        x.split = None;
        let one_kind = x.shape.spatial() == 1 || x.shape.channels == 1;
        let is = |form: &Form| {
            (one_kind || form.is_channels_last() == x.form.is_channels_last())
                && form.dimensions(self.batch, x.shape) == to
        };
        let form = Form::ALL.into_iter().find(is).filter(|_| x.flattened.is_none());
        if !matches!(x.pending, Pending::Function { .. } | Pending::Channels { .. }) {
            x = self.settle(x)?;
        }
        if let Some(form) = form {
            return Ok(Activation { form, ..x });
        }
        match (x.form, to) {
            (form, &[n, features]) if form != Form::Vector && n == self.batch => {
                x = self.settle(x)?;
                let value = self.push(node.name, Op::Flatten, vec![x.value])?;
                let shape = Shape::vector(features);
                let vector = Activation::new(value, Form::Vector, shape);
                let reordered = !one_kind && !form.is_channels_last();
                let flattened = reordered.then_some(x.shape);
                Ok(Activation { flattened, bytes: x.bytes, ..vector })
            }
            _ => match split_axes(&x, self.batch, to) {
                Some(split) => Ok(Activation { split: Some(split), ..x }),
                None => Err(node.refuse(format!("reshaping {from:?} to {to:?} is not supported"))),
            },
        }
    }

    pub(super) fn dropout(&self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let training = self.integers(node, 2, "training_mode")?.unwrap_or_default();
        if training.iter().any(|&t| t != 0) {
            return Err(node.refuse("it is in training mode"));
        }
        self.activation(node, 0)
    }

    /// A softmax over classes; the network's output are the logits before it.
    pub(super) fn softmax(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        let default = if self.operator_set < 13 { 1 } else { -1 };
        let rank = x.form.rank();
        let axis = node.axis(node.int("axis", default)?, rank)?;
        // Before operator set 13, over all axes from `axis` on.
        let last = if self.operator_set < 13 { rank } else { axis + 1 };
        let over_channels = axis > 0 && (axis..last).any(|i| x.axis(i) == Some(Axis::Channel));
        if !over_channels || x.shape.spatial() != 1 {
            return Err(node.refuse("only a softmax over classes is supported"));
        }
        Ok(Activation { softmax: true, logarithm: node.op == "LogSoftmax", ..x })
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
