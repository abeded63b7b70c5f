//! The x86-64 kernels behind [`Kernel`], one instruction set a file.
//!
//! A kernel supplies what a compiler does not find by itself: the matrix product of a block with
//! its epilogue, the noise of weights and their packing, and permission to use its vector unit for
//! ordinary loops ([`Kernel::vectorize`]). Everything around them is safe code in [`crate::simd`].
//!
//! Weights are packed in panels of 16 output channels, `[K / STEP][16][STEP]`: one load brings
//! what one dot-product instruction needs. `STEP` is how many products that instruction sums.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512vnni;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avxvnni;
mod block;

pub(crate) use block::{Block, BlockOutput};

use bayes8_core::chacha::ChaCha8;
use bayes8_core::sampler::{CHUNK, CHUNKS_PER_GROUP};
use std::ops::Range;

/// Output channels in a panel.
pub(crate) const PANEL: usize = 16;

/// Panels that the widest tile of a kernel covers.
pub(crate) const PANEL_PAIR: usize = 2;

/// An instruction set. A value of the type is the proof that the processor has it.
pub(crate) trait Kernel: Copy + Send + Sync {
    /// Name of the kernel, as in `BAYES8_ISA`.
    const NAME: &'static str;
    /// Products that one instruction sums.
    const STEP: usize;
    /// The depth of a panel is padded with zeros to a multiple, itself a multiple of `STEP`.
    const DEPTH: usize;
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

    /// The dot-product instruction and nothing else, on registers: `rounds` times on enough
    /// accumulators to hide its latency. Returns the number of products and the accumulators' sum.
    fn peak(self, rounds: u64) -> (u64, i32);

    /// Draws chunks of weights, from chunk `first` of `stream` on; `mu`, `sigma` and `weights` hold
    /// as many chunks.
    fn draw(
        self,
        stream: ChaCha8,
        first: u64,
        mu: &[[i8; CHUNK]],
        sigma: &[[u8; CHUNK]],
        multipliers: Multipliers<'_>,
        weights: &mut [[i8; CHUNK]],
    );

    /// Packs 16 rows of equally many chunks, one after the other in `rows`, into a panel as deep
    /// as `panel` is long. Returns the sum of each row.
    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [Self::Weight]) -> [i32; PANEL];
}

/// Evaluates `$with` with `$kernel` naming the kernel of the instruction set `$isa`, or else
/// `$portable` for the reference, and `$missing` on other processors than x86-64.
macro_rules! with_kernel {
    ($isa:expr, $kernel:ident => $with:expr, portable => $portable:expr, missing => $missing:expr) => {
        match $isa {
            $crate::isa::Isa::Portable => $portable,
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx2 => {
                type $kernel = $crate::kernels::avx2::Avx2;
                $with
            }
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::AvxVnni => {
                type $kernel = $crate::kernels::avxvnni::AvxVnni;
                $with
            }
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx512Vnni => {
                type $kernel = $crate::kernels::avx512vnni::Avx512Vnni;
                $with
            }
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Amx => {
                type $kernel = $crate::kernels::amx::Amx;
                $with
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => $missing,
        }
    };
}
pub(crate) use with_kernel;

/// Noise multipliers of chunks.
#[derive(Clone, Copy)]
pub(crate) enum Multipliers<'a> {
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
fn groups(first: u64, count: usize) -> impl Iterator<Item = (u64, usize, Range<usize>)> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let chunk = first + next as u64;
        let within = (chunk % CHUNKS_PER_GROUP as u64) as usize;
        let chunks = next..count.min(next + CHUNKS_PER_GROUP - within);
        next = chunks.end;
        (!chunks.is_empty()).then_some((chunk / CHUNKS_PER_GROUP as u64, within, chunks))
    })
}
