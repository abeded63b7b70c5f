//! Limits on memory and steps: a model beyond them does not load, and tight limits change no bit of
//! a result.

use bayes8_conformance::thinned;
use bayes8_core::limits::{Cost, LimitError, Limits};
use bayes8_native::{LoadError, Model, ModelOptions, Pictures, PredictOptions, Threads};
use ndarray::Array4;
use std::path::Path;

fn model(threads: Threads, limits: Limits) -> Result<Model, LoadError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fashion-resnet14.safetensors");
    Model::load_with(path, ModelOptions::new().threads(threads).limits(limits))
}

fn cost() -> Cost {
    let model = model(Threads::One, Limits::default()).expect("a shipped model");
    Cost::new(model.quantized())
}

#[test]
fn a_model_beyond_its_limits_does_not_load() {
    let Cost { memory_bytes, steps, .. } = cost();
    let exactly = Limits::new().memory_bytes(memory_bytes).steps(steps);
    assert!(model(Threads::One, exactly).is_ok());
    let less = exactly.memory_bytes(memory_bytes - 1);
    let error = model(Threads::One, less).expect_err("a model beyond its limits");
    assert!(matches!(error, LoadError::Limit { source: LimitError::Memory(_), .. }), "{error}");
    assert!(error.to_string().contains("fashion-resnet14.safetensors"), "{error}");
    let less = exactly.steps(steps - 1);
    let error = model(Threads::One, less).expect_err("a model beyond its limits");
    assert!(matches!(error, LoadError::Limit { source: LimitError::Steps(_), .. }), "{error}");
    assert!(error.to_string().contains("fashion-resnet14.safetensors"), "{error}");
}

/// With memory for a single picture, threads share the operations and pictures run one after the
/// other.
#[test]
fn little_memory_changes_no_bit() {
    let pictures =
        Array4::from_shape_fn((70, 28, 28, 1), |(n, y, x, _)| (n * 31 + y * 7 + x) as u8);
    let options = PredictOptions::new().samples(2..5).seed(9).keep_logits(true);
    let predict = |threads, limits| {
        let model = model(threads, limits).expect("a shipped model");
        model.predict(Pictures::Bytes(pictures.view()), &options).expect("the right shape")
    };
    let expected = predict(Threads::One, Limits::default());
    let tight = Limits::new().memory_bytes(cost().memory_bytes);
    for threads in thinned([3, 1]) {
        let threads = Threads::new(threads).expect("threads");
        assert!(predict(threads, tight) == expected);
    }
}
