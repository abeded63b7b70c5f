//! Models made for tests: [`Builder`] for a chosen graph, [`random_model`] for one that nobody
//! chose. Both invent the numbers, extremes among them, so that activations neither vanish nor
//! saturate on the way to the logits.

mod builder;
mod random;
mod random_models;

pub use builder::{Builder, Kind};
pub use random::Random;
pub use random_models::{random_model, random_model_of_all_operations, random_volume_model};

use bayes8_core::graph::Op;
use bayes8_core::model::{Model, NodeQuantization, Parts};
use bayes8_core::numerics::{ActivationBits, CodeRange, Quantization};

/// Input codes of `count` pictures of `model`, every byte equally likely.
pub fn random_codes(model: &Model, count: usize, seed: u64) -> Vec<u8> {
    Random::new(seed).bytes(count * model.graph().input().elements())
}

/// `model` with activations of 7 bits: zero points and bounds halved.
///
/// # Panics
/// When a layer does not allow it, as one that is at the end of what sums can hold.
pub fn with_seven_bits(model: &Model) -> Model {
    let grid = |q: Quantization| Quantization { zero_point: q.zero_point / 2, ..q };
    let nodes = model.graph().nodes().iter().zip(model.quantization());
    let quantization = nodes.map(|(node, &NodeQuantization { output, range })| {
        let CodeRange { low, high } = range;
        let halved = CodeRange { low: low / 2, high: high / 2 };
        let is_free = output.is_none() || node.op.only_moves() || node.op == Op::Table;
        NodeQuantization { output: output.map(grid), range: if is_free { range } else { halved } }
    });
    let parts = Parts {
        name: model.name().into(),
        graph: model.graph().clone(),
        activation_bits: ActivationBits::Seven,
        input: grid(model.input()),
        preprocessing: model.preprocessing().clone(),
        class_names: model.class_names().to_vec(),
        quantization: quantization.collect(),
        layers: model.layers().iter().map(|layer| (**layer).clone()).collect(),
        tables: model.tables().iter().map(|table| table.map(|code| code / 2)).collect(),
        calibration: model.calibration().cloned(),
    };
    Model::new(parts).expect("halved codes are codes")
}
