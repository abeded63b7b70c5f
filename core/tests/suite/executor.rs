//! Compares the executor with a naive evaluation that keeps every value. A plan in which two living
//! values overlap, a wrong parameter or a wrong order shows as different logits.

use bayes8_core::executor::Executor;
use bayes8_core::graph::{Op, Padding, Shape, Value, Window};
use bayes8_core::head::{Head, labels::Labels};
use bayes8_core::model::{Layer, QuantizedModel};
use bayes8_core::ops::{AveragePool, MaxPool, PadChannels};
use bayes8_core::posterior::Draw;
use bayes8_core::reference::Reference;
use std::collections::BTreeSet;
use std::sync::Arc;

use bayes8_conformance::{
    Builder, Kind, Random, layer_mut, random_codes, random_model, random_model_of_all_operations,
    random_volume_model, thinned,
};

const SEED: u64 = 99;

/// Computes the logits of every picture and sample, `[samples][pictures]`, with the executor.
fn run(model: &QuantizedModel, codes: &[u8], samples: u32, capacity: usize) -> Vec<Vec<f32>> {
    let executor = Executor::new(model, Reference);
    let mut workspace = executor.workspace(capacity).unwrap();
    let mut all = Vec::new();
    let each = |picture, sample, logits: &[f32]| {
        let pictures = codes.len() / codes_per_picture(model);
        assert_eq!(all.len(), sample as usize * pictures + picture, "samples, then pictures");
        all.push(logits.to_vec());
    };
    executor.run(codes, SEED, 0..samples, &mut workspace, each).unwrap();
    all
}

fn expected(model: &QuantizedModel, codes: &[u8], samples: u32) -> Vec<Vec<f32>> {
    let pictures = || codes.chunks(codes_per_picture(model));
    (0..samples)
        .flat_map(|sample| pictures().map(move |p| crate::naive::logits(model, p, SEED, sample)))
        .collect()
}

fn codes_per_picture(model: &QuantizedModel) -> usize {
    model.input_planes().count() * model.graph().input().elements()
}

fn check(model: &QuantizedModel) {
    let codes = Random::new(5).bytes(3 * codes_per_picture(model));
    let expected = expected(model, &codes, 3);
    assert!(expected.iter().flatten().all(|x| x.is_finite()));
    for capacity in [1, 2, 7] {
        let found = run(model, &codes, 3, capacity);
        assert!(found == expected, "capacity {capacity}: {:#?}", model.graph().derive(|_, _| ()));
    }
}

#[test]
fn random_networks_agree_with_the_naive_evaluation() {
    for seed in thinned(0..400) {
        check(&random_model(seed));
        check(&random_model_of_all_operations(seed));
    }
}

/// Several outputs, in another order than their nodes, of a picture or a volume with two code planes.
#[test]
fn outputs_and_planes_agree_with_the_naive_evaluation() {
    for (seed, input) in [(1, Shape::new(4, 5, 2)), (2, Shape::volume(2, 3, 4, 2))] {
        for kind in [Kind::Deterministic, Kind::Bayesian] {
            let mut b = Builder::new(seed, input);
            b.takes_two_planes();
            let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
            let conv = b.conv(Value::Input, 33, 1, window, kind).unwrap();
            let depthwise = b.conv(Value::Input, 2, 2, window, kind).unwrap();
            let flat = b.op(Op::Flatten, &[Value::Input]).unwrap();
            let direct = b.linear(flat, 3, Kind::Bayesian).unwrap();
            let first = b.linear(conv, 2, kind).unwrap();
            let second = b.linear(depthwise, 4, Kind::BayesianBias).unwrap();
            let labels = |count| Head::Labels(Labels { count, names: Vec::new() }.into());
            b.output("a", &[second], 1.0, labels(4));
            b.output("b", &[first, direct], 1.0, labels(5));
            check(&b.finish());
        }
    }
}

#[test]
fn random_networks_over_volumes_agree_with_the_naive_evaluation() {
    for seed in thinned(0..300) {
        check(&random_volume_model(seed));
    }
}

/// A trace leaves out only nodes without a step: flattened values and fused convolutions.
#[test]
fn a_trace_has_the_value_of_every_step() {
    let mut fused = 0;
    for model in (0..100).flat_map(|s| [random_model(s), random_model_of_all_operations(s)]) {
        let codes = random_codes(&model, 3, 5);
        let elements = model.graph().input().elements();
        let naive: Vec<_> = codes
            .chunks(elements)
            .map(|picture| crate::naive::trace(&model, picture, SEED, 4))
            .collect();
        for capacity in [1, 2, 7] {
            let executor = Executor::new(&model, Reference);
            let mut workspace = executor.workspace(capacity).unwrap();
            executor.begin(&codes, &mut workspace).unwrap();
            let draw = Draw { seed: SEED, sample: 4 };
            let trace = executor.trace(draw, &mut workspace);
            assert_eq!(trace, executor.trace(draw, &mut workspace), "a trace changes nothing");
            let last = model.graph().nodes().len() - 1;
            for output in &trace {
                let expected: Vec<u8> = naive
                    .iter()
                    .flat_map(|(codes, logits)| match output.node {
                        node if node == last => {
                            logits.iter().flat_map(|logit| logit.to_le_bytes()).collect()
                        }
                        node => codes[node].clone(),
                    })
                    .collect();
                assert!(output.bytes == expected, "node {}: {:#?}", output.node, model.graph());
            }
            let traced: Vec<usize> = trace.iter().map(|output| output.node).collect();
            assert!(traced.is_sorted() && traced.last() == Some(&last));
            for (index, node) in model.graph().nodes().iter().enumerate() {
                let missing = !traced.contains(&index);
                assert_eq!(missing && !node.op.is_weighted(), node.op == Op::Flatten);
                fused += usize::from(missing && node.op.is_weighted());
            }
        }
    }
    assert!(fused > 0, "no residual addition was fused");
}

#[test]
fn the_generator_makes_every_operation_and_kind_of_layer() {
    let models: Vec<QuantizedModel> = (0..400).map(random_model_of_all_operations).collect();
    let volumes: Vec<QuantizedModel> = (0..100).map(random_volume_model).collect();
    // New operations are included automatically.
    for (models, count) in [(&models, Op::COUNT), (&volumes, 12)] {
        let nodes = models.iter().flat_map(|model| model.graph().nodes());
        let operations: BTreeSet<&str> = nodes.map(|node| node.op.name()).collect();
        assert_eq!(operations.len(), count, "{operations:?}");
    }
    assert!(volumes.iter().any(|m| layers(m).any(|l| l.depthwise)));
    let any = |f: fn(&QuantizedModel) -> bool| models.iter().any(f);
    assert!(any(|m| layers(m).all(|l| l.is_bayesian())), "no prefix");
    assert!(
        any(|m| !layers(m).next().unwrap().is_bayesian() && layers(m).any(|l| l.is_bayesian()))
    );
    assert!(any(|m| layers(m).any(|l| l.depthwise)));
    assert!(any(|m| m.members() > 1 && m.randomness().bayesian_layers == 0), "an ensemble");
    assert!(any(|m| m.layers().any(|l| !l.is_shared()) && m.layers().any(|l| l.is_shared())));
    assert!(any(|m| layers(m).any(|l| l.posterior.is_none() && l.is_bayesian())));
}

/// Iterates over the layers of all members.
fn layers(model: &QuantizedModel) -> impl Iterator<Item = &Arc<Layer>> {
    model.layers().flat_map(|members| members.iter())
}

/// Comparing networks whose values saturate would prove little.
#[test]
fn most_random_networks_tell_pictures_and_samples_apart() {
    let (mut pictures, mut samples, mut sampled) = (0, 0, 0);
    for model in (0..100).map(random_model) {
        let logits = run(&model, &random_codes(&model, 2, 1), 2, 2);
        pictures += u32::from(logits[0] != logits[1]);
        if !model.randomness().is_deterministic() {
            sampled += 1;
            samples += u32::from(logits[0] != logits[2]);
        }
    }
    assert!(pictures >= 90 && samples * 10 >= sampled * 9, "{pictures}, {samples} of {sampled}");
}

#[test]
fn earlier_runs_leave_no_trace_in_a_workspace() {
    for seed in 0..40 {
        let model = random_model(seed);
        let executor = Executor::new(&model, Reference);
        let mut used = executor.workspace(2).unwrap();
        executor.run(&random_codes(&model, 5, 1), 1, 0..2, &mut used, |_, _, _| {}).unwrap();
        for pictures in [3, 1, 0, 4] {
            let codes = random_codes(&model, pictures, 2);
            let mut found = Vec::new();
            executor.run(&codes, SEED, 0..2, &mut used, |_, _, x| found.push(x.to_vec())).unwrap();
            assert_eq!(found, run(&model, &codes, 2, 2), "seed {seed}, {pictures} pictures");
        }
    }
}

#[test]
fn a_range_of_samples_gives_the_same_logits_as_in_a_longer_range() {
    let model = random_model(8);
    let codes = random_codes(&model, 2, 1);
    let executor = Executor::new(&model, Reference);
    let mut found = Vec::new();
    let mut workspace = executor.workspace(1).unwrap();
    executor.run(&codes, SEED, 3..5, &mut workspace, |_, _, x| found.push(x.to_vec())).unwrap();
    assert_eq!(found, run(&model, &codes, 5, 1)[6..]);
}

/// Appends a classifier to `x`.
fn finish(mut builder: Builder, x: Value, kind: Kind) -> QuantizedModel {
    builder.linear(x, 5, kind).unwrap();
    builder.finish()
}

fn padded(kernel: usize) -> Window {
    Window { padding: Padding::uniform(kernel / 2), ..Window::new([kernel, kernel]) }
}

#[test]
fn residual_additions_keep_their_shortcut_alive() {
    for kind in [Kind::Bayesian, Kind::Deterministic] {
        let mut b = Builder::new(1, Shape::new(6, 5, 4));
        let stem = b.conv(Value::Input, 8, 1, padded(3), kind).unwrap();
        let one = b.conv(stem, 8, 1, padded(3), kind).unwrap();
        let two = b.conv(one, 8, 1, padded(3), kind).unwrap();
        let sum = b.op(Op::Add, &[two, stem]).unwrap();
        let doubled = b.op(Op::Add, &[sum, sum]).unwrap();
        check(&finish(b, doubled, Kind::Bayesian));
    }
}

#[test]
fn concat_rescales_each_of_its_inputs() {
    let mut b = Builder::new(2, Shape::new(4, 4, 3));
    let one = b.conv(Value::Input, 5, 1, padded(3), Kind::Bayesian).unwrap();
    let two = b.conv(Value::Input, 2, 1, padded(1), Kind::Deterministic).unwrap();
    let all = b.op(Op::Concat, &[one, Value::Input, two, one]).unwrap();
    assert_eq!(b.shape(all).channels, 15);
    check(&finish(b, all, Kind::Bayesian));
}

#[test]
fn slices_and_channel_padding_move_codes() {
    let mut b = Builder::new(3, Shape::new(7, 6, 3));
    let conv = b.conv(Value::Input, 4, 1, padded(3), Kind::Bayesian).unwrap();
    let slice = b.slice(conv, 1, 2).unwrap();
    assert_eq!(b.shape(slice), Shape::new(3, 3, 4));
    let pad = b.op(Op::PadChannels(PadChannels { before: 2, after: 3 }), &[slice]).unwrap();
    check(&finish(b, pad, Kind::Bayesian));
}

#[test]
fn pools_with_and_without_padding_in_the_divisor() {
    for count_include_pad in [false, true] {
        let mut b = Builder::new(4, Shape::new(7, 8, 5));
        let window = Window { stride: [2, 2], ..padded(3) };
        let max = b.op(Op::MaxPool(MaxPool { window }), &[Value::Input]).unwrap();
        let mean =
            b.op(Op::AveragePool(AveragePool { window, count_include_pad }), &[max]).unwrap();
        let conv = b.conv(mean, 6, 1, padded(3), Kind::Bayesian).unwrap();
        let window = padded(3);
        let mean =
            b.op(Op::AveragePool(AveragePool { window, count_include_pad }), &[conv]).unwrap();
        let global = b.op(Op::GlobalAveragePool, &[mean]).unwrap();
        check(&finish(b, global, Kind::Bayesian));
    }
}

#[test]
fn flatten_shares_the_memory_of_its_input() {
    // Of the picture, of a value of the prefix, and of a sampled value that is also read later.
    let mut b = Builder::new(5, Shape::new(3, 3, 2));
    let flat = b.op(Op::Flatten, &[Value::Input]).unwrap();
    check(&finish(b, flat, Kind::Bayesian));
    for kind in [Kind::Deterministic, Kind::Bayesian] {
        let mut b = Builder::new(6, Shape::new(3, 3, 2));
        let conv = b.conv(Value::Input, 4, 1, padded(3), kind).unwrap();
        let flat = b.op(Op::Flatten, &[conv]).unwrap();
        let again = b.op(Op::Flatten, &[flat]).unwrap();
        let hidden = b.linear(again, 36, Kind::Bayesian).unwrap();
        let other = b.linear(hidden, 36, Kind::Bayesian).unwrap();
        let sum = b.op(Op::Add, &[other, again]).unwrap();
        check(&finish(b, sum, Kind::Bayesian));
    }
}

#[test]
fn unread_values_do_no_harm() {
    let mut b = Builder::new(7, Shape::new(4, 4, 2));
    let conv = b.conv(Value::Input, 4, 1, padded(3), Kind::Bayesian).unwrap();
    b.conv(conv, 9, 1, padded(3), Kind::Bayesian).unwrap();
    b.op(Op::Flatten, &[Value::Input]).unwrap();
    b.conv(Value::Input, 9, 1, padded(3), Kind::Deterministic).unwrap();
    check(&finish(b, conv, Kind::Deterministic));
}

#[test]
fn a_deterministic_network_gives_every_sample_the_same_logits() {
    let mut b = Builder::new(8, Shape::new(4, 4, 2));
    let conv = b.conv(Value::Input, 4, 1, padded(3), Kind::Deterministic).unwrap();
    let model = finish(b, conv, Kind::Deterministic);
    check(&model);
    let codes = random_codes(&model, 1, 3);
    let logits = run(&model, &codes, 4, 1);
    assert!(logits.iter().all(|x| x == &logits[0]));
}

/// A layer with zero spread is drawn for every sample; without a posterior it is in the prefix.
#[test]
fn running_the_prefix_once_equals_running_it_for_every_sample() {
    for seed in 0..20 {
        let mut b = Builder::new(seed, Shape::new(5, 5, 3));
        let stem = b.conv(Value::Input, 8, 1, padded(3), Kind::Bayesian).unwrap();
        let pool = b.op(Op::MaxPool(MaxPool { window: padded(3) }), &[stem]).unwrap();
        let head = b.conv(pool, 8, 1, padded(3), Kind::Bayesian).unwrap();
        let sum = b.op(Op::Add, &[head, pool]).unwrap();
        b.linear(sum, 4, Kind::Bayesian).unwrap();
        let mut parts = b.parts();
        let stem = layer_mut(&mut parts, 0);
        stem.posterior = stem.posterior.take().map(|p| p.reordered(|sigma| vec![0; sigma.len()]));
        if let Some(bias) = &mut stem.bias {
            bias.sigma = None;
        }
        let frozen = QuantizedModel::new(parts.clone()).unwrap();
        layer_mut(&mut parts, 0).posterior = None;
        let deterministic = QuantizedModel::new(parts).unwrap();
        let codes = random_codes(&frozen, 3, 4);
        assert_eq!(run(&frozen, &codes, 3, 2), run(&deterministic, &codes, 3, 2));
        check(&deterministic);
    }
}
