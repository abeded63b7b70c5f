//! The walk over a block: two panels at a time, their depth in parts, a part in tiles of rows.
//!
//! It is one pipeline from the first tile to the last: the K loop of each tile writes the outputs of
//! the one before, whatever panels that has, and only the last tile's are written behind a loop.

use super::pending::Pending;
use super::row_tiles::RowTiles;
use super::tiles::{self, AfterStep, B_TILE_BYTES, OutputBlock, SUMS_STRIDE, Sums, TILE_DEPTH};
use super::{Amx, Session};
use crate::kernels::{Block, PANEL};
use std::ops::Range;
use std::ptr;

/// Most steps of 64 columns that a pair of panels may have to stay in a first-level cache of 48
/// KiB beside a tile of activations and sums.
const PART_STEPS: usize = 8;

/// What is called behind each step, with a [`Pending`] of the block's epilogue.
#[derive(Clone, Copy)]
pub(super) struct AfterSteps {
    /// Writes rows.
    pub(super) write: AfterStep,
    /// Asks for a tile of the weights to come, then writes rows.
    pub(super) fetch_and_write: AfterStep,
}

impl Amx {
    /// Multiplies a block that `Block::check` has passed. `after_steps` take a `Pending<E>`.
    pub(super) fn walk<E>(
        self,
        session: &mut Session,
        block: &Block<'_, Self>,
        epilogue: E,
        after_steps: AfterSteps,
    ) {
        assert!(block.pieces.len() == 1);
        let row_tiles = RowTiles::new(block.rows.len());
        let first_row = block.rows[0] as usize;
        let stride = block.rows.get(1).map_or(0, |&second| second as usize - first_row);
        // The rows between lie between.
        let last_row = first_row + (block.rows.len() - 1) * stride;
        assert!(block.rows.last().is_some_and(|&last| last as usize == last_row));
        debug_assert!(block.rows.windows(2).all(|two| two[1] as usize == two[0] as usize + stride));

        let depth = block.depth();
        assert!(depth.is_multiple_of(TILE_DEPTH));
        let steps = depth / TILE_DEPTH;
        let parts = if row_tiles.count == 1 { 1 } else { steps.div_ceil(PART_STEPS) };
        let Session { configuration, sums } = session;
        let needed = 2 + if parts == 1 { 0 } else { row_tiles.count };
        if sums.len() < needed {
            sums.resize(needed, Sums::ZERO);
        }
        let finished = sums.as_mut_ptr();
        let partial = finished.wrapping_add(2);
        // SAFETY: `self` proves that AMX instructions are executable.
        unsafe { configuration.load(row_tiles.halves) };

        // Nothing is left for the last step: the first loads of the next tile would wait behind it.
        let calls = (steps / parts - 1).max(1);
        let mut pending = Pending {
            sums: finished,
            first: 0,
            rows: 0..0,
            at_a_time: row_tiles.height.div_ceil(2 * calls) * 2,
            panels: 0..0,
            fetch: ptr::null(),
            epilogue,
        };
        let activations = &block.activations[first_row + block.pieces[0] as usize..];
        let mut output_block = OutputBlock {
            activations: activations.as_ptr(),
            stride,
            upper_rows: row_tiles.halves[0],
            lower: row_tiles.halves[0] * stride,
            weights: block.panels.as_ptr(),
            panel_bytes: steps * B_TILE_BYTES,
            steps: 0,
            initial: block.offsets.as_ptr(),
            initial_stride: 0,
            sums: finished.cast(),
            after_step: after_steps.write,
            context: (&raw mut pending).cast(),
        };
        let mut finished_tiles = 0;
        let mut passes = passes(block, steps, parts).peekable();
        while let Some(Pass { panels, columns }) = passes.next() {
            let is_first = columns.start == 0;
            let is_last = columns.end == steps;
            // Slices, here and below, so that an offset that was wrong would be found.
            output_block.weights = weights(block, panels.start, columns.start);
            output_block.steps = columns.len();
            for tile in 0..row_tiles.count {
                let row = row_tiles.first(tile);
                let first = row * stride + columns.start * TILE_DEPTH;
                output_block.activations = activations[first..].as_ptr();
                (output_block.initial, output_block.initial_stride) = if is_first {
                    (block.offsets[panels.start * PANEL..].as_ptr(), 0)
                } else {
                    (partial.wrapping_add(tile).cast_const().cast(), SUMS_STRIDE)
                };
                let sums = if is_last {
                    finished.wrapping_add(finished_tiles % 2)
                } else {
                    partial.wrapping_add(tile)
                };
                output_block.sums = sums.cast();
                output_block.after_step = after_steps.write;
                // The first tile of a pass streams both sides. A half of its weights comes early,
                // while the last tile of the pass before leaves the second-level cache idle.
                if tile > 0
                    && tile + 1 == row_tiles.count
                    && let Some(next) = passes.peek()
                {
                    pending.fetch = weights(block, next.panels.start, next.columns.start);
                    output_block.after_step = after_steps.fetch_and_write;
                }
                // SAFETY: the configuration loaded is the one of `halves`. `check` has seen that the
                // last row of the block holds all steps and, with the assertion above, that so do
                // those before it; a tile's rows are some of them. `panels` are one or two of the
                // block's, each with all steps and 16 offsets. There are `needed` sums, each with as
                // many rows as a tile can have and room for two panels. `pending` belongs to this
                // block and reads the other of the two finished sums.
                unsafe { multiply(row_tiles.halves, panels.len(), &output_block) };
                debug_assert!(pending.rows.is_empty());
                if is_last {
                    pending.sums = sums;
                    pending.first = row;
                    pending.rows = row_tiles.new_rows(tile);
                    pending.panels = panels.clone();
                    finished_tiles += 1;
                }
            }
        }
        pending.at_a_time = pending.rows.len();
        // SAFETY: `pending` is as above.
        unsafe { (after_steps.write)((&raw mut pending).cast()) };
    }
}

/// What all rows meet before anything else.
struct Pass {
    /// One or two.
    panels: Range<usize>,
    /// In steps.
    columns: Range<usize>,
}

/// The depth of each pair of panels, cut into `parts`.
fn passes(block: &Block<'_, Amx>, steps: usize, parts: usize) -> impl Iterator<Item = Pass> {
    block.panel_pairs().flat_map(move |panels| {
        (0..parts).map(move |part| {
            let columns = steps * part / parts..steps * (part + 1) / parts;
            Pass { panels: panels.clone(), columns }
        })
    })
}

/// The weights of a panel from a step on.
fn weights(block: &Block<'_, Amx>, panel: usize, step: usize) -> *const i8 {
    block.panels[panel * PANEL * block.depth() + step * B_TILE_BYTES..].as_ptr()
}

/// [`tiles::multiply`] for so many A tiles and panels.
///
/// # Safety
/// That of [`tiles::multiply`], with A tiles of `halves` rows.
#[inline(always)]
unsafe fn multiply(halves: [usize; 2], panels: usize, block: &OutputBlock) {
    // SAFETY: by the contract; an A tile without rows is none.
    unsafe {
        match (halves[1], panels) {
            (0, 1) => tiles::multiply::<1, 1>(block),
            (0, _) => tiles::multiply::<1, 2>(block),
            (_, 1) => tiles::multiply::<2, 1>(block),
            _ => tiles::multiply::<2, 2>(block),
        }
    }
}
