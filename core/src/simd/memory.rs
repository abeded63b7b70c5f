//! The memory of a SIMD back end: weight samples, and working memory of its threads.

use super::depthwise::memory::DepthwiseMemory;
use super::rows::RowMemory;
use super::{Kernel, PANEL};
use crate::aligned::Aligned;
use crate::posterior::gaussian::CHUNK;
use alloc::{vec, vec::Vec};

/// One weight sample. Its memory only grows; after a smaller layer's weights, it holds stale data.
pub struct SimdWeights<K: Kernel> {
    /// `[groups][panels][row_entries / STEP][16][STEP]`.
    pub(super) panels: Aligned<K::Weight>,
    /// Weights `[KD * KH * KW][C]` of a depthwise layer, in whole chunks.
    pub(super) taps: Vec<[i8; CHUNK]>,
    /// The offsets of blocks, padded to whole panels in each group. For a depthwise layer, the bias
    /// alone.
    pub(super) offsets: Aligned<i32>,
}

impl<K: Kernel> Default for SimdWeights<K> {
    fn default() -> Self {
        Self { panels: Aligned::default(), taps: Vec::new(), offsets: Aligned::default() }
    }
}

/// Working memory: one part per thread that may share an operation.
pub struct SimdScratch<K: Kernel> {
    pub(super) parts: Vec<Part<K>>,
    /// Number of parts that share the next operations.
    pub(super) threads: usize,
    pub(super) biases: Vec<i32>,
}

impl<K: Kernel> Default for SimdScratch<K> {
    fn default() -> Self {
        Self { parts: vec![Part::default()], threads: 1, biases: Vec::new() }
    }
}

/// Working memory of one thread.
pub(super) struct Part<K: Kernel> {
    pub(super) rows: RowMemory<K::Activation>,
    /// Transformed inputs.
    pub(super) tiles: Aligned<i16>,
    pub(super) depthwise: DepthwiseMemory,
    /// Multipliers of a group, padded to whole panels.
    pub(super) multipliers: Vec<f32>,
    /// The rows of one panel, between drawing and packing.
    pub(super) panel: Vec<[i8; CHUNK]>,
}

impl<K: Kernel> Default for Part<K> {
    fn default() -> Self {
        let (rows, tiles) = (RowMemory::default(), Aligned::default());
        let depthwise = DepthwiseMemory::default();
        Self { rows, tiles, depthwise, multipliers: Vec::new(), panel: Vec::new() }
    }
}

impl<K: Kernel> Part<K> {
    /// Pads the multipliers of a group to whole panels.
    pub(super) fn pad_multipliers(&mut self, multipliers: &[f32]) {
        self.multipliers.clear();
        self.multipliers.extend_from_slice(multipliers);
        self.multipliers.resize(multipliers.len().next_multiple_of(PANEL), 0.0);
    }
}
