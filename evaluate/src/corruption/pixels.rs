//! Pixels as shares of white.

use ndarray::{ArrayView2, ArrayView3, Axis};

/// A byte as a share of white.
pub(super) fn share(byte: u8) -> f64 {
    f64::from(byte) / 255.0
}

/// A share of white as a byte: clipped, and truncated as in CIFAR-10-C.
pub(super) fn byte(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 255.0) as u8
}

/// The mean of each channel, as a share of white.
pub(super) fn channel_means(x: ArrayView3<'_, u8>) -> Vec<f64> {
    let pixels = (x.dim().0 * x.dim().1) as f64;
    let sum = |channel: ArrayView2<'_, u8>| channel.iter().map(|&b| u64::from(b)).sum();
    let sums = x.axis_iter(Axis(2)).map(sum);
    sums.map(|sum: u64| sum as f64 / 255.0 / pixels).collect()
}
