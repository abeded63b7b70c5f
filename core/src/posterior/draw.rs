//! A draw of the posterior, and the source of its random bits.

use crate::chacha::ChaCha8;

/// The largest number of samples, 2^28, which is also the bound on sample indices. It keeps the
/// integer sums of [`crate::head`] from overflowing.
pub const MAX_SAMPLES: u32 = 1 << 28;

/// Identifies a draw of the posterior: sample `sample` of seed `seed` always has the same weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Draw {
    /// The user's seed.
    pub seed: u64,
    /// Index of the Monte-Carlo sample, below [`MAX_SAMPLES`].
    pub sample: u32,
}

impl Draw {
    /// Returns the key stream for the weights of layer number `layer`.
    pub fn weight_stream(&self, layer: u32) -> ChaCha8 {
        ChaCha8::new(self.seed, u64::from(layer) << 32 | u64::from(self.sample))
    }

    /// Returns the key stream for the biases of layer number `layer`.
    pub fn bias_stream(&self, layer: u32) -> ChaCha8 {
        ChaCha8::new(self.seed, 1 << 63 | u64::from(layer) << 32 | u64::from(self.sample))
    }

    /// Returns the key stream for the mask of the random operation number `operation`.
    pub fn mask_stream(&self, operation: u32) -> ChaCha8 {
        ChaCha8::new(self.seed, 1 << 62 | u64::from(operation) << 32 | u64::from(self.sample))
    }
}
