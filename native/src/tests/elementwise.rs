//! Pools, residual addition and change of grid.

use super::{kernels, reference};
use bayes8_conformance::Random;
use bayes8_core::backend::{Add, AveragePool, Pool, Rescale};
use bayes8_core::graph::{Depth, Padding, Shape, Window};
use bayes8_core::numerics::{CodeRange, Quantization, Target};
use proptest::prelude::*;

prop_compose! {
    fn any_target()(zero_point: u8, a: u8, b: u8) -> Target {
        let range = CodeRange { low: a.min(b), high: a.max(b) };
        Target::new(Quantization { scale: 1.0, zero_point }, range)
    }
}

prop_compose! {
    /// Multipliers of real networks, and such as overflow or vanish.
    fn any_rescale()(
        zero_point: u8,
        multiplier in prop_oneof![4 => 0.01f32..3.0, 1 => 1e-38f32..1e-30, 1 => 1e30f32..3e38],
    ) -> Rescale {
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
    ) -> Pool {
        let reach = |i: usize| (kernel[i] - 1) * dilation[i];
        let pad = |n: usize, axis: usize| pads[n] % (reach(axis) + 1);
        let [front, back] = deep.map(|n| n % depth.kernel);
        let (top, bottom, left, right) = (pad(0, 0), pad(1, 0), pad(2, 1), pad(3, 1));
        let padding = Padding { top, bottom, left, right, front, back };
        let window = Window { kernel, stride, dilation, padding, depth };
        let (height, width) = (reach(0) + 1 + more[0], reach(1) + 1 + more[1]);
        let input = Shape::volume(depth.kernel, height, width, channels);
        Pool { input, output: window.output(input).expect("a window that fits"), window }
    }
}

proptest! {
    #[test]
    fn max_pools_agree_with_the_reference(pool in any_pool(), seed: u64, pictures in 1..4usize) {
        let input = Random::new(seed).bytes(pictures * pool.input.elements());
        let expected = reference().max_pool(&pool, &input);
        for kernel in kernels() {
            prop_assert_eq!(kernel.max_pool(&pool, &input), &expected[..], "{}", kernel.name());
        }
    }

    #[test]
    fn average_pools_agree_with_the_reference(
        pool in any_pool(),
        seed: u64,
        pictures in 1..4usize,
        zero_point: u8,
        one_divisor: bool,
        target in any_target(),
    ) {
        let input = Random::new(seed).bytes(pictures * pool.input.elements());
        let taps = pool.window.taps();
        let counts = if one_divisor { taps..=taps } else { 1..=taps };
        let multipliers = counts.map(|n| 1.0 / n as f32).collect();
        let job = AveragePool { pool, zero_point, multipliers, target };
        let expected = reference().average_pool(&job, &input);
        for kernel in kernels() {
            prop_assert_eq!(kernel.average_pool(&job, &input), &expected[..], "{}", kernel.name());
        }
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
        let add = Add { inputs, target };
        let expected = reference().add(&add, &a, &b);
        for kernel in kernels() {
            prop_assert_eq!(kernel.add(&add, &a, &b), &expected[..], "{}", kernel.name());
        }
    }
}

proptest! {
    // All 256 codes at a time leave little to repeat.
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn changes_of_grid_agree_with_the_reference(rescale in any_rescale(), target in any_target()) {
        let codes: Vec<u8> = (0..=255).chain(0..=100).collect();
        let expected = reference().requantize(rescale, target, &codes);
        for kernel in kernels() {
            let found = kernel.requantize(rescale, target, &codes);
            prop_assert_eq!(found, &expected[..], "{}", kernel.name());
        }
    }
}

/// Multiples of 1/2 stand between two codes everywhere.
#[test]
fn halves_round_to_even_in_every_kernel() {
    let grid = Quantization { scale: 1.0, zero_point: 128 };
    let target = Target::new(grid, CodeRange::FULL);
    let rescale = Rescale { zero_point: 128, multiplier: 0.5 };
    let codes: Vec<u8> = (0..=255).collect();
    let expected: Vec<u8> =
        (-128..128).map(|x| ((x as f32 / 2.0).round_ties_even() as i32 + 128) as u8).collect();
    for subject in kernels().into_iter().chain([reference()]) {
        assert_eq!(subject.requantize(rescale, target, &codes), expected, "{}", subject.name());
    }
}
