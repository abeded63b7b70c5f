//! Kernels of instruction sets that sum two i16 x i16 products into each lane of i32.
//!
//! Instructions for u8 x i8 would do more products at a time, but without VNNI or its like they
//! saturate. So both sides are widened to i16 when they are packed, which keeps every sum exact.
//! Packing: weights i16 `[K / 2][16][2]`, activations i16.

use super::lanes::{DotPairs, Lanes};
use super::task::Task;
use super::winograd;
use super::{
    Block, BlockOutput, Depthwise, DepthwiseBlock, Drawing, Kernel, PANEL, Winograd, sampler, tile,
};
use crate::chacha::{ChaCha8, Group};
use crate::posterior::gaussian::CHUNK;

/// The kernel of the instruction set `D`.
#[derive(Clone, Copy)]
pub struct Pairs<D, const P: usize>(pub D);

impl<D: DotPairs<P>, const P: usize> Kernel for Pairs<D, P> {
    const NAME: &'static str = D::NAME;
    const STEP: usize = 2;
    const ROW_MULTIPLE: usize = 2;
    const UNIFORM_ROWS: bool = false;
    const BLOCK_BYTES: usize = 48 << 10;
    const WINOGRAD: Option<Winograd<Self>> = Some(Winograd {
        rows: D::ROWS,
        channels: D::CHANNELS,
        pack: |kernel, rows, panel| kernel.0.run(winograd::Pack { set: kernel.0, rows, panel }),
        transform: |kernel, tiles, lines, transformed| {
            kernel.0.run(winograd::Transform { set: kernel.0, tiles, lines, transformed });
        },
        multiply: |kernel, block, output| {
            kernel.0.run(winograd::Multiply { set: kernel.0, block, output });
        },
    });
    const DEPTHWISE: Option<fn(Self, DepthwiseBlock<'_, '_>)> =
        Some(|kernel, block| kernel.0.run(Depthwise { set: kernel.0, block }));
    type Activation = i16;
    type Weight = i16;
    type Session = ();

    fn new() -> Option<Self> {
        D::new().map(Self)
    }

    fn session(self) {}

    fn in_place(_: &[u8]) -> Option<&[i16]> {
        None
    }

    fn vectorize<T: Task>(self, task: T) -> T::Output {
        self.0.run(task)
    }

    fn multiply(self, (): &mut (), block: &Block<'_, Self>, mut output: BlockOutput<'_>) {
        block.check(&output);
        self.0.run(tile::Multiply { set: self.0, block, output: &mut output });
    }

    fn groups(self, stream: ChaCha8, first: u64, groups: &mut [Group]) {
        self.0.run(sampler::StreamGroups { lanes: self.0.lanes(), stream, first, groups });
    }

    fn draw(self, drawing: Drawing<'_>) {
        self.0.run(sampler::Draw { lanes: self.0.lanes(), drawing });
    }

    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [i16]) -> [i32; PANEL] {
        self.0.run(Pack { set: self.0, rows, panel })
    }
}

/// Packs 16 rows into a panel ([`Kernel::pack`]).
struct Pack<'a, D, const P: usize> {
    set: D,
    rows: &'a [[i8; CHUNK]],
    panel: &'a mut [i16],
}

impl<D: DotPairs<P>, const P: usize> Task for Pack<'_, D, P> {
    type Output = [i32; PANEL];

    #[inline(always)]
    fn run(self) -> [i32; PANEL] {
        let Self { set, rows, panel } = self;
        let chunks = rows.len() / PANEL;
        let (panel, _) = panel.as_chunks_mut();
        sampler::pack(set, set.lanes().splat(0x1_0001), panel, |row, i| {
            let (chunk, part) = (i / (2 * P), i % (2 * P));
            set.widen_weights(&rows[row * chunks + chunk][part * D::WORDS..])
        })
    }
}
