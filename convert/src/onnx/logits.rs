//! The network's last node, which computes its logits: a Conv2d or Linear without a clamp.
//!
//! If the file ends in something else, such as a mean over positions, a sum or a clamp, a
//! deterministic layer that copies each logit is appended. Its input has a grid like any other
//! value, so such logits have 8 bits.

use bayes8_core::graph::{Graph, Node, Op, Value, Window};
use bayes8_core::ops::Conv2d;

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
    /// Makes `x` the output of the last node; `refuse` is for values that cannot be logits.
    pub(super) fn make_logits(
        &mut self,
        mut x: Activation,
        refuse: impl Fn(String) -> ImportError,
    ) -> Result<(), ImportError> {
        if let Some(maker) = self.probabilities(&x) {
            return Err(refuse(format!(
                "node `{maker}` makes it, and all its values lie between 0 and 1 as probabilities do, \
                 but the output must be logits; export the network without its last activation"
            )));
        }
        if x.shape.spatial() != 1 || x.split.is_some() {
            let shape = x.dimensions(self.batch);
            return Err(refuse(format!("its shape is {shape:?}, but logits must be [n, classes]")));
        }
        // In ONNX's order.
        if x.flattened.is_some() {
            x = self.settle(x)?;
            x.pending = Pending::Channels { node: "logits".into(), order: x.order() };
        }
        let last = self.graph.nodes().len().checked_sub(1).map(Value::Node);
        let x = self.settle(x)?.value;
        if Some(x) == last && self.pool_before_classifier()? {
            return Ok(());
        }
        let end = self.graph.nodes().len().wrapping_sub(1);
        let is_logits = self.graph.nodes().last().is_some_and(|node| {
            node.op.is_weighted() && node.data.clamp.is_none() && x == Value::Node(end)
        });
        if !is_logits {
            let channels = self.graph.shape(x).channels;
            let window = Window::new([1, 1]);
            let op = Op::Conv2d(Conv2d { out_channels: channels, groups: channels, window });
            let weight = Gaussian::deterministic(vec![1.0; channels]);
            self.push_layer("logits", op, vec![x], LayerParameters { weight, bias: None })?;
        }
        Ok(())
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
