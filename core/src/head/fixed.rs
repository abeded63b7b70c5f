//! Probabilities and entropies as integers.

use crate::numerics::square_root;

/// Fraction bits of summed probabilities and entropies.
pub(super) const FRACTION_BITS: u32 = 30;

/// 1 in units of 2^-30.
pub(super) const ONE: f64 = (1u64 << FRACTION_BITS) as f64;

/// 1 in units of 2^-25, of summed squares of the entropies of classes. An entropy of 31 nats has the square 961, and
/// the sum over [`MAX_SAMPLES`](crate::posterior::MAX_SAMPLES) samples is at most 961 * 2^53, which fits i64.
pub(super) const SQUARES_ONE: f64 = (1u64 << 25) as f64;

/// Rounds to units of 2^-30, half to even.
pub(super) fn fixed(x: f64) -> i64 {
    libm::rint(x * ONE) as i64
}

/// Returns the standard deviation of a probability from the sum of its squares and its mean.
/// `total` is the number of samples in units of 2^-30.
pub(super) fn std(squares: i64, mean: f64, total: f64) -> f64 {
    let variance = squares as f64 / total - mean * mean;
    if variance > 0.0 { square_root(variance) } else { 0.0 }
}
