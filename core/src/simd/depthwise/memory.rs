//! Working memory of a depthwise convolution by products of pairs.

use alloc::vec::Vec;

/// Working memory of [`Depthwise`](super::pairs::Depthwise). It only grows.
#[derive(Default)]
pub struct DepthwiseMemory {
    /// `[blocks][pairs of taps][16][2]`.
    pub(super) weights: Vec<[i16; 32]>,
    /// `[blocks][16]`.
    pub(super) offsets: Vec<[i32; 16]>,
    pub(super) multipliers: Vec<f32>,
    /// Offsets in the picture, `[columns][pairs of taps]`.
    pub(super) pixels: Vec<[u32; 2]>,
}
