//! The layers that make an output: each a Conv2d or Linear without a clamp that nothing else reads.
//!
//! If the file ends in something else, such as a mean over positions, a sum or a clamp, a
//! deterministic layer that copies each number is appended. Its input has a grid like any other
//! value, so such numbers have 8 bits. A concatenation of layers needs none, nor do some channels of
//! a layer: a layer with these rows alone makes them.

use std::collections::HashSet;

use bayes8_core::graph::{Graph, Node, Op, Value, Window};
use bayes8_core::ops::{Conv2d, Linear};

use super::{
    activation::{Activation, Pending},
    builder::Builder,
};
use crate::{
    clamp::Clamp,
    error::ImportError,
    network::{Gaussian, LayerParameters},
};

impl Builder<'_> {
    /// The layers whose values, one after the other, are `x`; a map has a single one. `refuse` is for values
    /// that cannot be an output. Numbers between 0 and 1 are probabilities unless they `may_be_bounded`.
    pub(super) fn layers_of(
        &mut self,
        mut x: Activation,
        may_be_bounded: bool,
        refuse: impl Fn(String) -> ImportError,
    ) -> Result<Vec<Value>, ImportError> {
        if let Some(maker) = self.probabilities(&x).filter(|_| !may_be_bounded) {
            return Err(refuse(format!(
                "node `{maker}` makes it, and all its values lie between 0 and 1 as probabilities do, \
                 but the output must be logits; export the network without its last activation"
            )));
        }
        if x.view.is_some() {
            let shape = x.dimensions(self.batch);
            return Err(refuse(format!(
                "its shape is {shape:?}, but outputs must be [n, numbers], or maps with the numbers of each \
                 position in one axis"
            )));
        }
        // In ONNX's order.
        if x.flattened.is_some() {
            x = self.settle(x)?;
            x.pending = Pending::Channels { node: "logits".into(), order: x.order() };
        }
        if let Pending::Channels { node, order } = &x.pending
            && let Some(rows) = self.rows(node.clone(), order, x.value)?
        {
            return Ok(vec![rows]);
        }
        let last = self.graph.nodes().len().checked_sub(1).map(Value::Node);
        let x = self.settle(x)?.value;
        if Some(x) == last && self.pool_before_classifier()? {
            return Ok(vec![x]);
        }
        if let Value::Node(n) = x
            && let Node { op: Op::Concat, inputs, data, shape, .. } = &self.graph.nodes()[n]
            && data.clamp.is_none()
            && shape.spatial() == 1
            && inputs.iter().all(|&value| self.is_output(value))
        {
            return Ok(inputs.clone());
        }
        if self.is_output(x) {
            return Ok(vec![x]);
        }
        let channels = self.graph.shape(x).channels;
        let window = Window::new([1, 1]);
        let op = Op::Conv2d(Conv2d { out_channels: channels, groups: channels, window });
        let weight = Gaussian::deterministic(vec![1.0; channels]);
        let layer = LayerParameters { weight, bias: None };
        Ok(vec![self.push_layer("logits", op, vec![x], layer)?])
    }

    /// Whether `value` is that of a layer that can make an output.
    fn is_output(&self, value: Value) -> bool {
        self.exclusive(value).is_some_and(|n| {
            let node = &self.graph.nodes()[n];
            node.op.is_weighted() && node.data.clamp.is_none()
        })
    }

    /// A layer that computes the channels `order` of `value` alone, if that is a layer's. It draws its
    /// own weights, so nothing else may see those that it stands for.
    fn rows(
        &mut self,
        name: String,
        order: &[usize],
        value: Value,
    ) -> Result<Option<Value>, ImportError> {
        let Value::Node(n) = value else { return Ok(None) };
        let node = &self.graph.nodes()[n];
        let op: Op = match &node.op {
            Op::Linear(_) => Linear { out_features: order.len() }.into(),
            Op::Conv2d(conv) if conv.groups == 1 => {
                Conv2d { out_channels: order.len(), ..conv.clone() }.into()
            }
            _ => return Ok(None),
        };
        let distinct = order.iter().collect::<HashSet<_>>().len() == order.len();
        let is_read_elsewhere = self.graph.nodes().iter().any(|node| node.inputs.contains(&value));
        if !distinct || is_read_elsewhere || !node.data.clamp.is_none() || node.shape.spatial() != 1
        {
            return Ok(None);
        }
        let Some(layer) = node.data.layer() else { return Ok(None) };
        let (layer, inputs) = (layer.member(0).clone(), node.inputs.clone());
        let rows = |all: &[f32]| {
            let width = all.len() / node.shape.channels;
            let row = |&channel: &usize| &all[channel * width..][..width];
            order.iter().flat_map(row).copied().collect::<Vec<f32>>()
        };
        let gaussian =
            |of: &Gaussian| Gaussian { mean: rows(&of.mean), sigma: of.sigma.as_deref().map(rows) };
        let weight = gaussian(&layer.weight);
        let bias = layer.bias.as_ref().map(gaussian);
        let numbers = weight.mean.len();
        self.budget.charge(&name, numbers)?;
        self.push_layer(&name, op, inputs, LayerParameters { weight, bias }).map(Some)
    }

    /// The node that keeps all of `x` between 0 and 1, if there is one.
    fn probabilities<'s>(&'s self, x: &'s Activation) -> Option<&'s str> {
        let is_within = |clamp: Clamp| clamp.min >= 0.0 && clamp.max <= 1.0;
        if let Pending::Function { node, function } = &x.pending
            && function.is_within(0.0, 1.0)
        {
            return Some(node);
        }
        let mut value = x.value;
        while let Value::Node(n) = value {
            let node = &self.graph.nodes()[n];
            let function = node.data.function();
            if is_within(node.data.clamp) || function.is_some_and(|f| f.is_within(0.0, 1.0)) {
                return Some(&node.name);
            }
            // None of these leaves the range of its input.
            let keeps = node.op.only_moves()
                || matches!(node.op, Op::GlobalAveragePool | Op::AveragePool(_));
            value = *node.inputs.first().filter(|_| keeps)?;
        }
        None
    }

    /// If the network ends in a 1x1 convolution and a mean over all positions, exchanges the two:
    /// the result is the same, costs less, and comes from a layer.
    fn pool_before_classifier(&mut self) -> Result<bool, ImportError> {
        let [before @ .., convolution, pool] = self.graph.nodes() else { return Ok(false) };
        let n = before.len();
        let exchangeable = match convolution.op {
            Op::Conv2d(Conv2d { window, .. }) => {
                window == Window::new([1, 1]) && convolution.data.clamp.is_none()
            }
            _ => false,
        };
        let reads = pool.inputs == [Value::Node(n)] && self.exclusive(Value::Node(n)).is_some();
        if pool.op != Op::GlobalAveragePool || !pool.data.clamp.is_none() || !exchangeable || !reads
        {
            return Ok(false);
        }
        let empty = Graph::new(self.graph.input())?;
        let mut nodes = std::mem::replace(&mut self.graph, empty).into_nodes();
        // First the mean, over the input of the convolution.
        nodes.swap(n, n + 1);
        let inputs = std::mem::take(&mut nodes[n + 1].inputs);
        nodes[n].inputs = inputs;
        nodes[n + 1].inputs = vec![Value::Node(n)];
        for Node { name, op, inputs, data, .. } in nodes {
            self.graph.push(name, op, inputs, data)?;
        }
        Ok(true)
    }
}
