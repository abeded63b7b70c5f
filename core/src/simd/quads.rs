//! Kernels of instruction sets that sum four u8 x i8 products into each lane of i32.
//!
//! Packing: weights i8 `[K / 4][16][4]`; activations u8, in place where they can be.

use super::lanes::{Dot, Lanes};
use super::task::Task;
use super::{Block, BlockOutput, DepthwiseBlock, Drawing, Kernel, PANEL, sampler, tile};
use crate::chacha::{ChaCha8, Group};
use crate::posterior::gaussian::CHUNK;

/// Four weights of each of sixteen channels.
type Step = [i8; 4 * PANEL];

/// An instruction set that multiplies groups of four bytes.
pub trait DotQuads<const P: usize>:
    Dot<P, Activation = u8, Weight = i8, Step = [u8; 4], Weights = Step>
{
}

impl<D, const P: usize> DotQuads<P> for D where
    D: Dot<P, Activation = u8, Weight = i8, Step = [u8; 4], Weights = Step>
{
}

/// The kernel of the instruction set `D`.
#[derive(Clone, Copy)]
pub struct Quads<D, const P: usize>(pub D);

impl<D: DotQuads<P>, const P: usize> Kernel for Quads<D, P> {
    const NAME: &'static str = D::NAME;
    const STEP: usize = 4;
    const ROW_MULTIPLE: usize = 4;
    const ACTIVATION_OFFSET: i32 = D::ACTIVATION_OFFSET;
    const UNIFORM_ROWS: bool = false;
    const DEPTHWISE: Option<fn(Self, DepthwiseBlock<'_, '_>)> = match D::DEPTHWISE {
        Some(_) => Some(|kernel, block| {
            let depthwise = D::DEPTHWISE.expect("the function that it passes on");
            depthwise(kernel.0, block);
        }),
        None => None,
    };
    type Activation = u8;
    type Weight = i8;
    type Session = ();

    fn new() -> Option<Self> {
        D::new().map(Self)
    }

    fn session(self) {}

    fn in_place(input: &[u8]) -> Option<&[u8]> {
        Some(input)
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

    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
        self.0.run(Pack { set: self.0, rows, panel })
    }
}

/// Packs 16 rows into a panel `[K / 4][16][4]` of i8 ([`Kernel::pack`]).
struct Pack<'a, D, const P: usize> {
    /// The instruction set.
    set: D,
    /// The rows, one after the other, with the same number of chunks each.
    rows: &'a [[i8; CHUNK]],
    /// The panel.
    panel: &'a mut [i8],
}

impl<D: DotQuads<P>, const P: usize> Task for Pack<'_, D, P> {
    type Output = [i32; PANEL];

    #[inline(always)]
    fn run(self) -> [i32; PANEL] {
        let Self { set, rows, panel } = self;
        let chunks = rows.len() / PANEL;
        let (panel, _) = panel.as_chunks_mut();
        sampler::pack(set, set.lanes().splat(0x0101_0101), panel, |row, i| {
            set.lanes().load_register(&rows[row * chunks + i / P], i % P)
        })
    }
}
