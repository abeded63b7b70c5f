//! The peak rate of a kernel's dot-product instruction.

use bayes8_core::simd::Kernel;

/// A kernel whose dot-product instruction can be measured alone.
pub(crate) trait Peak: Kernel {
    /// Executes only the dot-product instruction, on registers, `rounds` times on enough
    /// accumulators to hide its latency. Returns the number of products and the sum of the
    /// accumulators.
    fn peak(self, rounds: u64) -> (u64, i32);
}
