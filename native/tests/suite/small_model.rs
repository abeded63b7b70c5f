//! A small network, and pictures for it.

use bayes8_conformance::{Random, random_model};
use bayes8_native::{Isa, Model, ModelOptions, Threads};
use ndarray::Array5;

/// Returns a small network on `threads` threads.
pub(crate) fn model(threads: usize) -> Model {
    let threads = Threads::new(threads).expect("a few threads");
    let isa = Isa::available().last();
    let options = ModelOptions::new().isa(isa).threads(threads);
    Model::new(random_model(1), options).expect("an instruction set that is available")
}

/// Returns `count` pictures of random bytes.
pub(crate) fn pictures(model: &Model, count: usize) -> Array5<u8> {
    let shape = model.quantized().graph().input();
    let bytes = Random::new(4).bytes(count * shape.elements());
    let shape = (count, shape.depth, shape.height, shape.width, shape.channels);
    Array5::from_shape_vec(shape, bytes).expect("a byte for every element")
}
