//! Draws INT8 weights from the quantized posterior: `q_w = sat8(q_mu + mulhrs(eps8 * q_sigma, m))`.
//!
//! This is the definition that every back end reproduces bit for bit; `docs/NUMERICS.md` says the
//! same in words. One weight takes 16 random bits: four nibbles that each select an entry of a
//! 16-entry table, so that any byte shuffle can do the look-up. The sum of the four is the noise
//! `eps8`, close to a Gaussian of standard deviation [`NOISE_STD`].

use crate::chacha::{ChaCha8, GROUP_BYTES};
use crate::layer::{Bias, Layer, Posterior};

/// Weights served by one chunk of random bytes.
pub const CHUNK: usize = 64;

/// Chunks served by one group of the key stream.
pub const CHUNKS_PER_GROUP: usize = GROUP_BYTES / (2 * CHUNK);

/// Half of the range of sample indices, so that the integer sums of [`crate::head`] cannot
/// overflow and bit 63 of a stream number stays free for biases.
pub const MAX_SAMPLES: u32 = 1 << 28;

/// The four tables of the noise; each is symmetric, `T[15 - i] = -T[i]`. Found by search so that
/// the moments of the sum match a Gaussian's (a test recomputes them).
pub const NOISE_TABLES: [[i8; 16]; 4] = [
    symmetric([0, 1, 10, 12, 13, 16, 23, 27]),
    symmetric([0, 4, 6, 10, 12, 16, 18, 32]),
    symmetric([0, 2, 4, 4, 5, 7, 9, 38]),
    symmetric([2, 4, 8, 10, 11, 19, 28, 29]),
];

/// The largest |eps8|: the sum of the four tables' largest entries.
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

/// Which draw of the posterior: sample `sample` of seed `seed` always has the same weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Draw {
    /// The user's seed.
    pub seed: u64,
    /// Index of the Monte-Carlo sample, below [`MAX_SAMPLES`].
    pub sample: u32,
}

impl Draw {
    /// The key stream of the weights of layer number `layer`.
    pub fn weight_stream(&self, layer: u32) -> ChaCha8 {
        ChaCha8::new(self.seed, u64::from(layer) << 32 | u64::from(self.sample))
    }

    /// The key stream of the biases of layer number `layer`.
    pub fn bias_stream(&self, layer: u32) -> ChaCha8 {
        ChaCha8::new(self.seed, 1 << 63 | u64::from(layer) << 32 | u64::from(self.sample))
    }
}

/// The noise of two random bytes: nibbles `n0` (low) and `n1` of the first, `n2` and `n3` of the
/// second. Lies in `-NOISE_MAX..=NOISE_MAX`.
#[inline(always)]
pub fn noise(first: u8, second: u8) -> i8 {
    let [t0, t1, t2, t3] = &NOISE_TABLES;
    let nibble = |byte: u8, shift: u8| usize::from(byte >> shift & 15);
    t0[nibble(first, 0)] + t1[nibble(first, 4)] + t2[nibble(second, 0)] + t3[nibble(second, 4)]
}

/// `(a * b + 2^14) >> 15`: the high half of a product, rounded (`pmulhrsw`).
#[inline(always)]
pub const fn mulhrs(a: i16, b: i16) -> i16 {
    ((a as i32 * b as i32 + (1 << 14)) >> 15) as i16
}

/// One weight: mean code `mu`, sigma code `sigma`, the channel's noise `multiplier` and the noise.
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

/// One bias: the weights' formula in wide integers, `mu + mulhrs(noise, sigma)`. `sigma` is the
/// standard deviation in units of `2^-15 / NOISE_STD` steps.
#[inline(always)]
pub const fn sample_bias(mu: i32, sigma: i32, noise: i8) -> i32 {
    mu + ((noise as i64 * sigma as i64 + (1 << 14)) >> 15) as i32
}

/// The noise of the rows of a layer, in order; every row starts at a fresh chunk.
struct Rows {
    stream: ChaCha8,
    next_chunk: u64,
    group: [u8; GROUP_BYTES],
}

impl Rows {
    fn new(stream: ChaCha8) -> Self {
        Self { stream, next_chunk: 0, group: [0; GROUP_BYTES] }
    }

    /// Calls `each(i, noise)` for the `length` weights of the next row.
    fn row(&mut self, length: usize, mut each: impl FnMut(usize, i8)) {
        for start in (0..length).step_by(CHUNK) {
            let within = (self.next_chunk % CHUNKS_PER_GROUP as u64) as usize;
            if within == 0 {
                let index = self.next_chunk / CHUNKS_PER_GROUP as u64;
                self.group = self.stream.group_bytes(index);
            }
            self.next_chunk += 1;
            let bytes = &self.group[within * 2 * CHUNK..][..2 * CHUNK];
            for i in 0..CHUNK.min(length - start) {
                each(start + i, noise(bytes[i], bytes[CHUNK + i]));
            }
        }
    }
}

/// Draws all weights of `layer` into `weights`, in the layer's order ([`Layer::mu`]).
///
/// # Panics
/// When `weights` has another length than the layer.
pub fn sample_weights(layer: &Layer, draw: Draw, weights: &mut [i8]) {
    assert_eq!(weights.len(), layer.mu.len(), "one slot for every weight");
    let Some(Posterior { sigma, noise_multiplier }) = &layer.posterior else {
        weights.copy_from_slice(&layer.mu);
        return;
    };
    let mut rows = Rows::new(draw.weight_stream(layer.index));
    let row_length = layer.row_length();
    for (row, weights) in weights.chunks_exact_mut(row_length).enumerate() {
        let mu = &layer.mu[row * row_length..][..row_length];
        let sigma = &sigma[row * row_length..][..row_length];
        rows.row(row_length, |i, noise| {
            let multiplier = noise_multiplier[layer.channel(row, i)];
            weights[i] = sample_weight(mu[i], sigma[i], multiplier, noise);
        });
    }
}

/// Draws all biases of `layer` into `biases`, one an output channel; zeros where it has none.
///
/// # Panics
/// When `biases` has another length than the layer has output channels.
pub fn sample_biases(layer: &Layer, draw: Draw, biases: &mut [i32]) {
    assert_eq!(biases.len(), layer.out_channels, "one slot for every output channel");
    match &layer.bias {
        None => biases.fill(0),
        Some(Bias { mu, sigma: None }) => biases.copy_from_slice(mu),
        Some(Bias { mu, sigma: Some(sigma) }) => {
            Rows::new(draw.bias_stream(layer.index)).row(biases.len(), |i, noise| {
                biases[i] = sample_bias(mu[i], sigma[i], noise);
            });
        }
    }
}
