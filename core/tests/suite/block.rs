//! Invalid blocks are refused. Kernels access through pointers whatever [`Block::check`] accepts.

use bayes8_core::chacha::{ChaCha8, Group};
use bayes8_core::numerics::{CodeRange, Quantization, Target};
use bayes8_core::ops::{Addition, Rescale};
use bayes8_core::posterior::gaussian::CHUNK;
use bayes8_core::simd::{Block, BlockOutput, Drawing, Kernel, PANEL, Task};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

/// Rows and channels of the blocks: one whole panel and a partial one.
const SHAPE: (usize, usize) = (3, 20);

const PANELS: usize = 2;

/// Steps of the single piece of a row.
const STEPS: usize = 2;

/// A kernel with extents that multiplies nothing.
#[derive(Clone, Copy)]
struct Extents;

impl Kernel for Extents {
    const NAME: &'static str = "extents";
    const STEP: usize = 4;
    const ROW_MULTIPLE: usize = 4;
    const UNIFORM_ROWS: bool = false;
    type Activation = u8;
    type Weight = i8;
    type Session = ();

    fn new() -> Option<Self> {
        Some(Self)
    }

    fn session(self) {}

    fn in_place(input: &[u8]) -> Option<&[u8]> {
        Some(input)
    }

    fn vectorize<T: Task>(self, task: T) -> T::Output {
        task.run()
    }

    fn multiply(self, (): &mut (), block: &Block<'_, Self>, output: BlockOutput<'_>) {
        block.check(&output);
    }

    fn groups(self, _: ChaCha8, _: u64, _: &mut [Group]) {
        unreachable!("no test draws")
    }

    fn draw(self, _: Drawing<'_>) {}

    fn pack(self, _: &[[i8; CHUNK]], _: &mut [i8]) -> [i32; PANEL] {
        [0; PANEL]
    }
}

/// Checks a block with these rows, pieces and steps; everything else has the size that `SHAPE`
/// requires.
fn check_block(rows: &[u32], pieces: &[u32], steps: usize, output: BlockOutput<'_>) {
    let block = Block {
        activations: &[0; 2 * STEPS * Extents::STEP],
        rows,
        pieces,
        steps,
        panels: &[0; PANELS * PANEL * STEPS * Extents::STEP],
        offsets: &[0; PANELS * PANEL],
        multipliers: &[0.0; PANELS * PANEL],
    };
    Extents.multiply(&mut (), &block, output);
}

/// Checks a block in which only `output` can be wrong.
fn check(output: BlockOutput<'_>) {
    check_block(&[0, 4, 8], &[0], STEPS, output);
}

fn target() -> Target {
    Target::new(Quantization { scale: 1.0, zero_point: 0 }, CodeRange::FULL)
}

fn codes(codes: ArrayViewMut2<'_, u8>) -> BlockOutput<'_> {
    BlockOutput::Codes(codes, target())
}

fn sums<'a>(codes: ArrayViewMut2<'a, u8>, other: ArrayView2<'a, u8>) -> BlockOutput<'a> {
    let input = Rescale { zero_point: 0, multiplier: 1.0 };
    BlockOutput::Sums(codes, target(), Addition { inputs: [input; 2], target: target() }, other)
}

/// Returns a matrix with twice the rows and columns of `SHAPE`.
fn twice() -> Array2<u8> {
    Array2::zeros((2 * SHAPE.0, 2 * SHAPE.1))
}

#[test]
fn blocks_of_whole_values_and_of_parts_pass() {
    check(codes(Array2::zeros(SHAPE).view_mut()));
    check(BlockOutput::Logits(Array2::zeros(SHAPE).view_mut()));
    check(sums(Array2::zeros(SHAPE).view_mut(), Array2::zeros(SHAPE).view()));
    let part = s![1..=SHAPE.0, 2..SHAPE.1 + 2];
    check(sums(twice().slice_mut(part), twice().slice(part)));
}

#[test]
#[should_panic = "is_row_major(codes)"]
fn codes_with_gaps_between_channels_are_refused() {
    check(codes(twice().slice_mut(s![..SHAPE.0, ..;2])));
}

#[test]
#[should_panic = "is_row_major(logits)"]
fn logits_with_gaps_between_channels_are_refused() {
    let mut logits = Array2::zeros((SHAPE.0, 2 * SHAPE.1));
    check(BlockOutput::Logits(logits.slice_mut(s![.., ..;2])));
}

#[test]
#[should_panic = "is_row_major(codes)"]
fn rows_in_descending_order_are_refused() {
    let mut descending = Array2::zeros(SHAPE);
    descending.invert_axis(Axis(0));
    check(codes(descending.view_mut()));
}

#[test]
#[should_panic = "is_row_major(codes) && is_row_major(other)"]
fn sums_with_gaps_between_channels_are_refused() {
    check(sums(twice().slice_mut(s![..SHAPE.0, ..;2]), Array2::zeros(SHAPE).view()));
}

#[test]
#[should_panic = "is_row_major(codes) && is_row_major(other)"]
fn a_residual_operand_with_gaps_between_channels_is_refused() {
    check(sums(Array2::zeros(SHAPE).view_mut(), twice().slice(s![..SHAPE.0, ..;2])));
}

#[test]
#[should_panic = "codes.dim() == other.dim()"]
fn a_residual_operand_of_fewer_rows_is_refused() {
    let other = Array2::zeros((SHAPE.0 - 1, SHAPE.1));
    check(sums(Array2::zeros(SHAPE).view_mut(), other.view()));
}

#[test]
#[should_panic = "codes.dim() == other.dim()"]
fn a_residual_operand_of_fewer_channels_is_refused() {
    let other = Array2::zeros((SHAPE.0, SHAPE.1 - 1));
    check(sums(Array2::zeros(SHAPE).view_mut(), other.view()));
}

#[test]
#[should_panic = "!self.rows.is_empty()"]
fn a_block_without_rows_is_refused() {
    check_block(&[], &[0], STEPS, codes(Array2::zeros((0, SHAPE.1)).view_mut()));
}

#[test]
#[should_panic = "self.activations.len() as u64 >= end"]
fn a_row_that_ends_after_the_activations_is_refused() {
    check_block(&[0, 4, 9], &[0], STEPS, codes(Array2::zeros(SHAPE).view_mut()));
}

/// If the product of the extents wrapped to 0, any panels would pass.
#[test]
#[should_panic = "self.panels.len() >= weights"]
fn extents_whose_product_wraps_are_refused() {
    let steps = usize::MAX / 4 + 1;
    check_block(&[0, 4, 8], &[0], steps, codes(Array2::zeros(SHAPE).view_mut()));
}
