//! AVX512-VNNI: `vpdpbusd` sums four u8 x i8 products into each of 16 i32 lanes.
//!
//! Tile: up to 12 rows x 32 channels. Registers: 24 accumulators, 2 panels' weights, 1 broadcast of
//! four activations. Packing: weights i8 `[K/4][16][4]`, so a panel's step is one zmm; activations
//! u8, straight from NHWC rows if their pieces are multiples of four.
//! Peak: 64 products per instruction; a step of a full tile is 24 `vpdpbusd` on 14 loads.

pub(super) mod epilogue;

use super::avx512bw::Avx512;
use super::{Block, BlockOutput, Drawing, Kernel, PANEL, Pairs, Peak, row_tiles};
use crate::isa::Isa;
use bayes8_core::chacha::{ChaCha8, Group};
use bayes8_core::posterior::gaussian::CHUNK;
use bayes8_core::simd::{Depthwise, DepthwiseBlock, Dot, Lanes, Task};
use epilogue::Epilogue;
use std::arch::x86_64::*;
use std::hint::black_box;

/// Proof that the processor has AVX-512 F, BW, VL and VNNI.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Vnni(Avx512);

/// Most rows of a tile.
const ROWS: usize = 12;

impl Kernel for Avx512Vnni {
    const NAME: &'static str = "avx512vnni";
    const STEP: usize = 4;
    const ROW_MULTIPLE: usize = 4;
    const UNIFORM_ROWS: bool = false;
    const DEPTHWISE: Option<fn(Self, DepthwiseBlock<'_, '_>)> = Some(Self::depthwise);
    type Activation = u8;
    type Weight = i8;
    type Session = ();

    fn new() -> Option<Self> {
        let has_it = !Isa::Avx512Vnni.is_hidden() && is_x86_feature_detected!("avx512vnni");
        has_it.then(Avx512::detect).flatten().map(Self)
    }

    fn session(self) {}

    fn in_place(input: &[u8]) -> Option<&[u8]> {
        Some(input)
    }

    fn vectorize<T: Task>(self, task: T) -> T::Output {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { vectorize(task) }
    }

    fn multiply(self, (): &mut (), block: &Block<'_, Self>, output: BlockOutput<'_>) {
        block.check(&output);
        // SAFETY: `self` proves the features; `check` has passed, and each call covers some of the
        // block's panels.
        unsafe {
            let mut epilogue = Epilogue::new(block.multipliers, output);
            for pair in block.panel_pairs() {
                match pair.len() {
                    1 => panels::<1>(block, pair.start, &mut epilogue),
                    _ => panels::<2>(block, pair.start, &mut epilogue),
                }
            }
        }
    }

    fn groups(self, stream: ChaCha8, first: u64, groups: &mut [Group]) {
        Pairs(self.0).groups(stream, first, groups);
    }

    fn draw(self, drawing: Drawing<'_>) {
        Pairs(self.0).draw(drawing);
    }

    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { pack(self.0, rows, panel) }
    }
}

impl Avx512Vnni {
    /// Does a depthwise convolution ([`Kernel::DEPTHWISE`]).
    pub(super) fn depthwise(self, block: DepthwiseBlock<'_, '_>) {
        self.0.run(Depthwise { set: self.0, block });
    }
}

impl Peak for Avx512Vnni {
    fn peak(self, rounds: u64) -> (u64, i32) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { peak(rounds) }
    }
}

/// # Safety
/// The processor must have the features named.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn vectorize<T: Task>(task: T) -> T::Output {
    task.run()
}

/// Packs 16 rows into a panel `[K/4][16][4]` ([`Kernel::pack`]).
///
/// # Safety
/// The processor must have the features named.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn pack(lanes: Avx512, rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
    let chunks = rows.len() / PANEL;
    let ones = _mm512_set1_epi8(1);
    let mut sums = _mm512_setzero_si512();
    let (panel, _) = panel.as_chunks_mut::<{ PANEL * Avx512Vnni::STEP }>();
    for (chunk, steps) in panel.chunks_mut(PANEL).enumerate() {
        let mut weights = [sums; PANEL];
        for (row, weights) in weights.iter_mut().enumerate() {
            *weights = lanes.load_register(&rows[row * chunks + chunk], 0);
        }
        for (to, step) in steps.iter_mut().zip(lanes.transpose(weights)) {
            sums = _mm512_dpbusd_epi32(sums, ones, step);
            lanes.store_register(to, 0, step);
        }
    }
    let mut result = [0; PANEL];
    lanes.store_register(&mut result, 0, sums);
    result
}

/// Multiplies all rows by `P` panels, of which `panel` is the first.
///
/// # Safety
/// The processor must have the features named; `Block::check` must have passed for at least
/// `panel + P` panels and the output of `epilogue`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn panels<const P: usize>(
    block: &Block<'_, Avx512Vnni>,
    panel: usize,
    epilogue: &mut Epilogue<'_, '_>,
) {
    // SAFETY: `check` has seen that all rows are inside the slices and in the output, and each call
    // covers the rows of `tile`, which are some of them.
    unsafe {
        for tile in row_tiles(block.rows.len(), ROWS) {
            let first = tile.start;
            match tile.len() {
                1 => rows::<1, P>(block, first, panel, epilogue),
                2 => rows::<2, P>(block, first, panel, epilogue),
                3 => rows::<3, P>(block, first, panel, epilogue),
                4 => rows::<4, P>(block, first, panel, epilogue),
                5 => rows::<5, P>(block, first, panel, epilogue),
                6 => rows::<6, P>(block, first, panel, epilogue),
                7 => rows::<7, P>(block, first, panel, epilogue),
                8 => rows::<8, P>(block, first, panel, epilogue),
                9 => rows::<9, P>(block, first, panel, epilogue),
                10 => rows::<10, P>(block, first, panel, epilogue),
                11 => rows::<11, P>(block, first, panel, epilogue),
                _ => rows::<ROWS, P>(block, first, panel, epilogue),
            }
        }
    }
}

/// Multiplies rows `first..first + R` by `P` panels, of which `panel` is the first.
///
/// # Safety
/// The processor must have the features named; `Block::check` must have passed for at least
/// `first + R` rows, `panel + P` panels and the output of `epilogue`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn rows<const R: usize, const P: usize>(
    block: &Block<'_, Avx512Vnni>,
    first: usize,
    panel: usize,
    epilogue: &mut Epilogue<'_, '_>,
) {
    const STEP_BYTES: usize = PANEL * Avx512Vnni::STEP;
    let panel_bytes = block.row_entries() * PANEL;
    // SAFETY: `check` has seen that every piece of every row has `steps` steps inside of the
    // activations, that the panels hold all steps of a row, and that there are 16 offsets for each
    // of them.
    unsafe {
        let offsets: [__m512i; P] = std::array::from_fn(|p| {
            _mm512_loadu_si512(block.offsets.as_ptr().add((panel + p) * PANEL).cast())
        });
        let mut sums = [offsets; R];
        let activations = block.activations.as_ptr();
        let rows: [*const u8; R] =
            std::array::from_fn(|r| activations.add(*block.rows.get_unchecked(first + r) as usize));
        let mut step_weights = block.panels.as_ptr().add(panel * panel_bytes);
        for &piece in block.pieces {
            for step in 0..block.steps {
                let weights: [__m512i; P] = std::array::from_fn(|p| {
                    _mm512_loadu_si512(step_weights.add(p * panel_bytes).cast())
                });
                step_weights = step_weights.add(STEP_BYTES);
                let at = piece as usize + step * Avx512Vnni::STEP;
                for (row, sums) in rows.iter().zip(&mut sums) {
                    let four = _mm512_set1_epi32(row.add(at).cast::<i32>().read_unaligned());
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = _mm512_dpbusd_epi32(*sum, four, weights);
                    }
                }
            }
        }
        // A copy, so that the accumulators themselves have no address and stay in registers.
        let sums = sums;
        let row = |row: usize| sums[row - first];
        epilogue.write(first..first + R, panel, row);
    }
}

/// # Safety
/// The processor must have the features named.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn peak(rounds: u64) -> (u64, i32) {
    const ACCUMULATORS: usize = 24;
    let mut sums = [_mm512_setzero_si512(); ACCUMULATORS];
    // Unknown to the compiler, so that it cannot compute the sums in advance.
    let (x, w) = (_mm512_set1_epi32(black_box(0x0101_0101)), _mm512_set1_epi32(black_box(1)));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, x, w);
        }
    }
    let total = sums.into_iter().fold(_mm512_setzero_si512(), |a, b| _mm512_add_epi32(a, b));
    (rounds * ACCUMULATORS as u64 * 64, _mm512_reduce_add_epi32(total))
}
