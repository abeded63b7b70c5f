//! SIMD128: `i32x4.dot_i16x8_s` sums two i16 x i16 products into each of 4 i32 lanes.
//!
//! Both sides are widened to i16 when they are packed. Products of bytes by `i16x8.extmul` would
//! need no widening, but LLVM 22 turns the sum of their even and odd lanes into a relaxed
//! instruction, which saturates and which engines without relaxed SIMD refuse.
//! Tile: up to 2 rows x 16 channels. Locals: 8 sums, 4 of weights, 2 splats of two activations, 1
//! product; V8 on x86-64 has 15 registers for them. It moves all loads of a loop to its beginning,
//! so an unrolled loop would not fit. Packing: weights i16 `[K/2][16][2]`, activations i16.
//! Peak: 8 products per instruction; a step of a full tile is 8 dot products and 8 additions on 6
//! loads.

use super::epilogue::{self, VECTORS};
use super::{Block, BlockOutput, Kernel, NoiseMultipliers, PANEL, sampler};
use bayes8_core::chacha::ChaCha8;
use bayes8_core::posterior::gaussian::CHUNK;
use bayes8_core::simd::row_tiles;
use core::arch::wasm32::*;

/// The kernel. An engine without its instructions refuses the module.
#[derive(Clone, Copy)]
pub(crate) struct Simd128;

/// Most rows of a tile.
const ROWS: usize = 2;

impl Kernel for Simd128 {
    const NAME: &'static str = "simd128";
    const STEP: usize = 2;
    const ROW_MULTIPLE: usize = 2;
    const UNIFORM_ROWS: bool = false;
    type Activation = i16;
    type Weight = i16;
    type Session = ();

    fn new() -> Option<Self> {
        Some(Self)
    }

    fn session(self) {}

    fn in_place(_: &[u8]) -> Option<&[i16]> {
        None
    }

    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }

    fn multiply(self, (): &mut (), block: &Block<'_, Self>, mut output: BlockOutput<'_>) {
        block.check(&output);
        for panel in 0..block.panel_count() {
            for tile in row_tiles(block.rows.len(), ROWS) {
                let (first, output) = (tile.start, &mut output);
                // SAFETY: `check` has seen that all rows and panels are inside the slices, and each
                // call covers rows of `tile`, which are some of them.
                unsafe {
                    match tile.len() {
                        1 => rows::<1>(block, first, panel, output),
                        _ => rows::<ROWS>(block, first, panel, output),
                    }
                }
            }
        }
    }

    fn draw(
        self,
        stream: ChaCha8,
        first: u64,
        mu: &[[i8; CHUNK]],
        sigma: &[[u8; CHUNK]],
        multipliers: NoiseMultipliers<'_>,
        weights: &mut [[i8; CHUNK]],
    ) {
        sampler::draw(stream, first, mu, sigma, multipliers, weights);
    }

    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [i16]) -> [i32; PANEL] {
        sampler::pack_pairs(rows, panel)
    }
}

/// Multiplies rows `first..first + R` by panel `panel`.
///
/// # Safety
/// `Block::check` must have passed for at least `first + R` rows and `panel + 1` panels.
unsafe fn rows<const R: usize>(
    block: &Block<'_, Simd128>,
    first: usize,
    panel: usize,
    output: &mut BlockOutput<'_>,
) {
    let mut sums = [[i32x4_splat(0); VECTORS]; R];
    // SAFETY: `check` has seen that every piece of every row has `steps` steps inside of the
    // activations, and that panel `panel` holds all steps of a row.
    unsafe {
        let activations = block.activations.as_ptr();
        let rows: [*const i16; R] = core::array::from_fn(|r| {
            activations.add(*block.rows.get_unchecked(first + r) as usize)
        });
        let mut at: *const [v128; VECTORS] =
            block.panels.as_ptr().add(panel * block.row_entries() * PANEL).cast();
        for &piece in block.pieces {
            // One offset for all rows: a pointer per row would take an addition per row.
            let mut offset = piece as usize;
            for _ in 0..block.steps {
                let weights = at.read_unaligned();
                for (row, sums) in rows.iter().zip(&mut sums) {
                    let two = v128_load32_splat(row.add(offset).cast());
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = i32x4_add(*sum, i32x4_dot_i16x8(two, weights));
                    }
                }
                offset += Simd128::STEP;
                at = at.add(1);
            }
        }
    }
    // A copy, so that the accumulators have no address and stay in registers.
    let sums = sums;
    epilogue::write(&sums, block, first, panel, output);
}
