//! What a target supplies of a SIMD back end, and what it multiplies at a time.

use super::output::BlockOutput;
use crate::chacha::ChaCha8;
use crate::posterior::gaussian::{CHUNK, CHUNKS_PER_GROUP};
use core::ops::Range;

/// Output channels in a panel.
pub const PANEL: usize = 16;

/// Panels that the widest tile of a kernel covers.
pub const PANEL_PAIR: usize = 2;

/// An instruction set. A value of the type is the proof that the processor has it.
pub trait Kernel: Copy + Send + Sync {
    /// Name of the kernel, as in `BAYES8_ISA`.
    const NAME: &'static str;
    /// Products that one instruction sums.
    const STEP: usize;
    /// Rows, and the channels of panels with them, are padded with zeros to a multiple of so many
    /// entries, itself a multiple of `STEP`.
    const ROW_MULTIPLE: usize;
    /// Whether the rows of a block must be in one piece and at a uniform distance.
    const UNIFORM_ROWS: bool;
    /// Bytes of activations and outputs that all panels of a layer pass over before the next rows
    /// come: a part of a second-level cache.
    const BLOCK_BYTES: usize = 256 << 10;
    /// How many outputs of a row count as part of a block, at most.
    const BLOCK_OUTPUTS: usize = usize::MAX;
    /// Packed activation.
    type Activation: Copy + Default + From<u8> + Send + Sync + 'static;
    /// Packed weight.
    type Weight: Copy + Default + From<i8> + Send + Sync;
    /// What a thread holds during one convolution, such as the configuration of tiles.
    type Session;

    /// `None` where the processor lacks the instructions.
    fn new() -> Option<Self>;

    /// Begins a convolution on this thread.
    fn session(self) -> Self::Session;

    /// Activations that need no packing: bytes, as they are. `None` where the kernel takes others.
    fn in_place(input: &[u8]) -> Option<&[Self::Activation]>;

    /// Runs `f` compiled for this instruction set.
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R;

    /// Multiplies a block and writes its outputs.
    fn multiply(
        self,
        session: &mut Self::Session,
        block: &Block<'_, Self>,
        output: BlockOutput<'_>,
    );

    /// Draws chunks of weights, from chunk `first` of `stream` on; `mu`, `sigma` and `weights` hold
    /// as many chunks.
    fn draw(
        self,
        stream: ChaCha8,
        first: u64,
        mu: &[[i8; CHUNK]],
        sigma: &[[u8; CHUNK]],
        multipliers: NoiseMultipliers<'_>,
        weights: &mut [[i8; CHUNK]],
    );

    /// Packs 16 rows of equally many chunks, one after the other in `rows`, into a panel,
    /// whose length says how many entries each of them gets. Returns the sum of each row.
    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [Self::Weight]) -> [i32; PANEL];
}

/// Any number of rows of activations times any number of panels of weights, at least one of each. A
/// row consists of pieces: entry `k` of piece `p` of row `r` is
/// `activations[rows[r] + pieces[p] + k]`. So a convolution reads its input in place: a row is an
/// output position, a piece a run of taps.
pub struct Block<'a, K: Kernel> {
    /// Activations, packed or in place.
    pub activations: &'a [K::Activation],
    /// Offset of each row; at least one.
    pub rows: &'a [u32],
    /// Offset of each piece within a row.
    pub pieces: &'a [u32],
    /// Length of a piece in steps.
    pub steps: usize,
    /// Panels, back to back.
    pub panels: &'a [K::Weight],
    /// Bias less zero point times the sum of the weights, 16 a panel.
    pub offsets: &'a [i32],
    /// Multipliers of the epilogue, 16 a panel.
    pub multipliers: &'a [f32],
}

impl<K: Kernel> Block<'_, K> {
    /// Number of panels.
    pub fn panel_count(&self) -> usize {
        self.offsets.len() / PANEL
    }

    /// The panels two by two, as a tile of two panels takes them; the last may be one.
    pub fn panel_pairs(&self) -> impl Iterator<Item = Range<usize>> {
        let count = self.panel_count();
        (0..count).step_by(PANEL_PAIR).map(move |first| first..count.min(first + PANEL_PAIR))
    }

    /// Entries of a row and of a panel's channel.
    pub fn row_entries(&self) -> usize {
        self.pieces.len() * self.steps * K::STEP
    }

    /// Panics unless every access of a kernel that keeps to the documented extents stays inside
    /// its slice: the ground on which the kernels' unsafe code stands. After it,
    /// [`Self::row_entries`] and its product with the channels of all panels do not overflow.
    pub fn check(&self, output: &BlockOutput<'_>) {
        let panels = self.panel_count();
        assert!(panels >= 1 && !self.rows.is_empty());
        assert!(self.offsets.len() == panels * PANEL && self.multipliers.len() == panels * PANEL);
        let extents = [self.pieces.len(), self.steps, K::STEP, panels * PANEL];
        let weights = extents.into_iter().try_fold(1, usize::checked_mul);
        assert!(weights.is_some_and(|weights| self.panels.len() >= weights));
        // In 64 bits, where the sum of two offsets does not wrap, on machines of 32 too.
        let last = |offsets: &[u32]| u64::from(offsets.iter().fold(0, |a, &b| a.max(b)));
        let length = (self.steps as u64).saturating_mul(K::STEP as u64);
        let end = (last(self.rows) + last(self.pieces)).saturating_add(length);
        assert!(self.activations.len() as u64 >= end);
        let (rows, channels) = output.dimensions();
        assert!(rows == self.rows.len() && channels.div_ceil(PANEL) == panels);
        output.check();
    }
}

/// Noise multipliers of chunks.
#[derive(Clone, Copy)]
pub enum NoiseMultipliers<'a> {
    /// One for each row of `chunks` chunks.
    Rows {
        /// One a row.
        multipliers: &'a [i16],
        /// Chunks in a row.
        chunks: usize,
    },
    /// One a weight, in chunks: a depthwise layer.
    Each(&'a [[i16; CHUNK]]),
}

/// The groups of the key stream that `count` chunks from chunk `first` on take their bytes from:
/// index of the group, the chunk's place in it, and which of the `count` chunks those are.
pub fn stream_groups(first: u64, count: usize) -> impl Iterator<Item = (u64, usize, Range<usize>)> {
    let mut next = 0;
    core::iter::from_fn(move || {
        let chunk = first + next as u64;
        let within = (chunk % CHUNKS_PER_GROUP as u64) as usize;
        let chunks = next..count.min(next + CHUNKS_PER_GROUP - within);
        next = chunks.end;
        (!chunks.is_empty()).then_some((chunk / CHUNKS_PER_GROUP as u64, within, chunks))
    })
}
