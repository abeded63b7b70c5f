//! Loops of operations without weights.

use super::{kernels, reference};
use bayes8_conformance::{Random, random_codes, random_model_of_all_operations};
use bayes8_core::graph::{Depth, Op, Padding, Shape, Window};
use bayes8_core::numerics::{CodeRange, Quantization, Target};
use bayes8_core::ops::{
    Addition, AveragePooling, Concatenation, Job, Lookup, MaxPooling, Multiplication,
    Requantization, Rescale,
};
use bayes8_core::posterior::Draw;
use proptest::prelude::*;
use std::collections::BTreeSet;

prop_compose! {
    fn any_target()(zero_point: u8, a: u8, b: u8) -> Target {
        let range = CodeRange { low: a.min(b), high: a.max(b) };
        Target::new(Quantization { scale: 1.0, zero_point }, range)
    }
}

/// Generates multipliers as in real networks, and some that overflow or vanish.
fn any_multiplier() -> impl Strategy<Value = f32> {
    prop_oneof![4 => 0.01f32..3.0, 1 => 1e-38f32..1e-30, 1 => 1e30f32..3e38]
}

prop_compose! {
    fn any_rescale()(zero_point: u8, multiplier in any_multiplier()) -> Rescale {
        Rescale { zero_point, multiplier }
    }
}

prop_compose! {
    fn any_pool()(
        kernel in [1..6usize, 1..6usize],
        stride in [1..4usize, 1..4usize],
        dilation in [1..3usize, 1..3usize],
        pads in [0..100usize, 0..100, 0..100, 0..100],
        more in [0..5usize, 0..5usize],
        channels in 1..140usize,
        depth in prop_oneof![
            Just(Depth::default()),
            (2..4usize, 1..3usize)
                .prop_map(|(kernel, stride)| Depth { kernel, stride, dilation: 1 }),
        ],
        deep in [0..10usize, 0..10],
    ) -> MaxPooling {
        let reach = |i: usize| (kernel[i] - 1) * dilation[i];
        let pad = |n: usize, axis: usize| pads[n] % (reach(axis) + 1);
        let [front, back] = deep.map(|n| n % depth.kernel);
        let (top, bottom, left, right) = (pad(0, 0), pad(1, 0), pad(2, 1), pad(3, 1));
        let padding = Padding { top, bottom, left, right, front, back };
        let window = Window { kernel, stride, dilation, padding, depth };
        let (height, width) = (reach(0) + 1 + more[0], reach(1) + 1 + more[1]);
        let input = Shape::volume(depth.kernel, height, width, channels);
        MaxPooling { input, output: window.output(input).expect("a window that fits"), window }
    }
}

/// Fails if a kernel does not return the bits of the reference.
fn check(job: &Job, inputs: &[&[u8]], outputs: usize) -> Result<(), TestCaseError> {
    let expected = reference().run(job, inputs, outputs);
    for kernel in kernels() {
        prop_assert_eq!(kernel.run(job, inputs, outputs), &expected[..], "{}", kernel.name());
    }
    Ok(())
}

proptest! {
    #[test]
    fn max_pools_agree_with_the_reference(pool in any_pool(), seed: u64, pictures in 1..4usize) {
        let input = Random::new(seed).bytes(pictures * pool.input.elements());
        let outputs = pictures * pool.output.elements();
        check(&Job::MaxPooling(pool), &[&input], outputs)?;
    }

    #[test]
    fn average_pools_agree_with_the_reference(
        pool in any_pool(),
        seed: u64,
        pictures in 1..4usize,
        zero_point: u8,
        count_include_pad: bool,
        scale in 0.1f32..3.0,
        target in any_target(),
    ) {
        let MaxPooling { input, output, window } = pool;
        let codes = Random::new(seed).bytes(pictures * input.elements());
        let scales = [scale, 1.0];
        let job = AveragePooling {
            input, output, window, count_include_pad, zero_point, scales, target,
        };
        check(&Job::AveragePooling(job), &[&codes], pictures * output.elements())?;
    }

    #[test]
    fn additions_agree_with_the_reference(
        inputs in [any_rescale(), any_rescale()],
        target in any_target(),
        length in 1..300usize,
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let (a, b) = (random.bytes(length), random.bytes(length));
        check(&Job::Addition(Addition { inputs, target }), &[&a, &b], length)?;
    }

    #[test]
    fn products_agree_with_the_reference(
        zero_points: [u8; 2],
        multiplier in prop_oneof![3 => 1e-5f32..0.1, 1 => any_multiplier()],
        target in any_target(),
        positions in 1..8usize,
        channels in 1..100usize,
        by_channel: bool,
        pictures in 1..4usize,
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let factors = if by_channel { channels } else { positions * channels };
        let elements = [positions * channels, factors];
        let [a, b] = elements.map(|count| random.bytes(pictures * count));
        let job = Multiplication { elements, zero_points, multiplier, target };
        check(&Job::Multiplication(job), &[&a, &b], a.len())?;
    }

    #[test]
    fn concatenations_agree_with_the_reference(
        parts in proptest::collection::vec((any_rescale(), 1..70usize), 2..5),
        target in any_target(),
        pixels in 1..20usize,
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let inputs: Vec<Vec<u8>> =
            parts.iter().map(|&(_, channels)| random.bytes(pixels * channels)).collect();
        let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let channels = parts.iter().map(|&(_, channels)| channels).sum();
        let job = Concatenation { parts, channels, target };
        check(&Job::Concatenation(job), &inputs, pixels * channels)?;
    }

    #[test]
    fn tables_agree_with_the_reference(length in 1..700usize, seed: u64) {
        let mut random = Random::new(seed);
        let table = random.bytes(256).try_into().expect("256 bytes");
        let codes = random.bytes(length);
        check(&Job::Lookup(Lookup(Box::new(table))), &[&codes], length)?;
    }
}

proptest! {
    // A case has all 256 codes and is cheap, so run many.
    #![proptest_config(ProptestConfig::with_cases(4 * ProptestConfig::default().cases))]

    #[test]
    fn changes_of_grid_agree_with_the_reference(rescale in any_rescale(), target in any_target()) {
        let codes: Vec<u8> = (0..=255).chain(0..=100).collect();
        let job = Job::Requantization(Requantization { rescale, target });
        check(&job, &[&codes], codes.len())?;
    }
}

/// Odd multiples of 1/2 lie halfway between two codes.
#[test]
fn halves_round_to_even_in_every_kernel() {
    let grid = Quantization { scale: 1.0, zero_point: 128 };
    let target = Target::new(grid, CodeRange::FULL);
    let rescale = Rescale { zero_point: 128, multiplier: 0.5 };
    let job = Job::Requantization(Requantization { rescale, target });
    let codes: Vec<u8> = (0..=255).collect();
    let expected: Vec<u8> =
        (-128..128).map(|x| ((x as f32 / 2.0).round_ties_even() as i32 + 128) as u8).collect();
    for subject in kernels().into_iter().chain([reference()]) {
        let found = subject.run(&job, &[&codes], codes.len());
        assert_eq!(found, expected, "{}", subject.name());
    }
}

/// Covers the loops that cannot be made here, such as those of `slice` and `pad`, and every
/// operation that is added to the list.
#[test]
fn every_operation_of_random_networks_agrees_with_the_reference() {
    let (reference, kernels) = (reference(), kernels());
    let mut operations = BTreeSet::new();
    for seed in 0..300 {
        let model = random_model_of_all_operations(seed);
        let nodes = model.graph().nodes();
        let (codes, draw) = (random_codes(&model, 3, seed), Draw { seed, sample: 5 });
        let expected = reference.trace(&model, &codes, draw);
        for kernel in &kernels {
            let found = kernel.trace(&model, &codes, draw);
            assert_eq!(found.len(), expected.len(), "{}, seed {seed}", kernel.name());
            for (found, expected) in found.iter().zip(&expected) {
                let node = &nodes[expected.node];
                assert!(found == expected, "{}, seed {seed}: {}", kernel.name(), node.op.name());
            }
        }
        operations.extend(nodes.iter().map(|node| node.op.name()));
    }
    assert_eq!(operations.len(), Op::COUNT, "{operations:?}");
}
