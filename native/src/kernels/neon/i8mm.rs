//! The matrix product of Armv8.6, `usmmla`: 2 x 8 u8 times 8 x 2 i8, added to 2 x 2 i32. Processors
//! since Neoverse V1 and N2, Cortex-A510 and Apple M2 have it.
//!
//! Tile: up to 3 pairs of rows x 16 channels. Registers: 24 accumulators of 2 rows x 2 channels, 3 of
//! 8 activations of 2 rows, 4 of weights. A last single row is multiplied as a pair with itself.
//! Packing: weights i8 `[K / 8][16][8]`, so a register takes two channels; activations u8, in place
//! where they can be.
//! Peak: 32 products per instruction, twice those of `usdot`. 8 activations of two rows take 8
//! `usmmla`, and the second load takes a vector pipe: 89 % of the peak.

use super::lanes::Neon;
use crate::isa::Isa;
use crate::kernels::{Block, BlockOutput, Drawing, Kernel, PANEL, Peak, Quads, row_tiles};
use bayes8_core::chacha::{ChaCha8, Group};
use bayes8_core::posterior::gaussian::CHUNK;
use bayes8_core::simd::{Epilogue, Lanes, PanelEpilogue, Task};
use std::arch::{aarch64::int32x4_t, asm, is_aarch64_feature_detected};
use std::hint::black_box;

/// Proof that the processor has NEON with matrix products of bytes.
#[derive(Clone, Copy)]
pub(crate) struct I8mm(Neon);

/// Eight weights of each of sixteen channels.
type Step = [[i8; 64]; 2];

/// Most pairs of rows of a tile.
const PAIRS: usize = 3;

impl Kernel for I8mm {
    const NAME: &'static str = "i8mm";
    const STEP: usize = 8;
    const ROW_MULTIPLE: usize = 8;
    const UNIFORM_ROWS: bool = false;
    type Activation = u8;
    type Weight = i8;
    type Session = ();

    fn new() -> Option<Self> {
        let has_it = !Isa::I8mm.is_hidden() && is_aarch64_feature_detected!("i8mm");
        has_it.then(Neon::detect).flatten().map(Self)
    }

    fn session(self) {}

    fn in_place(input: &[u8]) -> Option<&[u8]> {
        Some(input)
    }

    fn vectorize<T: Task>(self, task: T) -> T::Output {
        Quads(self.0).vectorize(task)
    }

    fn multiply(self, (): &mut (), block: &Block<'_, Self>, mut output: BlockOutput<'_>) {
        block.check(&output);
        // SAFETY: `self` proves that the processor has the features.
        unsafe { multiply(self, block, &mut output) }
    }

    fn groups(self, stream: ChaCha8, first: u64, groups: &mut [Group]) {
        Quads(self.0).groups(stream, first, groups);
    }

    fn draw(self, drawing: Drawing<'_>) {
        Quads(self.0).draw(drawing);
    }

    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { pack(self, rows, panel) }
    }
}

impl I8mm {
    /// Adds the products of two rows of eight activations and two channels' eight weights.
    #[inline(always)]
    fn add(self, mut sums: int32x4_t, activations: int32x4_t, weights: int32x4_t) -> int32x4_t {
        // Rust 1.95 does not have the intrinsic.
        // SAFETY: one instruction on registers; `self` proves that the processor has it.
        unsafe {
            asm!(
                "usmmla {sums:v}.4s, {activations:v}.16b, {weights:v}.16b",
                sums = inout(vreg) sums,
                activations = in(vreg) activations,
                weights = in(vreg) weights,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sums
    }

    /// Returns the sums of the first of two rows of sixteen channels, and those of the second.
    #[inline(always)]
    fn rows(self, sums: [int32x4_t; 8]) -> [[int32x4_t; 4]; 2] {
        let mut rows = [[self.0.splat(0); 4]; 2];
        let (pairs, _) = sums.as_chunks::<2>();
        for (p, [a, b]) in pairs.iter().enumerate() {
            [rows[0][p], rows[1][p]] = self.0.halves(*a, *b);
        }
        rows
    }
}

/// Multiplies a block, which has been checked, and writes its outputs.
#[target_feature(enable = "neon,i8mm")]
fn multiply(set: I8mm, block: &Block<'_, I8mm>, output: &mut BlockOutput<'_>) {
    let lanes = set.0;
    let size = block.row_entries() * PANEL;
    let epilogue = Epilogue::new(lanes, output);
    for (panel, weights) in block.panels.chunks_exact(size).enumerate().take(block.panel_count()) {
        let tile = Tile {
            set,
            block,
            weights: weights.as_chunks().0.as_chunks().0,
            offsets: lanes.load::<[i32; PANEL]>(&block.offsets.as_chunks().0[panel]),
            epilogue: PanelEpilogue::new(lanes, &epilogue, block.multipliers, panel),
        };
        for pairs in row_tiles(block.rows.len().div_ceil(2), PAIRS) {
            match pairs.len() {
                1 => tile.multiply::<1>(pairs.start, output),
                2 => tile.multiply::<2>(pairs.start, output),
                _ => tile.multiply::<PAIRS>(pairs.start, output),
            }
        }
    }
}

/// A panel and the rows of a block.
struct Tile<'a> {
    set: I8mm,
    block: &'a Block<'a, I8mm>,
    weights: &'a [Step],
    offsets: [int32x4_t; 4],
    epilogue: PanelEpilogue<'a, Neon, 4>,
}

impl Tile<'_> {
    /// Multiplies `N` pairs of rows, from pair `first` on. The second row of the last pair may be
    /// missing.
    #[inline(always)]
    fn multiply<const N: usize>(&self, first: usize, output: &mut BlockOutput<'_>) {
        let Self { set, block, .. } = *self;
        let rows = &block.rows[2 * first..];
        let last = rows.len() - 1;
        let mut sums = [self.start(); N];
        let pieces = self.weights.chunks_exact(block.steps);
        for (&piece, weights) in block.pieces.iter().zip(pieces) {
            let mut pairs: [[&[u8]; 2]; N] = [[&[]; 2]; N];
            for (i, row) in pairs.as_flattened_mut().iter_mut().enumerate() {
                let at = rows[i.min(last)] as usize + piece as usize;
                *row = &block.activations[at..at + block.steps * I8mm::STEP];
            }
            add_products(set, pairs, weights, &mut sums);
        }
        for (i, sums) in sums.into_iter().enumerate() {
            let row = 2 * (first + i);
            let [one, two] = set.rows(sums);
            if row + 1 < block.rows.len() {
                self.epilogue.write(&[one, two], row, output);
            } else {
                self.epilogue.write(&[one], row, output);
            }
        }
    }

    /// Returns the offsets of two rows.
    #[inline(always)]
    fn start(&self) -> [int32x4_t; 8] {
        let mut sums = [self.offsets[0]; 8];
        let (pairs, _) = sums.as_chunks_mut();
        for (pair, offsets) in pairs.iter_mut().zip(self.offsets) {
            *pair = self.set.0.halves(offsets, offsets);
        }
        sums
    }
}

/// Adds to `sums` the products of pairs of rows and `weights`.
#[inline(always)]
fn add_products<const N: usize>(
    set: I8mm,
    pairs: [[&[u8]; 2]; N],
    weights: &[Step],
    sums: &mut [[int32x4_t; 8]; N],
) {
    let lanes = set.0;
    let mut eights: [[&[[u8; 8]]; 2]; N] = [[&[]; 2]; N];
    for n in 0..N {
        for r in 0..2 {
            eights[n][r] = &pairs[n][r].as_chunks().0[..weights.len()];
        }
    }
    // A copy, so that the accumulators have no address and stay in registers.
    let mut registers = *sums;
    let mut activations = [lanes.splat(0); N];
    for (step, weights) in weights.iter().enumerate() {
        for n in 0..N {
            let [a, b] = eights[n];
            // SAFETY: all of `eights` have the length of `weights`.
            activations[n] =
                unsafe { lanes.load_halves(a.get_unchecked(step), b.get_unchecked(step)) };
        }
        let weights = [lanes.load(&weights[0]), lanes.load(&weights[1])];
        for channels in 0..8 {
            let weights = weights[channels / 4][channels % 4];
            for n in 0..N {
                registers[n][channels] = set.add(registers[n][channels], activations[n], weights);
            }
        }
    }
    *sums = registers;
}

/// Packs 16 rows into a panel ([`Kernel::pack`]).
#[target_feature(enable = "neon,i8mm")]
fn pack(set: I8mm, rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
    let lanes = set.0;
    let ones = lanes.splat(0x0101_0101);
    let mut sums = [lanes.splat(0); 8];
    let chunks = rows.len() / PANEL;
    for (chunk, steps) in steps_mut(panel).chunks_mut(CHUNK / 8).enumerate() {
        // Eight weights of a row are half a register.
        let mut packed = [[sums; 2]; 4];
        for pair in 0..PANEL / 2 {
            let first = lanes.load(&rows[2 * pair * chunks + chunk]);
            let second = lanes.load(&rows[(2 * pair + 1) * chunks + chunk]);
            for (i, packed) in packed.iter_mut().enumerate() {
                [packed[0][pair], packed[1][pair]] = lanes.halves(first[i], second[i]);
            }
        }
        for (step, weights) in steps.iter_mut().zip(packed.as_flattened()) {
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = set.add(*sum, ones, *weights);
            }
            let (halves, _) = weights.as_chunks::<4>();
            for (to, half) in step.iter_mut().zip(halves) {
                lanes.store(to, *half);
            }
        }
    }
    let [sums, _] = set.rows(sums);
    let mut result = [0; PANEL];
    lanes.store(&mut result, sums);
    result
}

/// Returns a panel as steps.
fn steps_mut(panel: &mut [i8]) -> &mut [Step] {
    panel.as_chunks_mut().0.as_chunks_mut().0
}

impl Peak for I8mm {
    fn peak(self, rounds: u64) -> (u64, i32) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { peak(self, rounds) }
    }
}

#[target_feature(enable = "neon,i8mm")]
fn peak(set: I8mm, rounds: u64) -> (u64, i32) {
    const ACCUMULATORS: usize = 24;
    let mut sums = [set.0.splat(0); ACCUMULATORS];
    let (x, w) = (set.0.splat(black_box(0x0101_0101)), set.0.splat(black_box(1)));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = set.add(*sum, x, w);
        }
    }
    (rounds * ACCUMULATORS as u64 * 32, set.0.sum(&sums))
}
