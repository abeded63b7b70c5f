//! Models made for tests: [`Builder`] for a chosen graph, [`random_model`] for one that nobody
//! chose. Both invent the numbers, extremes among them, so that activations neither vanish nor
//! saturate on the way to the logits.

mod builder;
mod random;
mod zoo;

pub use builder::{Builder, Kind};
pub use random::Random;
pub use zoo::{random_model, random_volume_model};

use bayes8_core::model::Model;

/// Input codes of `count` pictures of `model`, every byte equally likely.
pub fn random_codes(model: &Model, count: usize, seed: u64) -> Vec<u8> {
    Random::new(seed).bytes(count * model.graph().input().elements())
}
