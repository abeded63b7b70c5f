//! Pending work that the reader of an activation cannot take up becomes a node.

use bayes8_core::graph::{AxisPadding, Op, Range, Value, Window};
use bayes8_core::ops::{Conv2d, Pad, Slice};

use super::{
    activation::{Activation, Pending},
    builder::{Builder, Slot},
    node::OnnxNode,
};
use crate::{
    error::ImportError,
    function::Function,
    network::{Gaussian, LayerParameters, Real, RealParameters},
};

impl<'a> Builder<'a> {
    /// Input `i` with nothing pending except work that the reader can take up.
    pub(super) fn settled_unless(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        takes_up: impl FnOnce(&Pending) -> bool,
    ) -> Result<Activation, ImportError> {
        let x = self.activation(node, i)?;
        if takes_up(&x.pending) { Ok(x) } else { self.settled(node, i) }
    }

    /// Input `i` with nothing pending, for all its readers.
    pub(super) fn settled(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
    ) -> Result<Activation, ImportError> {
        let pending = self.activation(node, i)?;
        if pending.is_plain() {
            return Ok(pending);
        }
        let activation = self.settle(pending)?;
        // The name now stands for the new node, so that other readers find it.
        if let Some(name) = node.input(i) {
            if let Value::Node(n) = activation.value {
                self.shared[n] = self.readers.get(name) != Some(&1);
            }
            if let Some(slot) = self.slots.get_mut(name) {
                *slot = Slot::Activation(Box::new(activation.clone()));
            }
        }
        Ok(activation)
    }

    /// `x` with nothing pending: a slice, a border, a selection or a function becomes a node.
    pub(super) fn settle(&mut self, mut x: Activation) -> Result<Activation, ImportError> {
        match std::mem::replace(&mut x.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Border { node: pad, padding } => {
                let zeros = |[before, after]: [usize; 2]| AxisPadding { before, between: 0, after };
                let [planes, rows, columns] = padding.axes().map(zeros);
                x.value = self.push(&pad, Op::Pad(Pad { rows, columns, planes }), vec![x.value])?;
            }
            Pending::Slice { node: slice, ranges: [planes, rows, columns] } => {
                let all = Range::whole(self.graph.shape(x.value).depth);
                let planes = Some(planes).filter(|&planes| planes != all);
                x.value =
                    self.push(&slice, Op::Slice(Slice { rows, columns, planes }), vec![x.value])?;
            }
            Pending::Channels { node: selection, order } => {
                x.value = self.push_selection(&selection, &order, x.value)?;
            }
            Pending::Function { node: maker, function } => {
                x.value = self.push_function(&maker, function, x.value)?;
            }
        }
        Ok(x)
    }

    /// The channels `order` of `value`, by a convolution that copies each.
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
        self.push_layer(name, op, vec![value], layer)
    }

    /// Appends a node for a pending function.
    pub(super) fn push_function(
        &mut self,
        name: &str,
        function: Function,
        x: Value,
    ) -> Result<Value, ImportError> {
        let clamp = function.as_clamp();
        let (op, data) = match clamp {
            Some(clamp) => (Op::Requantize, Real { clamp, ..Real::new(RealParameters::None) }),
            None => (Op::Table, Real::new(RealParameters::Function(function))),
        };
        self.push_node(name, op, vec![x], data)
    }
}
