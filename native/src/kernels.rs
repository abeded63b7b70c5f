//! The x86-64 kernels behind [`Kernel`], one instruction set a file.
//!
//! A kernel supplies three things that a compiler does not find by itself: the matrix tile, the
//! noise of a chunk of weights, and permission to use its vector unit for ordinary loops
//! ([`Kernel::vectorize`]). Everything around them is safe code in [`crate::simd`].
//!
//! Weights are packed in panels of 16 output channels, `[K / STEP][16][STEP]`: one load brings
//! what one dot-product instruction needs. `STEP` is how many products that instruction sums.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512vnni;

use bayes8_core::backend::Output;
use bayes8_core::chacha::ChaCha8;
use bayes8_core::sampler::CHUNK;

/// Output channels in a panel.
pub(crate) const PANEL: usize = 16;

/// Panels that one tile may cover.
pub(crate) const TILE_PANELS: usize = 2;

/// An instruction set. A value of the type is the proof that the processor has it.
pub(crate) trait Kernel: Copy + Send + Sync {
    /// Name of the kernel, as in `BAYES8_ISA`.
    const NAME: &'static str;
    /// Products that one instruction sums; the depth of a panel is padded to a multiple.
    const STEP: usize;
    /// Most rows of a tile.
    const ROWS: usize;
    /// Packed activation.
    type Activation: Copy + Default + From<u8> + Send + Sync + 'static;
    /// Packed weight.
    type Weight: Copy + Default + From<i8> + Send + Sync;

    /// `None` where the processor lacks the instructions.
    fn new() -> Option<Self>;

    /// Activations that need no packing: bytes, as they are. `None` where the kernel takes others.
    fn in_place(input: &[u8]) -> Option<&[Self::Activation]>;

    /// Runs `f` compiled for this instruction set.
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R;

    /// Multiplies a tile and writes its outputs.
    fn tile(self, tile: &Tile<'_, Self>, output: &mut TileOutput<'_, '_>);

    /// The tile's dot-product instruction and nothing else, on registers: `rounds` times on enough
    /// accumulators to hide its latency. Returns the number of products and the accumulators' sum.
    fn peak(self, rounds: u64) -> (u64, i32);

    /// Draws chunks of weights, from chunk `first` of `stream` on; `mu` and `sigma` hold a chunk
    /// each. Calls `each(chunk, weights)`.
    fn sample(
        self,
        stream: ChaCha8,
        first: u64,
        mu: &[[i8; CHUNK]],
        sigma: &[[u8; CHUNK]],
        multipliers: Multipliers<'_>,
        each: impl FnMut(usize, &[i8; CHUNK]),
    );
}

/// Noise multipliers of the weights of a row.
#[derive(Clone, Copy)]
pub(crate) enum Multipliers<'a> {
    /// One for all.
    Same(i16),
    /// One a weight, in chunks: a depthwise layer.
    Each(&'a [[i16; CHUNK]]),
}

impl Multipliers<'_> {
    /// Those of chunk `chunk`.
    #[inline(always)]
    fn chunk(&self, chunk: usize) -> [i16; CHUNK] {
        match self {
            Self::Same(multiplier) => [*multiplier; CHUNK],
            Self::Each(chunks) => chunks[chunk],
        }
    }
}

/// Rows of activations times one or two panels of weights.
pub(crate) struct Tile<'a, K: Kernel> {
    /// Rows of packed activations, `stride` apart; the last must hold `steps * STEP` too.
    pub(crate) activations: &'a [K::Activation],
    /// Distance between rows.
    pub(crate) stride: usize,
    /// Number of rows, `1..=ROWS`.
    pub(crate) rows: usize,
    /// One or two panels, back to back.
    pub(crate) panels: &'a [K::Weight],
    /// Depth in steps.
    pub(crate) steps: usize,
    /// Bias less zero point times the sum of the weights, 16 a panel.
    pub(crate) offsets: &'a [i32],
    /// Multipliers of the epilogue, 16 a panel.
    pub(crate) multipliers: &'a [f32],
}

/// Where a tile writes.
pub(crate) struct TileOutput<'o, 'a> {
    /// All outputs of the batch.
    pub(crate) output: &'o mut Output<'a>,
    /// Index of the tile's first output.
    pub(crate) first: usize,
    /// Distance between rows.
    pub(crate) stride: usize,
    /// Channels that exist, up to 16 a panel.
    pub(crate) channels: usize,
}

impl<K: Kernel> Tile<'_, K> {
    /// Number of panels.
    fn panel_count(&self) -> usize {
        self.offsets.len() / PANEL
    }

    /// Panics unless every access of a kernel that keeps to the documented extents stays inside
    /// its slice: the ground on which the kernels' unsafe code stands.
    fn check(&self, output: &TileOutput<'_, '_>) {
        let depth = self.steps * K::STEP;
        let panels = self.panel_count();
        assert!((1..=K::ROWS).contains(&self.rows));
        assert!((1..=TILE_PANELS).contains(&panels));
        assert!(self.activations.len() >= (self.rows - 1) * self.stride + depth);
        assert!(self.panels.len() >= panels * PANEL * depth);
        assert!(self.offsets.len() == panels * PANEL && self.multipliers.len() == panels * PANEL);
        assert!(output.channels <= panels * PANEL);
        let outputs = match &output.output {
            Output::Codes(codes, _) => codes.len(),
            Output::Logits(logits) => logits.len(),
        };
        assert!(outputs >= output.first + (self.rows - 1) * output.stride + output.channels);
    }
}
