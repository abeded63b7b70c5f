//! Which draw of the posterior, and where its random bits come from.

use crate::chacha::ChaCha8;

/// Half of the range of sample indices, so that the integer sums of [`crate::head`] cannot
/// overflow and bit 63 of a stream number stays free for biases.
pub const MAX_SAMPLES: u32 = 1 << 28;

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
