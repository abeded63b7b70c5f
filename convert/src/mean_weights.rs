//! The INT8 network of the mean weights, which shows the effect of quantization apart from
//! sampling.

use std::sync::Arc;

use bayes8_core::graph::{Node, Op};
use bayes8_core::layer::Layer;
use bayes8_core::model::{ModelError, Parameters, QuantizedModel};

/// Returns `model` with every weight and bias at its mean, and without its dropout nodes. Its samples
/// are its members, one after the other.
///
/// # Errors
/// Never: a model stays valid without what varies.
pub fn of(model: &QuantizedModel) -> Result<QuantizedModel, ModelError> {
    let mut parts = model.clone().into_parts();
    if let Some(calibration) = &mut parts.calibration {
        // The range of the input comes first.
        let nodes = parts.graph.nodes().iter();
        let mut kept =
            std::iter::once(true).chain(nodes.map(|node| !matches!(node.op, Op::Dropout(_))));
        calibration.ranges.retain(|_| kept.next() == Some(true));
    }
    parts.graph = parts.graph.without_dropout();
    // Nodes that move codes have the grid of what they now read.
    for index in 0..parts.graph.nodes().len() {
        let Node { op, inputs, .. } = &parts.graph.nodes()[index];
        let moved = op.only_moves().then(|| parts.grid(inputs[0]));
        let data = parts.graph.node_mut(index).1;
        data.output = moved.unwrap_or(data.output);
        if let Parameters::Layer(members) = &mut data.parameters {
            members.iter_mut().map(Arc::make_mut).for_each(remove_spread);
        }
    }
    QuantizedModel::new(parts)
}

fn remove_spread(layer: &mut Layer) {
    layer.posterior = None;
    if let Some(bias) = &mut layer.bias {
        bias.sigma = None;
    }
}
