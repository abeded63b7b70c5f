//! The INT8 network of the mean weights, which shows the effect of quantization apart from
//! sampling.

use std::sync::Arc;

use bayes8_core::graph::{Node, Op};
use bayes8_core::head::Output;
use bayes8_core::layer::{Bias, Layer};
use bayes8_core::model::{ModelError, Parameters, QuantizedModel};
use bayes8_core::numerics::{Quantization, Table};

/// Returns `model` with every weight and bias at its mean, and without its dropout nodes. Its samples
/// are its members, one after the other.
///
/// # Errors
/// A [`ModelError`] where a bias does not fit its integer without dropout, whose grid is wider.
pub fn of(model: &QuantizedModel) -> Result<QuantizedModel, ModelError> {
    let mut parts = model.clone().into_parts();
    if let Some(calibration) = &mut parts.calibration {
        // The range of the input comes first.
        let nodes = parts.graph.nodes().iter();
        let mut kept =
            std::iter::once(true).chain(nodes.map(|node| !matches!(node.op, Op::Dropout(_))));
        calibration.ranges.retain(|_| kept.next() == Some(true));
    }
    let is_left = |node: &Node<_>| !matches!(node.op, Op::Dropout(_));
    let nodes = parts.graph.nodes();
    let outputs = parts.outputs.iter().map(|output| {
        let left = |&node: &usize| nodes[..node].iter().filter(|node| is_left(node)).count();
        Output { nodes: output.nodes.iter().map(left).collect(), ..output.clone() }
    });
    parts.outputs = outputs.collect();
    let left = parts.graph.nodes().iter().filter(|node| is_left(node));
    let read: Vec<Option<Quantization>> = left.map(|node| parts.grid(node.inputs[0])).collect();
    parts.graph = parts.graph.without_dropout();
    for (index, read) in read.into_iter().enumerate() {
        let Node { op, inputs, .. } = &parts.graph.nodes()[index];
        let reads = parts.grid(inputs[0]);
        let moves = op.only_moves();
        let data = parts.graph.node_mut(index).1;
        // Nodes that move codes have the grid of what they now read.
        data.output = if moves { reads } else { data.output };
        // What parameters mean depends on that grid too.
        let step = match (read, reads) {
            (Some(before), Some(now)) => f64::from(now.scale) / f64::from(before.scale),
            _ => 1.0,
        };
        match &mut data.parameters {
            Parameters::None | Parameters::Affine(_) => {}
            Parameters::Layer(members) => {
                for layer in members.iter_mut().map(Arc::make_mut) {
                    remove_spread(layer);
                    if step != 1.0 {
                        layer.bias.iter_mut().for_each(|bias| rescale_bias(bias, step));
                    }
                }
            }
            Parameters::Table(table) => {
                let zero_point = reads.map_or(0, |grid| grid.zero_point);
                if step != 1.0 {
                    stretch(table, zero_point, step);
                }
            }
        }
    }
    QuantizedModel::new(parts)
}

/// Keeps the numbers that biases stand for, where an input's step is `step` times the earlier one.
fn rescale_bias(bias: &mut Bias, step: f64) {
    for mu in &mut bias.mu {
        *mu = (f64::from(*mu) / step).round() as i32;
    }
}

/// Keeps the function that a table stands for, where its input's step is `step` times the earlier one,
/// at most 1: looks up the nearest of the earlier codes.
fn stretch(table: &mut Table, zero_point: u8, step: f64) {
    let zero = f64::from(zero_point);
    let earlier = *table;
    for (code, to) in table.iter_mut().enumerate() {
        *to = earlier[(zero + (code as f64 - zero) * step).round() as usize];
    }
}

fn remove_spread(layer: &mut Layer) {
    layer.posterior = None;
    if let Some(bias) = &mut layer.bias {
        bias.sigma = None;
    }
}
