//! The noise is close to a Gaussian, and every weight takes the random bytes that docs/NUMERICS.md
//! specifies.

use bayes8_core::layer::{Bias, Layer};
use bayes8_core::posterior::Draw;
use bayes8_core::posterior::gaussian::{NOISE_MAX, NOISE_STD, NOISE_TABLES, noise};
use bayes8_core::posterior::variance::NoiseDistribution;
use bayes8_core::posterior::{Posterior, gaussian::Gaussian};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use bayes8_conformance::Random;

/// Iterates over the noise of all 65,536 pairs of bytes.
fn outcomes() -> impl Iterator<Item = i8> {
    (0..=255).flat_map(|first| (0..=255).map(move |second| noise(first, second)))
}

fn moment(power: i32) -> f64 {
    outcomes().map(|n| f64::from(n).powi(power)).sum::<f64>() / 65_536.0
}

/// Computes the distribution function of the Gaussian, by Simpson's rule from 0.
fn gaussian_below(x: f64) -> f64 {
    let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let steps = 2000;
    let h = x / f64::from(steps);
    let weight = |i: i32| match i {
        0 => 1.0,
        i if i == steps => 1.0,
        i => 2.0 + 2.0 * f64::from(i % 2),
    };
    let sum: f64 = (0..=steps).map(|i| weight(i) * density(f64::from(i) * h)).sum();
    0.5 + sum * h / 3.0
}

fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found}, expected {expected} +- {tolerance}");
}

#[test]
fn moments_are_those_of_a_gaussian() {
    let variance = moment(2);
    assert_near(moment(1), 0.0, 0.0);
    assert_near(variance, NOISE_STD * NOISE_STD, 1e-9);
    assert_near(variance.sqrt(), 31.13, 0.005);
    assert_near(moment(4) / variance.powi(2), 3.006, 0.0005);
    assert_near(moment(6) / variance.powi(3), 15.02, 0.005);
}

#[test]
fn the_largest_noise_is_126_which_is_4_05_sigma() {
    assert_eq!(outcomes().max().map(i32::from), Some(NOISE_MAX));
    assert_eq!(outcomes().min().map(i32::from), Some(-NOISE_MAX));
    assert_eq!(NOISE_MAX, 126);
    assert_near(f64::from(NOISE_MAX) / NOISE_STD, 4.05, 0.005);
}

/// The distance has the continuity correction of a distribution over integers: P(eps <= n) is
/// compared with the Gaussian at n + 1/2. Without the correction, half a step alone, 0.5 / 31.13
/// sigma, is a distance of 6.6e-3, which says nothing about the tables.
#[test]
fn the_kolmogorov_distance_to_the_gaussian_is_2_7e_4() {
    let mut counts = [0u32; 256];
    outcomes().for_each(|n| counts[(i32::from(n) + 128) as usize] += 1);
    let (mut below, mut largest) = (0, 0.0f64);
    for (i, count) in counts.iter().enumerate() {
        below += count;
        let edge = (i as f64 - 128.0 + 0.5) / NOISE_STD;
        let distance = f64::from(below) / 65_536.0 - gaussian_below(edge);
        largest = largest.max(distance.abs());
    }
    assert_near(largest, 2.7e-4, 0.05e-4);
}

#[test]
fn tables_are_symmetric_and_as_designed() {
    let positive = NOISE_TABLES.map(|table| <[i8; 8]>::try_from(&table[8..]).unwrap());
    let designed = [
        [0, 1, 10, 12, 13, 16, 23, 27],
        [0, 4, 6, 10, 12, 16, 18, 32],
        [0, 2, 4, 4, 5, 7, 9, 38],
        [2, 4, 8, 10, 11, 19, 28, 29],
    ];
    assert_eq!(positive, designed);
    for table in NOISE_TABLES {
        assert!((0..16).all(|i| table[15 - i] == -table[i]));
    }
}

#[test]
fn nibbles_select_the_tables_from_low_to_high() {
    let [t0, t1, t2, t3] = NOISE_TABLES;
    for first in 0..=255u8 {
        for second in 0..=255u8 {
            let low = |byte: u8| usize::from(byte % 16);
            let high = |byte: u8| usize::from(byte / 16);
            let sum = t0[low(first)] + t1[high(first)] + t2[low(second)] + t3[high(second)];
            assert_eq!(noise(first, second), sum);
            assert_eq!(noise(!first, !second), -sum, "complemented bytes negate the noise");
        }
    }
}

#[test]
fn the_enumerated_distribution_counts_all_outcomes() {
    let mut counts = [0u32; 256];
    outcomes().for_each(|n| counts[(i32::from(n) + 128) as usize] += 1);
    let distribution = NoiseDistribution::new();
    assert_eq!(distribution.outcomes().map(|(_, count)| count).sum::<u32>(), 65_536);
    for (value, count) in distribution.outcomes() {
        assert_eq!(count, counts[(i32::from(value) + 128) as usize], "noise {value}");
    }
}

/// Reads the noise of weights from the key stream as docs/NUMERICS.md describes it.
struct Bytes(Vec<u8>);

impl Bytes {
    fn new(seed: u64, stream: u64, groups: usize) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream);
        let mut bytes = vec![0; groups * 1024];
        generator.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Returns byte `offset` of the groups: byte (16 j + b) * 4 of a group is word j of its block
    /// b.
    fn at(&self, offset: usize) -> u8 {
        let (group, within) = (offset / 1024, offset % 1024);
        let (word, block, byte) = (within / 64, within % 64 / 4, within % 4);
        self.0[group * 1024 + block * 64 + word * 4 + byte]
    }

    fn noise(&self, row: usize, row_length: usize, i: usize) -> i64 {
        let chunk = row * row_length.div_ceil(64) + i / 64;
        let nibbles = |byte: u8| [usize::from(byte & 15), usize::from(byte >> 4)];
        let [n0, n1] = nibbles(self.at(chunk * 128 + i % 64));
        let [n2, n3] = nibbles(self.at(chunk * 128 + 64 + i % 64));
        let [t0, t1, t2, t3] = NOISE_TABLES;
        i64::from(t0[n0]) + i64::from(t1[n1]) + i64::from(t2[n2]) + i64::from(t3[n3])
    }
}

fn mulhrs(a: i64, b: i64) -> i64 {
    (a * b + (1 << 14)).div_euclid(1 << 15)
}

fn layer(index: u32, out_channels: usize, fan_in: usize, depthwise: bool) -> Layer {
    let mut random = Random::new(u64::from(index));
    let weights = out_channels * fan_in;
    Layer {
        index,
        out_channels,
        depthwise,
        mu: random.bytes(weights).into_iter().map(|byte| byte as i8).collect(),
        posterior: Some(Posterior::Gaussian(Gaussian {
            sigma: random.bytes(weights),
            noise_multiplier: (0..out_channels).map(|_| random.between(0, 300) as i16).collect(),
        })),
        scale: vec![1.0; out_channels],
        bias: Some(Bias {
            mu: (0..out_channels).map(|_| random.real(-1e6, 1e6) as i32).collect(),
            sigma: Some((0..out_channels).map(|_| random.real(0.0, 1e9) as i32).collect()),
        }),
    }
}

fn check_weights(layer: &Layer, draw: Draw, channel: impl Fn(usize, usize) -> usize) {
    let mut weights = vec![0; layer.mu.len()];
    layer.sample_weights(draw, &mut weights);
    let Posterior::Gaussian(posterior) = layer.posterior.as_ref().unwrap();
    let row_length = layer.row_length();
    let stream = u64::from(layer.index) << 32 | u64::from(draw.sample);
    let bytes = Bytes::new(draw.seed, stream, 1 + weights.len().div_ceil(64).max(200) / 8);
    for (at, &weight) in weights.iter().enumerate() {
        let (row, i) = (at / row_length, at % row_length);
        let spread = bytes.noise(row, row_length, i) * i64::from(posterior.sigma[at]);
        let multiplier = i64::from(posterior.noise_multiplier[channel(row, i)]);
        let expected = i64::from(layer.mu[at]) + mulhrs(spread, multiplier);
        assert_eq!(i64::from(weight), expected.clamp(-128, 127), "row {row}, weight {i}");
    }
}

#[test]
fn rows_of_whole_chunks_follow_each_other() {
    check_weights(&layer(0, 10, 128, false), Draw { seed: 1, sample: 0 }, |row, _| row);
}

#[test]
fn rows_are_padded_to_chunks() {
    for fan_in in [1, 27, 63, 65, 147] {
        let draw = Draw { seed: u64::MAX - 2, sample: 31 };
        check_weights(&layer(3, 17, fan_in, false), draw, |row, _| row);
    }
}

#[test]
fn a_depthwise_layer_is_one_row_of_taps_then_channels() {
    check_weights(&layer(2, 24, 9, true), Draw { seed: 5, sample: 7 }, |_, i| i % 24);
}

#[test]
fn biases_have_a_separate_stream() {
    let layer = layer(4, 130, 3, false);
    let draw = Draw { seed: 77, sample: 8 };
    let mut biases = vec![0; layer.out_channels];
    layer.sample_biases(draw, &mut biases);
    let bytes = Bytes::new(77, 1 << 63 | 4 << 32 | 8, 1);
    let bias = layer.bias.as_ref().unwrap();
    for (i, &sampled) in biases.iter().enumerate() {
        let sigma = bias.sigma.as_ref().unwrap()[i];
        let expected = i64::from(bias.mu[i]) + mulhrs(bytes.noise(0, 130, i), i64::from(sigma));
        assert_eq!(i64::from(sampled), expected, "bias {i}");
    }
}
