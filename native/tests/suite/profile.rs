//! Profiles leave the bits alone, list every step, and account for the time of a prediction.

use crate::small_model::pictures;
use bayes8_conformance::{random_model, random_model_of_all_operations, repository};
use bayes8_native::core::graph::Value;
use bayes8_native::profile::{Profiler, Work};
use bayes8_native::{Draws, Isa, Model, ModelOptions, Pictures, PredictOptions, QuantizedModel};
use std::time::Duration;

/// Multiply-accumulates of every node for `pictures` pictures and `samples` samples: once per sample from the
/// first Bayesian layer on.
fn multiply_accumulates(model: &QuantizedModel, pictures: u64, samples: u64) -> Vec<u64> {
    let nodes = model.graph().nodes();
    let mut sampled = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let varies = node.data.weights_vary() || node.op.is_random();
        let inherits = |&value: &Value| matches!(value, Value::Node(n) if sampled[n]);
        sampled.push(varies || node.inputs.iter().any(inherits) || index + 1 == nodes.len());
    }
    let times = |sampled| pictures * if sampled { samples } else { 1 };
    let nodes = sampled.into_iter().enumerate();
    nodes.map(|(n, sampled)| model.graph().multiply_accumulates(n) * times(sampled)).collect()
}

/// A batch of one block and one of several, whose weights are drawn before the steps.
#[test]
fn a_profile_changes_no_bit_and_has_every_step_with_its_products() {
    for (isa, seed) in Isa::available().flat_map(|isa| (0..12).map(move |seed| (isa, seed))) {
        let model = random_model_of_all_operations(seed);
        let graph = model.graph().clone();
        let profiler = Profiler::new(model.clone(), ModelOptions::new().isa(isa)).expect("a model");
        let model = Model::new(model, ModelOptions::new().isa(isa)).expect("a model");
        for count in [3, 40] {
            let (pictures, samples) = (pictures(&model, count), 5);
            let pictures = Pictures::Bytes(pictures.view());
            let options =
                PredictOptions::new().samples(2..2 + samples).seed(seed).keep_logits(true);
            let (predictions, profile) = profiler.predict(pictures, &options).expect("pictures");
            assert_eq!(model.predict(pictures, &options), Ok(predictions), "{isa}, {seed}");

            let name = |step: &[usize]| graph.nodes()[*step.last().expect("a node")].name.clone();
            let steps: Vec<_> = profile.steps.iter().map(|step| name(&step.nodes)).collect();
            let trace = model.trace(pictures, Some(Draws::Random { seed }), 0).expect("pictures");
            assert!(trace.iter().map(|step| &step.node).eq(&steps), "{isa}, {seed}: {steps:?}");

            let expected = multiply_accumulates(model.quantized(), count as u64, samples.into());
            let expected = |step: &[usize]| step.iter().map(|&node| expected[node]).sum::<u64>();
            for step in &profile.steps {
                assert_eq!(step.multiply_accumulates, expected(&step.nodes), "{isa}, {seed}");
            }
            let listed: u64 = profile.steps.iter().map(|step| expected(&step.nodes)).sum();
            assert_eq!(listed, expected(&Vec::from_iter(0..graph.nodes().len())), "all products");
            let of_model = model.quantized().multiply_accumulates_of(samples);
            assert_eq!(listed, count as u64 * of_model, "{isa}, {seed}");
        }
    }
}

#[test]
fn every_step_is_charged_for_the_work_that_it_does_and_for_no_other() {
    for (isa, seed) in Isa::available().flat_map(|isa| (0..12).map(move |seed| (isa, seed))) {
        let model = random_model_of_all_operations(seed);
        let profiler = Profiler::new(model.clone(), ModelOptions::new().isa(isa)).expect("a model");
        for count in [3, 40] {
            let pictures = pictures(profiler.model(), count);
            let options = PredictOptions::new().samples(0..5);
            let profile = profiler.predict(Pictures::Bytes(pictures.view()), &options);
            for step in profile.expect("pictures").1.steps {
                let weighted = step.nodes.iter().find_map(|&node| model.graph().filters(node));
                let layer = model.graph().nodes()[step.nodes[0]].data.layer();
                let is_bayesian = layer.is_some_and(|l| l.iter().any(|layer| layer.is_bayesian()));
                let depthwise = weighted.map(|filters| filters.is_depthwise());
                let is_3x3 = weighted.is_some_and(|filters| filters.window.kernel == [3, 3]);
                for work in Work::ALL {
                    let expected = match work {
                        Work::Sampling => is_bayesian,
                        Work::Transforms => step.time(work) > Duration::ZERO && is_3x3,
                        Work::Packing => depthwise == Some(false) && isa != Isa::Portable,
                        Work::Products => depthwise == Some(false),
                        Work::Depthwise => depthwise == Some(true),
                        Work::Loop => depthwise.is_none(),
                    };
                    let found = step.time(work) > Duration::ZERO;
                    assert_eq!(found, expected, "{isa}, {seed}, {:?}: {work:?}", step.nodes);
                }
            }
        }
    }
}

#[test]
fn weights_from_the_bank_are_not_drawn_again() {
    let model = random_model(1);
    let draw = Profiler::new(model.clone(), ModelOptions::new()).expect("a model");
    let bank_bytes = 5 * draw.model().weight_bytes();
    let banked = Profiler::new(model, ModelOptions::new().bank_bytes(bank_bytes)).expect("a model");
    let pictures = pictures(draw.model(), 3);
    let sampling = |profiler: &Profiler| {
        let options = PredictOptions::new().samples(0..5);
        let profile = profiler.predict(Pictures::Bytes(pictures.view()), &options);
        let (_, profile) = profile.expect("pictures");
        profile.steps.iter().map(|step| step.time(Work::Sampling)).sum::<Duration>()
    };
    assert!(sampling(&banked) > Duration::ZERO, "the first call draws");
    assert_eq!(sampling(&banked), Duration::ZERO);
    assert!(sampling(&draw) > Duration::ZERO && sampling(&draw) > Duration::ZERO);
}

#[test]
fn kernels_that_multiply_i16_transform_activations() {
    let file = repository().join("models/fashion-resnet14.safetensors");
    for isa in Isa::available() {
        let model = Model::load(&file).expect("a model").quantized().clone();
        let profiler = Profiler::new(model, ModelOptions::new().isa(isa)).expect("a model");
        let pictures = pictures(profiler.model(), 2);
        let options = PredictOptions::new().samples(0..1);
        let profile = profiler.predict(Pictures::Bytes(pictures.view()), &options);
        let steps = profile.expect("pictures").1.steps;
        let found = steps.iter().any(|step| step.time(Work::Transforms) > Duration::ZERO);
        assert_eq!(found, matches!(isa, Isa::Avx2 | Isa::Avx512Bw), "{isa}");
    }
}

#[test]
fn the_steps_account_for_most_of_the_time() {
    let file = repository().join("models/fashion-resnet14.safetensors");
    let model = Model::load(file).expect("a model").quantized().clone();
    let profiler = Profiler::new(model, ModelOptions::new()).expect("a model");
    let pictures = pictures(profiler.model(), 4);
    let options = PredictOptions::new().samples(0..4);
    // A busy machine may stop the thread between two steps, but not every time.
    let accounted = (0..20).any(|_| {
        let profile = profiler.predict(Pictures::Bytes(pictures.view()), &options);
        let (_, profile) = profile.expect("pictures");
        let of_steps: Duration = profile.steps.iter().map(|step| step.total()).sum();
        assert!(of_steps <= profile.total, "{profile:?}");
        of_steps > profile.total * 3 / 4
    });
    assert!(accounted);
}
