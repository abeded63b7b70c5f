//! What the dot-product instruction of a kernel can do at most.

use bayes8_core::simd::Kernel;

/// What a kernel is measured against.
pub(crate) trait Peak: Kernel {
    /// The dot-product instruction and nothing else, on registers: `rounds` times on enough
    /// accumulators to hide its latency. Returns the number of products and the accumulators' sum.
    fn peak(self, rounds: u64) -> (u64, i32);
}
