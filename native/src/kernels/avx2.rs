//! AVX2 without VNNI: `vpmaddwd` sums two i16 x i16 products into each of 8 i32 lanes.
//!
//! `vpmaddubsw` would take u8 x i8, but sums as large as 2 * 255 * 127 saturate. So both sides are
//! widened to i16 when they are packed, which keeps every sum exact.
//!
//! Tile: up to 6 rows x 16 channels. Registers: 12 accumulators, 2 of weights, 1 broadcast of two
//! activations. Packing: weights i16 `[K/2][16][2]`, activations i16.
//! Peak: 16 products per instruction; a step of a full tile is 12 `vpmaddwd` and 12 `vpaddd` on 8
//! loads.

pub(super) mod epilogue;
pub(super) mod sampler;

use super::row_tiles;
use super::{Block, BlockOutput, Kernel, NoiseMultipliers, PANEL, Peak};
use crate::isa::Isa;
use bayes8_core::chacha::ChaCha8;
use bayes8_core::posterior::gaussian::CHUNK;
use std::arch::{asm, x86_64::*};
use std::hint::black_box;

/// Proof that the processor has AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Most rows of a tile.
const ROWS: usize = 6;

impl Kernel for Avx2 {
    const NAME: &'static str = "avx2";
    const STEP: usize = 2;
    const ROW_MULTIPLE: usize = 2;
    const UNIFORM_ROWS: bool = false;
    type Activation = i16;
    type Weight = i16;
    type Session = ();

    fn new() -> Option<Self> {
        let has_it = !Isa::Avx2.is_hidden() && is_x86_feature_detected!("avx2");
        has_it.then_some(Self(()))
    }

    fn session(self) {}

    fn in_place(_: &[u8]) -> Option<&[i16]> {
        None
    }

    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { vectorize(f) }
    }

    fn multiply(self, (): &mut (), block: &Block<'_, Self>, mut output: BlockOutput<'_>) {
        block.check(&output);
        for panel in 0..block.panel_count() {
            for tile in row_tiles(block.rows.len(), ROWS) {
                let (first, output) = (tile.start, &mut output);
                // SAFETY: `self` proves the feature; `check` has seen that all rows and panels are
                // inside the slices, and each call covers the rows of `tile`, some of them.
                unsafe {
                    match tile.len() {
                        1 => rows::<1>(block, first, panel, output),
                        2 => rows::<2>(block, first, panel, output),
                        3 => rows::<3>(block, first, panel, output),
                        4 => rows::<4>(block, first, panel, output),
                        5 => rows::<5>(block, first, panel, output),
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
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { sampler::draw(stream, first, mu, sigma, multipliers, weights) }
    }

    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [i16]) -> [i32; PANEL] {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { sampler::pack_pairs(rows, panel) }
    }
}

impl Peak for Avx2 {
    fn peak(self, rounds: u64) -> (u64, i32) {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { peak(rounds) }
    }
}

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Multiplies rows `first..first + R` by panel `panel`.
///
/// # Safety
/// The processor must have AVX2; `Block::check` must have passed for at least `first + R` rows and
/// `panel + 1` panels.
#[target_feature(enable = "avx2")]
unsafe fn rows<const R: usize>(
    block: &Block<'_, Avx2>,
    first: usize,
    panel: usize,
    output: &mut BlockOutput<'_>,
) {
    let mut sums = [[_mm256_setzero_si256(); 2]; R];
    // SAFETY: `check` has seen that every piece of every row has `steps` steps inside of the
    // activations, and that panel `panel` holds all steps of a row.
    unsafe {
        let activations = block.activations.as_ptr();
        let rows: [*const i16; R] =
            std::array::from_fn(|r| activations.add(*block.rows.get_unchecked(first + r) as usize));
        let mut weights = block.panels.as_ptr().add(panel * block.row_entries() * PANEL);
        for &piece in block.pieces {
            for step in 0..block.steps {
                let at: *const __m256i = weights.cast();
                let halves = [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))];
                weights = weights.add(PANEL * Avx2::STEP);
                let at = piece as usize + step * Avx2::STEP;
                for (row, sums) in rows.iter().zip(&mut sums) {
                    let two = _mm256_set1_epi32(row.add(at).cast::<i32>().read_unaligned());
                    for (sum, half) in sums.iter_mut().zip(halves) {
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(two, half));
                    }
                }
            }
        }
        // A copy, so that the accumulators themselves have no address and stay in registers.
        let sums = sums;
        epilogue::write(&sums, block.offsets, block.multipliers, first, panel, output);
    }
}

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn peak(rounds: u64) -> (u64, i32) {
    const ACCUMULATORS: usize = 12;
    let mut sums = [_mm256_setzero_si256(); ACCUMULATORS];
    // Unknown to the compiler, so that it cannot compute the sums in advance.
    let x = _mm256_set1_epi32(black_box(0x0001_0001));
    let mut w = _mm256_set1_epi32(black_box(1));
    for _ in 0..rounds {
        for sum in &mut sums {
            // SAFETY: no instruction at all. It hides from the compiler that the product is always
            // the same; otherwise it would be moved out of the loop.
            unsafe { asm!("/* {0} */", inout(ymm_reg) w, options(pure, nomem, nostack)) };
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, w));
        }
    }
    (rounds * ACCUMULATORS as u64 * 16, epilogue::total(&sums))
}
