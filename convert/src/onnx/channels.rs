//! Selections of channels, in any order.
//!
//! A selection stays pending, so that several such nodes in a row become one. A convolution or
//! matrix that reads all channels gets its weights reordered instead. Any other reader gets the
//! channels from a 1x1 convolution whose weights are 0 and 1, and whose output is on its input's
//! grid, so that INT8 codes pass unchanged.

use std::rc::Rc;

use super::{
    activation::{Activation, Pending},
    builder::Builder,
    constant::Constant,
    node::OnnxNode,
};
use crate::error::ImportError;

impl Activation {
    /// The graph's channel of each of ONNX's channels.
    pub(super) fn order(&self) -> Vec<usize> {
        match &self.pending {
            Pending::Channels { order, .. } => order.clone(),
            _ => {
                let all: Vec<usize> = (0..self.shape.channels).collect();
                // From the graph's order to ONNX's: the inverse of each one's place.
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

    /// Returns the selection of channels by `node`; `pick` chooses from ONNX's channels, given by
    /// the graph's numbers. Only a selection may be pending.
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
    /// Input `i` with only a selection of channels pending.
    pub(super) fn selectable(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
    ) -> Result<Activation, ImportError> {
        self.settled_unless(node, i, |pending| matches!(pending, Pending::Channels { .. }))
    }

    /// If an order of all channels is pending on input 0, returns the input without it, and
    /// `weight`, whose axis `axis` counts the channels, in the graph's order.
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
}
