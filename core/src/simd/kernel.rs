//! The part of a SIMD back end that a target supplies, and the blocks that it multiplies.

use super::depthwise::memory::DepthwiseMemory;
use super::output::BlockOutput;
use super::task::Task;
use crate::chacha::{ChaCha8, Group};
use crate::convolution::Convolution;
use crate::posterior::gaussian::{CHUNK, CHUNKS_PER_GROUP};
use core::ops::Range;

/// Output channels in a panel.
pub const PANEL: usize = 16;

/// Panels in the widest tile of a kernel.
pub const PANEL_PAIR: usize = 2;

/// An instruction set. A value of the type is proof that the processor has it.
pub trait Kernel: Copy + Send + Sync {
    /// Name of the kernel, as in `BAYES8_ISA`.
    const NAME: &'static str;
    /// Number of products that one instruction sums.
    const STEP: usize;
    /// Rows of activations and the channels of panels are padded with zeros to a multiple of this
    /// number of entries, which is a multiple of `STEP`.
    const ROW_MULTIPLE: usize;
    /// What the kernel subtracts from every activation before it multiplies: 128 if its instruction
    /// takes signed bytes only. The offsets of a block make up for it.
    const ACTIVATION_OFFSET: i32 = 0;
    /// Whether the rows of a block must be in one piece and at a uniform distance.
    const UNIFORM_ROWS: bool;
    /// Bytes of activations and outputs in a block, which is multiplied by all panels of a layer
    /// before the next block: a part of a second-level cache.
    const BLOCK_BYTES: usize = 256 << 10;
    /// The most outputs of a row that count towards [`Self::BLOCK_BYTES`].
    const BLOCK_OUTPUTS: usize = usize::MAX;
    /// The type of a packed activation.
    type Activation: Copy + Default + From<u8> + Send + Sync + 'static;
    /// The type of a packed weight.
    type Weight: Copy + Default + From<i8> + Send + Sync;
    /// The functions for transformed convolutions, if the kernel multiplies i16. Its weights are i16 then.
    const WINOGRAD: Option<Winograd<Self>> = None;
    /// Does a depthwise convolution of a few taps. Without it, compilers vectorize a loop.
    const DEPTHWISE: Option<fn(Self, DepthwiseBlock<'_, '_>)> = None;
    /// State of a thread during one convolution, such as the configuration of tiles.
    type Session;

    /// Returns the kernel, or `None` if the processor lacks the instructions.
    fn new() -> Option<Self>;

    /// Starts a convolution on this thread.
    fn session(self) -> Self::Session;

    /// Returns input bytes as activations that need no packing, or `None` if the kernel takes
    /// another type.
    fn in_place(input: &[u8]) -> Option<&[Self::Activation]>;

    /// Does a task, compiled for this instruction set.
    fn vectorize<T: Task>(self, task: T) -> T::Output;

    /// Multiplies a block and writes its outputs.
    fn multiply(
        self,
        session: &mut Self::Session,
        block: &Block<'_, Self>,
        output: BlockOutput<'_>,
    );

    /// Computes consecutive groups of a key stream, from number `first` on ([`ChaCha8::groups`]).
    fn groups(self, stream: ChaCha8, first: u64, groups: &mut [Group]);

    /// Draws chunks of weights.
    fn draw(self, drawing: Drawing<'_>);

    /// Packs 16 rows with the same number of chunks each, one after the other in `rows`, into a
    /// panel, whose length determines the number of entries per row. Returns the sum of each row.
    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [Self::Weight]) -> [i32; PANEL];
}

/// A function that packs 16 rows into a panel and returns the sum of each row.
pub type PackRows<K, W> = fn(K, rows: &[[i8; CHUNK]], panel: &mut [W]) -> [i32; PANEL];

/// A depthwise convolution of a batch.
pub struct DepthwiseBlock<'a, 'o> {
    /// The convolution.
    pub job: &'a Convolution,
    /// Weights `[KD * KH * KW][C]`.
    pub weights: &'a [i8],
    /// Biases `[C]`.
    pub biases: &'a [i32],
    /// The pictures.
    pub input: &'a [u8],
    /// Working memory.
    pub memory: &'a mut DepthwiseMemory,
    /// Where the outputs go.
    pub output: BlockOutput<'o>,
}

/// The functions of a kernel that multiplies i16, for Winograd's transformed convolutions.
pub struct Winograd<K: Kernel> {
    /// The most tiles that the kernel multiplies at a time.
    pub rows: usize,
    /// Input channels that are transformed together.
    pub channels: usize,
    /// Transforms 16 rows of 3 x 3 weights, packs them into a panel `[16][I / 2][16][2]`, and returns
    /// the sum of each row. Rows are as [`Kernel::pack`] takes them.
    pub pack: PackRows<K, <K as Kernel>::Weight>,
    /// Transforms tiles of the input to `[16][tiles][I]`. `lines` is working memory of
    /// [`Tiles::line_entries`] entries.
    pub transform: fn(K, tiles: &Tiles<'_>, lines: &mut [i16], transformed: &mut [i16]),
    /// Multiplies transformed tiles and writes their outputs.
    pub multiply: fn(K, block: &TransformedBlock<'_, K::Weight>, output: &mut BlockOutput<'_>),
}

/// Tiles of a convolution's input, in one group of channels. Tiles lie in bands: each band is two rows
/// of a picture's output.
#[derive(Clone)]
pub struct Tiles<'a> {
    /// The convolution.
    pub job: &'a Convolution,
    /// The pictures.
    pub input: &'a [u8],
    /// The band whose first tile has number 0. Bands are numbered over all pictures.
    pub band: usize,
    /// The numbers of the tiles.
    pub tiles: Range<usize>,
    /// The first input channel of the group.
    pub channel: usize,
}

/// A product of transformed tiles and panels of transformed weights.
pub struct TransformedBlock<'a, W> {
    /// The tiles.
    pub tiles: Tiles<'a>,
    /// The transformed tiles `[16][tiles][I]`.
    pub transformed: &'a [i16],
    /// The panels.
    pub panels: TransformedPanels<'a, W>,
}

/// Panels of transformed weights.
#[derive(Clone, Copy)]
pub struct TransformedPanels<'a, W> {
    /// The weights `[panels][16][I / 2][16][2]`.
    pub weights: &'a [W],
    /// `bias - zero point * sum of weights`, 16 per panel.
    pub offsets: &'a [i32],
    /// Multipliers of the epilogue, 16 per panel.
    pub multipliers: &'a [f32],
}

/// A product of rows of activations and panels of weights, at least one of each.
///
/// A row consists of pieces: entry `k` of piece `p` of row `r` is
/// `activations[rows[r] + pieces[p] + k]`. This lets a convolution read its input in place: a row
/// is an output position, a piece a run of taps.
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
    /// `bias - (zero point - K::ACTIVATION_OFFSET) * sum of weights`, 16 per panel.
    pub offsets: &'a [i32],
    /// Multipliers of the epilogue, 16 per panel.
    pub multipliers: &'a [f32],
}

impl<K: Kernel> Block<'_, K> {
    /// Returns the number of panels.
    pub fn panel_count(&self) -> usize {
        self.offsets.len() / PANEL
    }

    /// Iterates over pairs of panels, for tiles of two panels; the last may be a single one.
    pub fn panel_pairs(&self) -> impl Iterator<Item = Range<usize>> {
        let count = self.panel_count();
        (0..count).step_by(PANEL_PAIR).map(move |first| first..count.min(first + PANEL_PAIR))
    }

    /// Returns the number of entries of a row, and of a channel of a panel.
    pub fn row_entries(&self) -> usize {
        self.pieces.len() * self.steps * K::STEP
    }

    /// Checks that every access of a kernel that keeps to the documented extents stays inside
    /// its slice. The kernels' unsafe code relies on it. After the check,
    /// [`Self::row_entries`] and its product with the channels of all panels do not overflow.
    ///
    /// # Panics
    /// When an access could leave its slice.
    pub fn check(&self, output: &BlockOutput<'_>) {
        let panels = self.panel_count();
        assert!(panels >= 1 && !self.rows.is_empty() && self.steps >= 1);
        assert!(self.offsets.len() == panels * PANEL && self.multipliers.len() == panels * PANEL);
        let extents = [self.pieces.len(), self.steps, K::STEP, panels * PANEL];
        let weights = extents.into_iter().try_fold(1, usize::checked_mul);
        assert!(weights.is_some_and(|weights| self.panels.len() >= weights));
        // In 64 bits, so that the sum of two offsets does not wrap on 32-bit machines.
        let last = |offsets: &[u32]| u64::from(offsets.iter().fold(0, |a, &b| a.max(b)));
        let length = (self.steps as u64).saturating_mul(K::STEP as u64);
        let end = (last(self.rows) + last(self.pieces)).saturating_add(length);
        assert!(self.activations.len() as u64 >= end);
        let (rows, channels) = output.dimensions();
        assert!(rows == self.rows.len() && channels.div_ceil(PANEL) == panels);
        output.check();
    }
}

/// Chunks of weights to draw; the slices have the same number of chunks.
pub struct Drawing<'a> {
    /// The key stream.
    pub stream: ChaCha8,
    /// Number of the first chunk in the stream.
    pub first: u64,
    /// Mean codes.
    pub mu: &'a [[i8; CHUNK]],
    /// Sigma codes.
    pub sigma: &'a [[u8; CHUNK]],
    /// Noise multipliers.
    pub multipliers: NoiseMultipliers<'a>,
    /// Where the weights go.
    pub weights: &'a mut [[i8; CHUNK]],
}

/// The noise multipliers of chunks of weights.
#[derive(Clone, Copy)]
pub enum NoiseMultipliers<'a> {
    /// One multiplier per row of `chunks` chunks.
    Rows {
        /// One entry per row.
        multipliers: &'a [i16],
        /// Chunks in a row.
        chunks: usize,
    },
    /// One multiplier per weight, in chunks, for a depthwise layer.
    Each(&'a [[i16; CHUNK]]),
}

/// Iterates over the groups of the key stream that `count` chunks, from chunk `first` on, take
/// their bytes from.
///
/// Each item is the index of a group, the index in it of the first chunk taken, and the range of
/// the `count` chunks that take their bytes from it.
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
