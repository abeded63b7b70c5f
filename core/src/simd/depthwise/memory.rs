//! Working memory of a depthwise convolution by products of pairs.

use crate::aligned::Aligned;
use alloc::vec::Vec;

/// Working memory of [`Depthwise`](super::pairs::Depthwise). It only grows.
#[derive(Default)]
pub struct DepthwiseMemory {
    /// `[blocks][lines of the window][pairs of taps][16][2]`.
    pub(super) weights: Vec<[i16; 32]>,
    /// `[blocks][16]`.
    pub(super) offsets: Vec<[i32; 16]>,
    pub(super) multipliers: Vec<f32>,
    /// The lines of [`Pairing`](super::pairing::Pairing).
    pub(super) lines: Aligned<[i16; 32]>,
    /// Which input line each of them is.
    pub(super) held: Vec<usize>,
    /// First entries of the lines that a line of windows sees.
    pub(super) seen: Vec<usize>,
}
