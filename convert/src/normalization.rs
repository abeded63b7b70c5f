//! A normalization of numbers at the start of a network, which becomes part of the preprocessing.
//!
//! As nodes of the network, it would share one grid among features of all magnitudes.

use bayes8_core::graph::{Graph, GraphError, Node, Op, Value, Window};
use bayes8_core::model::{Preprocessing, QuantizedModel};
use bayes8_core::ops::Conv2d;

use crate::network::{Network, RealParameters};

/// A normalization (x - mean) / std of each channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Normalization {
    /// The node that does it.
    pub(crate) node: String,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Normalization {
    /// The preprocessing that `first` and then this is.
    pub(crate) fn after(&self, first: &Preprocessing) -> Preprocessing {
        let Preprocessing { values, mean, std } = first;
        let own = self.mean.iter().zip(&self.std).zip(mean.iter().zip(std));
        let (mean, std) = own.map(|((mean, std), (m, s))| (m + s * mean, s * std)).unzip();
        Preprocessing { values: *values, mean, std }
    }
}

impl Network {
    /// Removes the normalization of the input that `model` has in its preprocessing instead.
    ///
    /// # Errors
    /// [`GraphError`], never for a graph that was imported.
    pub fn normalize_like(&mut self, model: &QuantizedModel) -> Result<(), GraphError> {
        let is_folded = |normalization: Normalization| {
            model.graph().nodes().iter().all(|node| node.name != normalization.node)
        };
        if self.normalization().is_some_and(is_folded) {
            self.remove_first()?;
        }
        Ok(())
    }

    /// Removes the normalization at the start and returns it, if there is one.
    pub(crate) fn take_normalization(&mut self) -> Result<Option<Normalization>, GraphError> {
        let normalization = self.normalization();
        if normalization.is_some() {
            self.remove_first()?;
        }
        Ok(normalization)
    }

    /// The normalization by the first node, if nothing else reads the input.
    fn normalization(&self) -> Option<Normalization> {
        let (first, others) = self.graph.nodes().split_first()?;
        let is_only = others.iter().all(|node| !node.inputs.contains(&Value::Input));
        let is_output = self.outputs.iter().any(|output| output.nodes.contains(&0));
        if first.inputs != [Value::Input] || !is_only || is_output || !first.data.clamp.is_none() {
            return None;
        }
        let channels = self.graph.input().channels;
        let one_each = Op::Conv2d(Conv2d {
            out_channels: channels,
            groups: channels,
            window: Window::new([1, 1]),
        });
        let (scale, shift) = match &first.data.parameters {
            RealParameters::Layer(layer) if first.op == one_each && layer.is_shared() => {
                let layer = layer.member(0);
                let bias = layer.bias.as_ref();
                if layer.weight.sigma.is_some() || bias.is_some_and(|bias| bias.sigma.is_some()) {
                    return None;
                }
                let zeros = || vec![0.0; channels];
                (layer.weight.mean.clone(), bias.map_or_else(zeros, |bias| bias.mean.clone()))
            }
            RealParameters::Function(function) => {
                let (scale, shift) = function.as_affine()?;
                (vec![scale as f32; channels], vec![shift as f32; channels])
            }
            RealParameters::Layer(_) | RealParameters::Affine(_) | RealParameters::None => {
                return None;
            }
        };
        let mean: Vec<f32> =
            shift.iter().zip(&scale).map(|(shift, scale)| -shift / scale).collect();
        let std: Vec<f32> = scale.iter().map(|scale| 1.0 / scale).collect();
        let is_valid = std.iter().all(|&std| std.is_normal() && std > 0.0)
            && mean.iter().all(|mean| mean.is_finite());
        is_valid.then(|| Normalization { node: first.name.clone(), mean, std })
    }

    /// Removes the first node, so that the input takes the place of its value.
    fn remove_first(&mut self) -> Result<(), GraphError> {
        let empty = Graph::new(self.graph.input())?;
        let nodes = std::mem::replace(&mut self.graph, empty).into_nodes();
        let moved = |value: Value| match value {
            Value::Input | Value::Node(0) => Value::Input,
            Value::Node(n) => Value::Node(n - 1),
        };
        for Node { name, op, inputs, data, .. } in nodes.into_iter().skip(1) {
            let inputs = inputs.into_iter().map(moved).collect();
            self.graph.push(name, op, inputs, data)?;
        }
        self.outputs.iter_mut().flat_map(|output| &mut output.nodes).for_each(|node| *node -= 1);
        Ok(())
    }
}
