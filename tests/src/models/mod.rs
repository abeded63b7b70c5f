//! Models for tests: [`Builder`] for a chosen graph, [`random_model`] for a random one. Both choose
//! random numbers, including extremes, such that activations neither vanish nor saturate on the way
//! to the logits.

mod builder;
mod random;
mod random_models;

pub use builder::{Builder, Kind};
pub use random::Random;
pub use random_models::{random_model, random_model_of_all_operations, random_volume_model};

use bayes8_core::head::Output;
use bayes8_core::layer::Layer;
use bayes8_core::model::{Parameters, Parts, Quantized, QuantizedModel};
use bayes8_core::numerics::{ActivationBits, CodeRange, Quantization};
use bayes8_core::ops::GridRule;
use std::sync::Arc;

/// Input codes of `count` pictures for `model`; all bytes are equally likely.
pub fn random_codes(model: &QuantizedModel, count: usize, seed: u64) -> Vec<u8> {
    Random::new(seed).bytes(count * model.graph().input().elements())
}

/// Node `index` of a model under construction.
///
/// # Panics
/// If there are fewer nodes.
pub fn node_mut(parts: &mut Parts, index: usize) -> &mut Quantized {
    parts.graph.data_mut().nth(index).expect("a node")
}

/// Layer `number` of a model under construction, not counting operations between layers; that of
/// the first member if they differ.
///
/// # Panics
/// If there are fewer layers.
pub fn layer_mut(parts: &mut Parts, number: usize) -> &mut Layer {
    let mut layers = parts.graph.data_mut().filter_map(|data| match &mut data.parameters {
        Parameters::Layer(layer) => Some(layer),
        Parameters::None | Parameters::Affine(_) | Parameters::Table(_) => None,
    });
    let members = layers.nth(number).expect("a layer");
    Arc::make_mut(members.iter_mut().next().expect("at least one"))
}

/// Names the classes of a model under construction whose only output is its last node.
///
/// # Panics
/// If it has no nodes.
pub fn name_classes(parts: &mut Parts, names: &[&str]) {
    let nodes = parts.graph.nodes();
    let count = nodes.last().expect("a node").shape.channels;
    let names = names.iter().map(|&name| name.into()).collect();
    parts.outputs = [Output::of_classes(nodes.len() - 1, count, names)].into();
}

/// `model` with activations of 7 bits: zero points and bounds halved.
///
/// # Panics
/// If a layer does not allow it, such as one whose sums are close to their limit.
pub fn with_seven_bits(model: &QuantizedModel) -> QuantizedModel {
    let halved = |q: Quantization| Quantization { zero_point: q.zero_point / 2, ..q };
    let mut parts = model.clone().into_parts();
    let rules = parts.graph.nodes().iter().map(|node| node.op.operation().grid());
    let rules: Vec<GridRule> = rules.collect();
    for (data, rule) in parts.graph.data_mut().zip(rules) {
        if data.output.is_some() && rule == GridRule::Own {
            let CodeRange { low, high } = data.range;
            data.range = CodeRange { low: low / 2, high: high / 2 };
        }
        data.output = data.output.map(halved);
        if let Parameters::Table(table) = &mut data.parameters {
            **table = table.map(|code| code / 2);
        }
    }
    let (activation_bits, input) = (ActivationBits::Seven, halved(parts.input));
    QuantizedModel::new(Parts { activation_bits, input, ..parts }).expect("halved codes are codes")
}
