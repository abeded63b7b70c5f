//! The sums of one target of a regression.

use super::accumulator::add_all;

/// Bits of the low part of a square or a variance.
pub(super) const LOW: u32 = 32;

/// The sums of one target: of means, and of the high and the low parts of squares and of variances.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct TargetSums {
    pub(super) mean: i64,
    pub(super) square: [i64; 2],
    pub(super) variance: [i64; 2],
}

impl TargetSums {
    /// Adds the sums of other samples.
    pub(super) fn add(&mut self, other: &Self) {
        self.mean += other.mean;
        add_all(&mut self.square, &other.square);
        add_all(&mut self.variance, &other.variance);
    }

    /// Returns n^2 times the variance of the n rounded means; `None` if no means have
    /// these sums.
    pub(super) fn spread(&self, samples: u64) -> Option<u128> {
        // At most 2^118 each.
        let squares = u128::from(samples) * whole(self.square);
        squares.checked_sub(u128::from(self.mean.unsigned_abs()).pow(2))
    }
}

/// Adds a square or a variance to the sums of its two parts.
pub(super) fn add_parts([high, low]: &mut [i64; 2], value: u64) {
    // Both are below 2^32.
    *high += (value >> LOW) as i64;
    *low += (value & ((1 << LOW) - 1)) as i64;
}

/// Returns the sum of squares or variances whose parts [`add_parts`] has summed.
pub(super) fn whole([high, low]: [i64; 2]) -> u128 {
    (u128::from(high.unsigned_abs()) << LOW) + u128::from(low.unsigned_abs())
}
