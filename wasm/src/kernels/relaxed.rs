//! Relaxed SIMD: `i32x4.relaxed_dot_i8x16_i7x16_add_s` adds four i8 x u7 products to each of 4 i32
//! lanes. Engines compile it to one instruction where the processor has AVX-VNNI or Arm's dot product,
//! and to three to five elsewhere, which are not faster than SIMD128. So the package probes the engine
//! before it uses this kernel.
//!
//! Its result is the same on every engine only while the second operand is 0 to 127. An activation
//! is `x = (x & 127) + 128 (x >> 7)`: one dot product of the low bits, and one of the high bits
//! where there are any. So a tile first gathers the steps in which a row has a byte above 127, sums
//! their high bits, shifts these sums and goes on with the low bits of all steps. After a ReLU few
//! bytes are that large; a model that is calibrated to 7 bits has none.
//! Tile: up to 2 rows x 16 channels. Locals: 8 sums, 4 of weights, 2 splats of four activations; V8
//! on x86-64 has 15 registers for them. Packing: weights i8 `[K/4][16][4]`, activations u8,
//! in place where they can be.
//! Peak: 16 products per instruction; a step of a full tile is 8 instructions on 6 loads.

use super::lanes::Simd128;
use bayes8_core::chacha::{ChaCha8, Group};
use bayes8_core::posterior::gaussian::CHUNK;
use bayes8_core::simd::{
    Block, BlockOutput, Depthwise, DepthwiseBlock, Dot, Drawing, Epilogue, Kernel, Lanes, PANEL,
    PanelEpilogue, Quads, Task, Waiting, row_tiles,
};
use core::arch::wasm32::*;
use core::hint::black_box;

/// Proof that the engine has relaxed SIMD. An engine without it refuses the module.
#[derive(Clone, Copy)]
pub(crate) struct RelaxedDot;

/// Its products are those of activations of 0 to 127.
impl Dot<4> for RelaxedDot {
    const NAME: &'static str = "relaxed-simd";
    const ROWS: usize = 2;
    type Lanes = Simd128;
    type Activation = u8;
    type Weight = i8;
    type Step = [u8; 4];
    type Weights = [i8; 64];

    fn new() -> Option<Self> {
        Some(Self)
    }

    #[inline(always)]
    fn lanes(self) -> Simd128 {
        Simd128
    }

    fn run<T: Task>(self, task: T) -> T::Output {
        task.run()
    }

    #[inline(always)]
    fn steps(activations: &[u8]) -> &[[u8; 4]] {
        activations.as_chunks().0
    }

    #[inline(always)]
    fn weight_steps(weights: &[i8]) -> &[[i8; 64]] {
        weights.as_chunks().0
    }

    #[inline(always)]
    fn splat_step(self, step: [u8; 4]) -> v128 {
        i32x4_splat(i32::from_ne_bytes(step))
    }

    #[inline(always)]
    fn dot(self, sum: v128, activations: v128, weights: v128) -> v128 {
        i32x4_relaxed_dot_i8x16_i7x16_add(weights, activations, sum)
    }
}

/// The shared kernel, of which all but the product is used.
type Shared = Quads<RelaxedDot, 4>;

/// The kernel.
#[derive(Clone, Copy)]
pub(crate) struct Relaxed(Shared);

/// Most rows of a tile.
const ROWS: usize = RelaxedDot::ROWS;

/// The steps of a block in which a row of a tile has a byte above 127.
#[derive(Default)]
pub(crate) struct HighBits {
    /// Steps of all tiles, one tile after the other.
    steps: Vec<HighStep>,
    /// Where the steps of each tile end.
    ends: Vec<usize>,
}

struct HighStep {
    /// Offset within a row.
    activation: usize,
    /// Offset within a panel.
    weight: usize,
}

impl Kernel for Relaxed {
    const NAME: &'static str = Shared::NAME;
    const STEP: usize = Shared::STEP;
    const ROW_MULTIPLE: usize = Shared::ROW_MULTIPLE;
    const UNIFORM_ROWS: bool = Shared::UNIFORM_ROWS;
    const DEPTHWISE: Option<fn(Self, DepthwiseBlock<'_, '_>)> =
        Some(|_, block| Depthwise { set: Simd128, block }.run());
    type Activation = u8;
    type Weight = i8;
    type Session = HighBits;

    fn new() -> Option<Self> {
        Shared::new().map(Self)
    }

    fn session(self) -> HighBits {
        HighBits::default()
    }

    fn in_place(input: &[u8]) -> Option<&[u8]> {
        Shared::in_place(input)
    }

    fn vectorize<T: Task>(self, task: T) -> T::Output {
        self.0.vectorize(task)
    }

    fn multiply(
        self,
        high_bits: &mut HighBits,
        block: &Block<'_, Self>,
        mut output: BlockOutput<'_>,
    ) {
        block.check(&output);
        high_bits.find(block);
        let epilogue = Epilogue::new(Simd128, &output);
        let mut waiting = Waiting::new(Simd128);
        for panel in 0..block.panel_count() {
            let epilogue = PanelEpilogue::new(Simd128, &epilogue, block.multipliers, panel);
            let mut begin = 0;
            for (tile, &end) in row_tiles(block.rows.len(), ROWS).zip(&high_bits.ends) {
                let high = &high_bits.steps[begin..end];
                begin = end;
                let (first, output) = (tile.start, &mut output);
                // SAFETY: `check` has seen that all rows and panels are inside the slices, and each
                // call covers rows of `tile`, which are some of them; the steps were found in this block.
                unsafe {
                    match tile.len() {
                        1 => {
                            let sums = rows::<1>(block, first, panel, high);
                            epilogue.add(&sums, first, &mut waiting, output);
                        }
                        _ => {
                            let sums = rows::<ROWS>(block, first, panel, high);
                            epilogue.add(&sums, first, &mut waiting, output);
                        }
                    }
                }
            }
            epilogue.finish(&mut waiting, &mut output);
        }
    }

    fn groups(self, stream: ChaCha8, first: u64, groups: &mut [Group]) {
        self.0.groups(stream, first, groups);
    }

    fn draw(self, drawing: Drawing<'_>) {
        self.0.draw(drawing);
    }

    fn pack(self, rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
        self.0.pack(rows, panel)
    }
}

impl HighBits {
    /// Finds the steps of `block`.
    fn find(&mut self, block: &Block<'_, Relaxed>) {
        self.steps.clear();
        self.ends.clear();
        let length = block.steps * Relaxed::STEP;
        for tile in row_tiles(block.rows.len(), ROWS) {
            for (number, &piece) in block.pieces.iter().enumerate() {
                let begins = block.rows[tile.clone()].iter().map(|&row| (row + piece) as usize);
                let piece_rows = begins.map(|begin| &block.activations[begin..][..length]);
                self.find_in_piece(piece_rows, piece as usize, number * block.steps);
            }
            self.ends.push(self.steps.len());
        }
    }

    /// Finds the steps in a piece of some rows. The piece begins at step `first` of a panel.
    fn find_in_piece<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a [u8]> + Clone,
        piece: usize,
        first: usize,
    ) {
        const STEPS: usize = 16 / Relaxed::STEP;
        let length = rows.clone().next().map_or(0, <[u8]>::len);
        for begin in (0..length).step_by(16) {
            let high = rows.clone().fold(u8x16_splat(0), |high, row| {
                let mut bytes = [0; 16];
                let row = &row[begin..];
                match row.first_chunk() {
                    Some(whole) => bytes = *whole,
                    None => bytes[..row.len()].copy_from_slice(row),
                }
                // SAFETY: 16 bytes, at any address.
                v128_or(high, unsafe { v128_load(bytes.as_ptr().cast()) })
            });
            let high = u8x16_bitmask(high);
            for step in (0..STEPS).filter(|step| high >> (step * Relaxed::STEP) & 15 != 0) {
                let activation = piece + begin + step * Relaxed::STEP;
                let weight = (first + begin / Relaxed::STEP + step) * PANEL * Relaxed::STEP;
                self.steps.push(HighStep { activation, weight });
            }
        }
    }
}

/// Multiplies rows `first..first + R` by panel `panel`. Returns the sums, offsets included.
///
/// # Safety
/// `Block::check` must have passed for at least `first + R` rows and `panel + 1` panels; `high` must
/// be steps of the block.
unsafe fn rows<const R: usize>(
    block: &Block<'_, Relaxed>,
    first: usize,
    panel: usize,
    high: &[HighStep],
) -> [[v128; 4]; R] {
    /// Entries of a panel per step.
    const STEP: usize = PANEL * Relaxed::STEP;
    let offsets = Simd128.load::<[i32; PANEL]>(&block.offsets.as_chunks().0[panel]);
    let mut sums = [offsets; R];
    // SAFETY: `check` has seen that every piece of every row has `steps` steps inside of the
    // activations, and that the panel holds all steps of a row. `high` are some of these.
    unsafe {
        let activations = block.activations.as_ptr();
        let rows: [*const u8; R] = core::array::from_fn(|r| {
            activations.add(*block.rows.get_unchecked(first + r) as usize)
        });
        let mut weights = block.panels.as_ptr().add(panel * block.row_entries() * PANEL);
        if !high.is_empty() {
            sums = [[i32x4_splat(0); 4]; R];
            for step in high {
                let part = |x| u8x16_shr(x, 7);
                multiply_step(rows, step.activation, weights.add(step.weight), part, &mut sums);
            }
            for row in &mut sums {
                for (sum, offset) in row.iter_mut().zip(offsets) {
                    *sum = i32x4_add(i32x4_shl(*sum, 7), offset);
                }
            }
        }
        // Hidden from the compiler, which would otherwise mask each activation before the splat.
        let low_bits = black_box(u8x16_splat(127));
        let low = |x| v128_and(x, low_bits);
        for &piece in block.pieces {
            let mut at = piece as usize;
            for _ in 0..block.steps {
                multiply_step(rows, at, weights, low, &mut sums);
                at += Relaxed::STEP;
                weights = weights.add(STEP);
            }
        }
    }
    sums
}

/// Adds the products of a step: of `weights` and `part` of the four activations of each row from
/// `at` on.
///
/// # Safety
/// There must be four activations, and 64 `weights`.
#[inline(always)]
unsafe fn multiply_step<const R: usize>(
    rows: [*const u8; R],
    at: usize,
    weights: *const i8,
    part: impl Fn(v128) -> v128,
    sums: &mut [[v128; 4]; R],
) {
    // SAFETY: by the contract.
    unsafe {
        let weights: [v128; 4] = weights.cast::<[v128; 4]>().read_unaligned();
        for (row, sums) in rows.into_iter().zip(sums) {
            let four = part(v128_load32_splat(row.add(at).cast()));
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = i32x4_relaxed_dot_i8x16_i7x16_add(weights, four, *sum);
            }
        }
    }
}
