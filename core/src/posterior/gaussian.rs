//! Draws INT8 weights from the quantized posterior: `q_w = sat8(q_mu + mulhrs(eps8 * q_sigma, m))`.
//!
//! This is the definition that every back end reproduces bit for bit; `docs/NUMERICS.md` gives it
//! in words. One weight takes 16 random bits: four nibbles, each of which selects an entry of a
//! 16-entry table, so that a byte shuffle can do the look-up. The sum of the four entries is the
//! noise `eps8`, close to a Gaussian of standard deviation [`NOISE_STD`].

use crate::chacha::{ChaCha8, GROUP_BYTES, Group};
use crate::check::{check_count, check_not_negative, named};
use crate::error::ModelError;
use alloc::vec::Vec;

/// Weights per chunk of random bytes.
pub const CHUNK: usize = 64;

/// Chunks per group of the key stream.
pub const CHUNKS_PER_GROUP: usize = GROUP_BYTES / (2 * CHUNK);

/// The four tables of the noise. Each is antisymmetric: `T[15 - i] = -T[i]`. A search found them so
/// that the moments of the sum match a Gaussian's (a test recomputes them).
pub const NOISE_TABLES: [[i8; 16]; 4] = [
    symmetric([0, 1, 10, 12, 13, 16, 23, 27]),
    symmetric([0, 4, 6, 10, 12, 16, 18, 32]),
    symmetric([0, 2, 4, 4, 5, 7, 9, 38]),
    symmetric([2, 4, 8, 10, 11, 19, 28, 29]),
];

/// The largest |eps8|: the sum of the largest entries of the four tables.
pub const NOISE_MAX: i32 = 27 + 32 + 38 + 29;

/// Standard deviation of `eps8` over its 65,536 equally likely outcomes: the root of the tables'
/// summed mean squares, 969.25 (a test recomputes it).
pub const NOISE_STD: f64 = 31.132_780_152_116_194;

const fn symmetric(positive: [i8; 8]) -> [i8; 16] {
    let mut table = [0; 16];
    let mut i = 0;
    while i < 8 {
        table[8 + i] = positive[i];
        table[7 - i] = -positive[i];
        i += 1;
    }
    table
}

/// Returns the noise of two random bytes, in `-NOISE_MAX..=NOISE_MAX`. Nibbles `n0` (low) and `n1`
/// are those of the first byte, `n2` and `n3` those of the second.
#[inline(always)]
pub fn noise(first: u8, second: u8) -> i8 {
    let [t0, t1, t2, t3] = &NOISE_TABLES;
    let nibble = |byte: u8, shift: u8| usize::from(byte >> shift & 15);
    t0[nibble(first, 0)] + t1[nibble(first, 4)] + t2[nibble(second, 0)] + t3[nibble(second, 4)]
}

/// Computes `(a * b + 2^14) >> 15`: the high half of a product, rounded (`pmulhrsw`).
#[inline(always)]
pub const fn mulhrs(a: i16, b: i16) -> i16 {
    ((a as i32 * b as i32 + (1 << 14)) >> 15) as i16
}

/// Computes one weight from its mean code `mu`, its sigma code `sigma`, the channel's noise
/// `multiplier` and the noise.
#[inline(always)]
pub const fn sample_weight(mu: i8, sigma: u8, multiplier: i16, noise: i8) -> i8 {
    let sum = mu as i16 + mulhrs(noise as i16 * sigma as i16, multiplier);
    if sum < i8::MIN as i16 {
        i8::MIN
    } else if sum > i8::MAX as i16 {
        i8::MAX
    } else {
        sum as i8
    }
}

/// Computes one bias with the formula of the weights in wide integers, `mu + mulhrs(noise, sigma)`.
/// Its standard deviation is `sigma * NOISE_STD * 2^-15` steps.
#[inline(always)]
pub const fn sample_bias(mu: i32, sigma: i32, noise: i8) -> i32 {
    mu + ((noise as i64 * sigma as i64 + (1 << 14)) >> 15) as i32
}

/// The noise of the rows of a layer, in order. Every row starts with a new chunk.
struct NoiseRows<G> {
    /// Returns a group of the stream.
    groups: G,
    next_chunk: u64,
    group: Group,
}

impl<G: Fn(u64) -> Group> NoiseRows<G> {
    fn new(groups: G) -> Self {
        Self { groups, next_chunk: 0, group: [0; GROUP_BYTES] }
    }

    /// Calls `each(i, noise)` for the `length` weights of the next row.
    fn row(&mut self, length: usize, mut each: impl FnMut(usize, i8)) {
        for start in (0..length).step_by(CHUNK) {
            let within = (self.next_chunk % CHUNKS_PER_GROUP as u64) as usize;
            if within == 0 {
                let index = self.next_chunk / CHUNKS_PER_GROUP as u64;
                self.group = (self.groups)(index);
            }
            self.next_chunk += 1;
            let bytes = &self.group[within * 2 * CHUNK..][..2 * CHUNK];
            for i in 0..CHUNK.min(length - start) {
                each(start + i, noise(bytes[i], bytes[CHUNK + i]));
            }
        }
    }
}

/// Independent normal distributions, one per weight.
///
/// A weight with mean code `mu`, sigma code `sigma` and noise multiplier `m` of its output channel is
/// `sat8(mu + mulhrs(eps * sigma, m))`, where the noise `eps` has standard deviation 31.13
/// (`docs/NUMERICS.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gaussian {
    /// Sigma code of every weight, in the order of the layer's mean codes.
    pub sigma: Vec<u8>,
    /// Noise multiplier of each output channel, not negative.
    pub noise_multiplier: Vec<i16>,
}

impl Gaussian {
    /// Checks the numbers of codes and multipliers against the weights and output channels of the
    /// layer `layer`, and that no multiplier is negative.
    ///
    /// # Errors
    /// A [`ModelError`] that names the tensor.
    pub(super) fn check(
        &self,
        layer: &str,
        weights: usize,
        channels: usize,
    ) -> Result<(), ModelError> {
        let Self { sigma, noise_multiplier } = self;
        check_count(named(layer, "sigma"), weights, sigma.len())?;
        check_count(named(layer, "noise_multiplier"), channels, noise_multiplier.len())?;
        check_not_negative(layer, "noise_multiplier", noise_multiplier)
    }

    /// Draws weights around the codes `mu`, in rows of `row_length`. Weight `i` of row `row`
    /// belongs to output channel `channel(row, i)`.
    pub(super) fn sample(
        &self,
        mu: &[i8],
        row_length: usize,
        channel: impl Fn(usize, usize) -> usize,
        stream: ChaCha8,
        weights: &mut [i8],
    ) {
        let mut rows = NoiseRows::new(|index| stream.group_bytes(index));
        for (row, weights) in weights.chunks_exact_mut(row_length).enumerate() {
            let mu = &mu[row * row_length..][..row_length];
            let sigma = &self.sigma[row * row_length..][..row_length];
            rows.row(row_length, |i, noise| {
                let multiplier = self.noise_multiplier[channel(row, i)];
                weights[i] = sample_weight(mu[i], sigma[i], multiplier, noise);
            });
        }
    }
}

/// Draws biases around `mu` with the sigma codes `sigma` ([`sample_bias`]). `groups` returns a group of
/// the key stream.
pub(crate) fn sample_biases(
    mu: &[i32],
    sigma: &[i32],
    groups: impl Fn(u64) -> Group,
    biases: &mut [i32],
) {
    NoiseRows::new(groups).row(biases.len(), |i, noise| {
        biases[i] = sample_bias(mu[i], sigma[i], noise);
    });
}
