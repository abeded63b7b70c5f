//! Channels in another order, and some of them: Gather, Split, and the Reshape, Transpose and Reshape
//! of a channel shuffle.
//!
//! Which channels, and in what order, stays pending, so that one such node after the other is one
//! selection. A convolution or matrix that reads all channels has its weights in their order instead;
//! any other reader gets them from a 1x1 convolution whose weights are 0 and 1, and whose output is on
//! its input's grid, so that INT8 codes pass as they are.

use std::rc::Rc;

use bayes8_core::graph::{Op, Value, Window};
use bayes8_core::ops::Conv2d;

use super::{
    ImportError,
    activation::{Activation, Axis, Form, Pending, Split},
    builder::{Builder, Slot},
    constant::{Constant, Strided, strides},
    node::OnnxNode,
    shapes::SliceCut,
};
use crate::network::{Gaussian, LayerParameters};

impl Activation {
    /// The graph's channel of each of ONNX's channels.
    pub(super) fn order(&self) -> Vec<usize> {
        match &self.pending {
            Pending::Channels { order, .. } => order.clone(),
            _ => {
                let all: Vec<usize> = (0..self.shape.channels).collect();
                // From the graph's order to ONNX's: where each is, inverted.
                let mut order = vec![0; all.len()];
                for (graph, onnx) in self.onnx_features(&all).into_iter().enumerate() {
                    order[onnx] = graph;
                }
                order
            }
        }
    }

    fn onnx_features(&self, all: &[usize]) -> Vec<usize> {
        self.feature_order().gather(all)
    }

    /// This, of which `node` selects channels: `pick` has ONNX's channels, as the graph's numbers, to
    /// choose from. Nothing but a selection may be pending.
    pub(super) fn selecting(
        mut self,
        node: &str,
        pick: impl FnOnce(Vec<usize>) -> Vec<usize>,
    ) -> Self {
        let before = self.order();
        let order = pick(before.clone());
        if order != before {
            self.shape.channels = order.len();
            self.flattened = None;
            self.pending = Pending::Channels { node: node.into(), order };
        }
        self
    }
}

impl<'a> Builder<'a> {
    /// Input `i` with nothing but a selection of channels pending.
    pub(super) fn selectable(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
    ) -> Result<Activation, ImportError> {
        self.settled_unless(node, i, |pending| matches!(pending, Pending::Channels { .. }))
    }

    /// The channels `order` of `value`: a convolution that copies each.
    pub(super) fn push_selection(
        &mut self,
        name: &str,
        order: &[usize],
        value: Value,
    ) -> Result<Value, ImportError> {
        let channels = self.graph.shape(value).channels;
        self.budget.charge(name, channels.saturating_mul(order.len()))?;
        let mut mean = vec![0.0; channels * order.len()];
        for (row, &channel) in mean.chunks_exact_mut(channels).zip(order) {
            row[channel] = 1.0;
        }
        let op = Op::Conv2d(Conv2d {
            out_channels: order.len(),
            groups: 1,
            window: Window::new([1, 1]),
        });
        let layer = LayerParameters { weight: Gaussian::deterministic(mean), bias: None };
        self.push_layer(name, op, vec![value], Some(layer))
    }

    /// Where an order of all channels is pending on input 0: it without that, and `weight`, whose
    /// axis `axis` counts the channels, in the graph's order.
    pub(super) fn take_order(
        &mut self,
        node: &OnnxNode<'a>,
        weight: &Constant,
        axis: usize,
    ) -> Result<Option<(Activation, Rc<Constant>)>, ImportError> {
        let x = self.activation(node, 0)?;
        let Pending::Channels { order, .. } = &x.pending else { return Ok(None) };
        let channels = self.graph.shape(x.value).channels;
        let mut positions = vec![usize::MAX; channels];
        for (onnx, &graph) in order.iter().enumerate() {
            positions[graph] = onnx;
        }
        let all = order.len() == channels && !positions.contains(&usize::MAX);
        if !all || weight.shape.get(axis) != Some(&channels) {
            return Ok(None);
        }
        self.budget.check(node.name, weight.data.len())?;
        let weight = Rc::new(weight.taken(axis, &positions));
        Ok(Some((Activation { pending: Pending::Nothing, ..x }, weight)))
    }

    /// Channels in any order, or rows, columns or planes that a slice can take; without its axis
    /// where there is one index that is no list.
    pub(super) fn gather(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
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

    /// The outputs of a Split: parts of the channels, or of rows, columns or planes.
    pub(super) fn split(&mut self, node: &OnnxNode<'a>) -> Result<Vec<Slot>, ImportError> {
        let x = self.selectable(node, 0)?;
        let dimensions = x.dimensions(self.batch);
        let axis = node.axis(node.int("axis", 0)?, dimensions.len())?;
        let (extent, outputs) = (dimensions[axis], node.proto.output.len());
        let lengths: Vec<usize> = match self.integers(node, 1, "split")? {
            Some(lengths) => {
                // What is negative does not add up to the extent.
                lengths.iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect()
            }
            // Parts of different lengths are what `num_outputs` brought.
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

    /// The Concat of parts of the channels of one value, where the inputs are such parts: another
    /// selection of them.
    pub(super) fn concat_of_one(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Option<Activation>, ImportError> {
        let (mut joined, mut first): (Vec<usize>, Option<Activation>) = (Vec::new(), None);
        for i in 0..node.proto.input.len() {
            if self.is_constant(node, i) {
                return Ok(None);
            }
            let part = self.activation(node, i)?;
            if !matches!(part.pending, Pending::Channels { .. }) || part.split.is_some() {
                return Ok(None);
            }
            joined.extend(part.order());
            match &first {
                Some(first) if first.value != part.value || first.form != part.form => {
                    return Ok(None);
                }
                Some(_) => {}
                None => first = Some(part),
            }
        }
        let Some(first) = first else { return Ok(None) };
        let rank = first.dimensions(self.batch).len();
        if first.axis(node.axis(node.int("axis", 0)?, rank)?) != Some(Axis::Channel) {
            return Ok(None);
        }
        Ok(Some(first.selecting(node.name, |_| joined)))
    }

    /// Channels split into groups, seen in another order: `None` where `x` is not split.
    pub(super) fn shuffle(
        &mut self,
        node: &OnnxNode<'a>,
        order: &[usize],
    ) -> Result<Option<Activation>, ImportError> {
        if self.activation(node, 0)?.split.is_none() {
            return Ok(None);
        }
        let x = self.selectable(node, 0)?;
        let Some(Split { extents, channels }) = x.split.clone() else { return Ok(None) };
        // Behind the batch.
        let axes: Vec<usize> = order.iter().map(|axis| axis.wrapping_sub(1)).collect();
        let [batch, axes @ ..] = axes.as_slice() else { return Ok(None) };
        let stays = |axis: usize| channels.contains(&axis) == channels.contains(&axes[axis]);
        let others = (0..axes.len()).filter(|axis| !channels.contains(axis));
        if *batch != usize::MAX
            || !(0..axes.len()).all(stays)
            || others.clone().any(|i| axes[i] != i)
        {
            return Err(node.refuse(format!(
                "permutes the axes by {order:?}; of channels split into groups only the groups can \
                 be exchanged"
            )));
        }
        let groups = &extents[channels.clone()];
        let steps = strides(groups);
        let from = axes[channels.clone()].iter().map(|axis| axis - channels.start);
        let (shape, strides) = from.map(|axis| (groups[axis], steps[axis])).unzip();
        let layout = Strided { shape, strides, offset: 0 };
        let mut moved = extents.clone();
        moved[channels.clone()].copy_from_slice(&layout.shape);
        let shuffled = x.selecting(node.name, |order| layout.gather(&order));
        Ok(Some(Activation { split: Some(Split { extents: moved, channels }), ..shuffled }))
    }
}

/// How the axes `to`, batch first, split the channels of `x`, and nothing else; `None` where they do
/// not.
pub(super) fn split_axes(x: &Activation, batch: usize, to: &[usize]) -> Option<Split> {
    let (&first, extents) = to.split_first()?;
    let product = |extents: &[usize]| extents.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let (channels, spatial) = (Some(x.shape.channels), Some(x.shape.spatial()));
    // As many axes as can be: those of extent 1 have no order.
    let mut places = (0..=extents.len()).rev();
    let count = if x.form == Form::ChannelsLast {
        let from = |&count: &usize| {
            let (front, back) = extents.split_at(extents.len() - count);
            product(front) == spatial && product(back) == channels
        };
        extents.len() - places.find(from)?..extents.len()
    } else {
        let fits = |&count: &usize| {
            let (front, back) = extents.split_at(count);
            product(front) == channels && product(back) == spatial
        };
        0..places.find(fits)?
    };
    (first == batch).then(|| Split { extents: extents.to_vec(), channels: count })
}
