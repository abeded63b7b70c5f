//! A prediction is a pure function: it has the same bits on every instruction set, with any number of
//! threads, in any batch and for any part of the samples.

use bayes8_conformance::{
    Random, random_model, random_model_of_all_operations, random_volume_model, with_seven_bits,
};
use bayes8_core::executor::Executor;
use bayes8_core::format;
use bayes8_core::input::InputQuantizer;
use bayes8_core::model::QuantizedModel;
use bayes8_core::reference::Reference;
use bayes8_native::{
    Draws, Isa, Model, ModelOptions, Pictures, PredictOptions, Prediction, Threads,
};
use ndarray::{Array5, ArrayView5, Axis, Slice};
use std::ops::Range;
use std::path::PathBuf;

const PICTURES: usize = 64;
const SAMPLES: Range<u32> = 0..8;

/// Bytes of all pictures: pseudo-random ones, then one of zeros and one of 255.
fn pictures(model: &QuantizedModel) -> Array5<u8> {
    let shape = model.graph().input();
    let elements = shape.elements();
    let mut bytes = Random::new(2023).bytes(PICTURES * elements);
    bytes[(PICTURES - 2) * elements..].fill(0);
    bytes[(PICTURES - 1) * elements..].fill(255);
    let shape = (PICTURES, shape.depth, shape.height, shape.width, shape.channels);
    Array5::from_shape_vec(shape, bytes).expect("the bytes of this shape")
}

fn model(description: &QuantizedModel, isa: Isa, threads: usize, bank_bytes: usize) -> Model {
    let threads = Threads::new(threads).expect("a few threads");
    let options = ModelOptions::new().isa(isa).threads(threads).bank_bytes(bank_bytes);
    Model::new(description.clone(), options).expect("an instruction set that is available")
}

fn predict(model: &Model, pictures: ArrayView5<'_, u8>, samples: Range<u32>) -> Vec<Prediction> {
    let options = PredictOptions::new().samples(samples).seed(0xb8).keep_logits(true);
    model.predict(Pictures::Bytes(pictures), &options).expect("pictures of the right shape")
}

/// Logits of every picture as bytes, `[samples][classes]` each.
fn logits(predictions: &[Prediction]) -> Vec<Vec<u8>> {
    let bytes = |p: &Prediction| {
        let logits = p.logits().expect("logits were asked for");
        logits.iter().flat_map(|x| x.to_le_bytes()).collect()
    };
    predictions.iter().map(bytes).collect()
}

/// Predicts `batch` pictures at a time.
fn in_batches(model: &Model, pictures: &Array5<u8>, batches: &[usize]) -> Vec<Prediction> {
    let mut first = 0;
    let mut all = Vec::new();
    for &batch in batches {
        let part = pictures.slice_axis(Axis(0), Slice::from(first..first + batch));
        all.extend(predict(model, part, SAMPLES));
        first += batch;
    }
    assert_eq!(first, PICTURES);
    all
}

/// Checks one network on all instruction sets.
fn check(name: &str, description: &QuantizedModel) {
    let pictures = pictures(description);
    let expected = predict(&model(description, Isa::Portable, 1, 0), pictures.view(), SAMPLES);
    let expected_logits = logits(&expected);
    assert!(is_varied(description, &expected_logits), "{name}: constants");
    let is_large = description.multiply_accumulates() >= 1_000_000;

    for isa in Isa::compiled() {
        if !isa.is_available() {
            println!("SKIPPED: {name}: {isa}: not on this processor");
            continue;
        }
        for threads in [1, 2] {
            let model = model(description, isa, threads, 0);
            assert_eq!((model.isa(), model.kernel(), model.threads()), (isa, isa.name(), threads));
            // The others are compared with one thread of this. Two threads take minutes for large
            // networks, and the conformance vectors cover them.
            if isa == Isa::Portable && (threads == 1 || is_large) {
                continue;
            }
            let what = format!("{name}, {isa}, {threads} threads");
            let found = predict(&model, pictures.view(), SAMPLES);
            assert!(logits(&found) == expected_logits, "{what}");
            assert!(found == expected, "sums of {what}");
            check_splits(&what, &model, &pictures, &expected);
        }
    }
}

fn check_splits(what: &str, model: &Model, pictures: &Array5<u8>, expected: &[Prediction]) {
    let sevens = [7, 7, 7, 7, 7, 7, 7, 7, 7, 1];
    for batches in [&[1, 63][..], &sevens] {
        let found = in_batches(model, pictures, batches);
        assert!(found == expected, "{what}, batches of {batches:?}");
    }
    let first = predict(model, pictures.view(), 0..3);
    let last = predict(model, pictures.view(), 3..8);
    for (picture, expected) in expected.iter().enumerate() {
        let mut sums = first[picture].sums().clone();
        sums.merge(last[picture].sums());
        assert_eq!(&sums, expected.sums(), "{what}, samples 0..3 and 3..8 of picture {picture}");
        let both = [logits(&first[picture..=picture]), logits(&last[picture..=picture])].concat();
        let whole = logits(std::slice::from_ref(expected));
        assert!(both.concat() == whole[0], "{what}, logits of picture {picture}");
    }
}

/// No code is above 127, and the bits are the same on every instruction set.
#[test]
fn seven_bit_activations_stay_seven_bits() {
    for seed in 0..24 {
        let random = if seed % 4 == 3 { random_volume_model } else { random_model };
        let description = with_seven_bits(&random(seed));
        let pictures = pictures(&description);
        let mut expected = None;
        for isa in Isa::available() {
            let model = model(&description, isa, 1, 0);
            let found = predict(&model, pictures.view(), SAMPLES);
            let draws = Some(Draws::Random { seed: 0xb8 });
            let trace = model.trace(Pictures::Bytes(pictures.view()), draws, 3).expect("a trace");
            let last = description.graph().nodes().last().map(|node| node.name.as_str());
            for node in trace.iter().filter(|node| Some(node.node.as_str()) != last) {
                let largest = node.bytes.iter().max();
                assert!(largest <= Some(&127), "network {seed}, {isa}, {}: {largest:?}", node.node);
            }
            let found = (found, trace);
            let expected = expected.get_or_insert_with(|| found.clone());
            assert!(*expected == found, "network {seed}, {isa}");
        }
        let mut codes = vec![0; pictures.len()];
        let bytes = pictures.as_slice().expect("standard layout");
        InputQuantizer::new(&description).bytes(bytes, &mut codes);
        assert!(codes.iter().all(|&code| code <= 127), "network {seed}: input");
    }
}

/// Every sample is the same, however its weights are drawn: for one layer at a time, for all blocks
/// of a batch, or from a bank that holds none, some or all of the draws.
#[test]
fn a_bank_of_any_size_changes_no_bit() {
    let is_mixture = |model: &QuantizedModel| {
        let randomness = model.randomness();
        let random = randomness.bayesian_layers > 0 && !randomness.dropout.is_empty();
        model.members() > 1 && random && Executor::new(model, Reference).weight_bytes() > 0
    };
    let mixtures = (0..).map(random_model_of_all_operations).filter(is_mixture).take(2);
    for (seed, description) in (0..4).map(random_model).chain(mixtures).enumerate() {
        let pictures = pictures(&description);
        for isa in Isa::available() {
            let fresh = model(&description, isa, 1, 0);
            let expected = predict(&fresh, pictures.view(), SAMPLES);
            for draws in [0, 1, 3, SAMPLES.len(), 1000] {
                let budget = draws * fresh.weight_bytes();
                for threads in [1, 2] {
                    let banked = model(&description, isa, threads, budget);
                    // The first call fills the bank, the second uses the draws that are left in it.
                    for call in 0..3 {
                        let found = predict(&banked, pictures.view(), SAMPLES);
                        let what = format!("network {seed}, {isa}, {draws} draws, call {call}");
                        assert!(found == expected, "{what}, {threads} threads");
                    }
                }
            }
        }
    }
}

/// Several threads predict with one model at the same time, each in separate memory.
#[test]
fn a_model_is_shared_by_threads_that_predict_at_the_same_time() {
    let description = random_model(1);
    let pictures = pictures(&description);
    let expected = predict(&model(&description, Isa::Portable, 1, 0), pictures.view(), SAMPLES);
    let draw = model(&description, Isa::Portable, 1, 0).weight_bytes();
    for isa in Isa::available() {
        // A bank that is too small, so that threads take draws away from each other.
        for budget in [0, 3 * draw] {
            let shared = model(&description, isa, 2, budget);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let mut predictions = Vec::new();
                        for _ in 0..5 {
                            let options =
                                PredictOptions::new().samples(SAMPLES).seed(0xb8).keep_logits(true);
                            let pictures = Pictures::Bytes(pictures.view());
                            let result = shared.predict_into(pictures, &options, &mut predictions);
                            result.expect("pictures of the right shape");
                            assert!(predictions == expected, "{isa}, bank of {budget} bytes");
                        }
                    });
                }
            });
        }
    }
}

/// With fewer samples than threads, the threads share pictures, then single operations.
#[test]
fn threads_that_share_operations_change_no_bit() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models");
    let bytes = std::fs::read(folder.join("cifar10-resnet20.safetensors")).expect("a model");
    let description = format::read(&bytes).expect("a model file");
    let pictures = pictures(&description);
    let isas: Vec<_> = Isa::available().filter(|&isa| isa != Isa::Portable).collect();
    if isas.is_empty() {
        println!(
            "SKIPPED: threads that share operations: only portable code here, too slow for it"
        );
    }
    for isa in isas {
        let one = model(&description, isa, 1, 0);
        for threads in [2, 3, 8] {
            let many = model(&description, isa, threads, 0);
            for (count, samples) in [(1, 0..1), (1, 2..4), (2, 5..6), (3, 0..2), (5, 1..2)] {
                let pictures = pictures.slice_axis(Axis(0), Slice::from(7..7 + count));
                let expected = predict(&one, pictures, samples.clone());
                let found = predict(&many, pictures, samples.clone());
                assert!(found == expected, "{isa}, {threads} threads, {count} x {samples:?}");
            }
        }
    }
}

/// Whether both pictures and samples differ in their logits: comparing constants would prove nothing.
fn is_varied(description: &QuantizedModel, logits: &[Vec<u8>]) -> bool {
    let row = 4 * description.output_numbers();
    let is_bayesian = !description.randomness().is_deterministic();
    logits.iter().any(|x| x != &logits[0])
        && (!is_bayesian || logits.iter().any(|x| x[..row] != x[row..2 * row]))
}

#[test]
fn random_networks_have_the_same_bits_everywhere() {
    for seed in 0..9 {
        check(&format!("random network {seed}"), &random_model(seed));
    }
    // Some saturate on the way.
    let varied = |model: &QuantizedModel| {
        let portable = self::model(model, Isa::Portable, 1, 0);
        is_varied(model, &logits(&predict(&portable, pictures(model).view(), SAMPLES)))
    };
    let models = (0..).map(random_model_of_all_operations).filter(varied);
    for (number, model) in models.take(12).enumerate() {
        check(&format!("random network {number} of all operations"), &model);
    }
    for seed in 0..3 {
        check(&format!("random network {seed} over volumes"), &random_volume_model(seed));
    }
}

#[test]
fn a_written_and_read_network_has_the_same_bits() {
    let model = random_model(3);
    let read = format::read(&format::write(&model).expect("a model")).expect("a model file");
    assert_eq!(read, model);
}

#[test]
fn shipped_models_have_the_same_bits_everywhere() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models");
    for name in ["fashion-resnet14", "mnist-scnn", "cifar10-resnet20"] {
        let file = folder.join(name).with_extension("safetensors");
        let bytes = std::fs::read(&file).expect("a shipped model");
        check(name, &format::read(&bytes).expect("a model file"));
    }
}
