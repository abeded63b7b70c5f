//! The walk over a block: two panels at a time, their depth in parts, a part in tiles of rows.
//!
//! Either weights stay in the first-level cache while rows stream past, or rows while weights do.
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
/// KiB, even if rows that stream past pass through it: the depth of a 3x3 window over 64 channels.
const PART_STEPS: usize = 9;

/// Bytes of rows that stay in a first-level cache of 48 KiB beside sums and outputs.
const RESIDENT_BYTES: usize = 32 << 10;

/// Most tiles of rows for which rows stay instead of weights, which meet no more tiles than that.
const RESIDENT_TILES: usize = 2;

/// What is called behind each step, with a [`Pending`] of the block's epilogue.
#[derive(Clone, Copy)]
pub(super) struct AfterSteps {
    /// Writes rows.
    pub(super) write: AfterStep,
    /// Asks for a tile of the weights to come, then writes rows.
    pub(super) fetch_and_write: AfterStep,
}

/// A block in tiles.
struct Walk<'b, 'a> {
    block: &'b Block<'a, Amx>,
    /// From the first row on.
    activations: &'b [u8],
    /// Bytes between rows of activations.
    stride: usize,
    /// Steps of a whole row.
    steps: usize,
    row_tiles: RowTiles,
    /// Whether rows stay in the first-level cache, or else weights.
    rows_stay: bool,
    /// Two for tiles that are finished, in turn; then, where rows are cut, one for each tile.
    sums: *mut Sums,
    /// Of one panel and of two.
    after_steps: [AfterSteps; 2],
}

/// Some tiles of rows, one or two panels, and a part of their depth, in steps.
struct Pass {
    tiles: Range<usize>,
    panels: Range<usize>,
    columns: Range<usize>,
}

impl Amx {
    /// Multiplies a block that `Block::check` has passed. `after_steps` take a `Pending<E>` of one
    /// panel and of two.
    /// Not inlined: `benchmarks/amx_schedule.py` finds its loop by its name.
    #[inline(never)]
    pub(super) fn walk<E>(
        self,
        session: &mut Session,
        block: &Block<'_, Self>,
        epilogue: E,
        after_steps: [AfterSteps; 2],
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
        let resident = RESIDENT_BYTES / (row_tiles.height * depth);
        let rows_stay = resident > 0 && row_tiles.count <= RESIDENT_TILES;
        // How many tiles meet all panels before the next do.
        let together = if rows_stay { resident } else { row_tiles.count };
        let weights_stay = !rows_stay && row_tiles.count > 1;
        let parts = if weights_stay { steps.div_ceil(PART_STEPS) } else { 1 };
        let Session { configuration, sums } = session;
        let needed = 2 + if parts == 1 { 0 } else { row_tiles.count };
        if sums.len() < needed {
            sums.resize(needed, Sums::ZERO);
        }
        // SAFETY: `self` proves that AMX instructions are executable.
        unsafe { configuration.load(row_tiles.halves) };

        // Nothing is left for the last step: the first loads of the next tile would wait behind it.
        let calls = (steps / parts - 1).max(1);
        let sums = sums.as_mut_ptr();
        let mut pending = Pending {
            sums,
            first: 0,
            rows: 0..0,
            at_a_time: row_tiles.height.div_ceil(2 * calls) * 2,
            panel: 0,
            panels: 1,
            fetch: ptr::null(),
            epilogue,
        };
        let activations = &block.activations[first_row + block.pieces[0] as usize..];
        let walk =
            Walk { block, activations, stride, steps, row_tiles, rows_stay, sums, after_steps };
        for first in (0..row_tiles.count).step_by(together) {
            let tiles = first..row_tiles.count.min(first + together);
            for panels in block.panel_pairs() {
                for part in 0..parts {
                    let columns = steps * part / parts..steps * (part + 1) / parts;
                    let pass = Pass { tiles: tiles.clone(), panels: panels.clone(), columns };
                    // SAFETY: the configuration loaded is the one of `row_tiles`. There are `needed`
                    // sums. `check` has seen that the last row of the block holds all steps and,
                    // with the assertion above, that so do those before it; and that there are the
                    // panels, each with all steps and 16 offsets. `pending` belongs to this block.
                    unsafe { walk.pass(&pass, &mut pending) };
                }
            }
        }
        pending.at_a_time = pending.rows.len();
        // SAFETY: `pending` has the sums of the last tile and an epilogue that has its rows.
        unsafe { (after_steps[pending.panels - 1].write)((&raw mut pending).cast()) };
    }
}

impl Walk<'_, '_> {
    /// Multiplies some tiles of rows by a part of some panels.
    /// Not inlined: `benchmarks/amx_schedule.py` finds its loop by its name.
    ///
    /// # Safety
    /// AMX instructions must be executable and the configuration of `row_tiles` loaded. All rows
    /// and panels must be in the block, with all steps, and the sums in memory, for this call alone.
    /// The functions of `after_steps` must be callable with `pending`, whose epilogue has the rows.
    #[inline(never)]
    unsafe fn pass<E>(&self, pass: &Pass, pending: &mut Pending<E>) {
        let Self { block, activations, stride, steps, row_tiles, rows_stay, .. } = *self;
        let Self { sums, after_steps, .. } = *self;
        let Pass { tiles, panels, columns } = pass;
        let is_first = columns.start == 0;
        let is_last = columns.end == steps;
        // Slices, here and below, so that an offset that was wrong would be found.
        let weights = |panel: usize, step: usize| {
            block.panels[(panel * steps + step) * B_TILE_BYTES..].as_ptr()
        };
        // Where weights stay, the first tile of a pass streams both sides from the second-level cache:
        // a half of its weights comes early, during the last tile of the pass before.
        pending.fetch =
            if is_last { weights(panels.end, 0) } else { weights(panels.start, columns.end) };
        let fetching = if rows_stay || tiles.len() == 1 { tiles.end } else { tiles.end - 1 };
        let partial = sums.wrapping_add(2);
        let mut output_block = OutputBlock {
            activations: activations.as_ptr(),
            stride,
            upper_rows: row_tiles.halves[0],
            lower: row_tiles.halves[0] * stride,
            weights: weights(panels.start, columns.start),
            panel_bytes: steps * B_TILE_BYTES,
            steps: columns.len(),
            initial: block.offsets[panels.start * PANEL..].as_ptr(),
            initial_stride: if is_first { 0 } else { SUMS_STRIDE },
            sums: sums.cast(),
            after_step: after_steps[0].write,
            context: ptr::null_mut(),
        };
        for tile in tiles.clone() {
            let row = row_tiles.first(tile);
            let first = row * stride + columns.start * TILE_DEPTH;
            output_block.activations = activations[first..].as_ptr();
            let partial = partial.wrapping_add(tile);
            if !is_first {
                output_block.initial = partial.cast_const().cast();
            }
            // The one of two that is not being written out.
            let finished = sums.wrapping_add(usize::from(ptr::eq(pending.sums, sums)));
            let to = if is_last { finished } else { partial };
            output_block.sums = to.cast();
            output_block.context = (&raw mut *pending).cast();
            let AfterSteps { write, fetch_and_write } = after_steps[pending.panels - 1];
            output_block.after_step = if tile == fetching { fetch_and_write } else { write };
            // SAFETY: a tile's rows are some of the block's, and sums have room for as many as a
            // tile can have, two panels wide; `pending` reads others. The rest is the contract.
            unsafe { multiply(row_tiles.halves, panels.len(), rows_stay, &output_block) };
            debug_assert!(pending.rows.is_empty());
            if is_last {
                pending.sums = to;
                pending.first = row;
                pending.rows = row_tiles.new_rows(tile);
                pending.panel = panels.start;
                pending.panels = panels.len();
            }
        }
    }
}

/// [`tiles::multiply`] for so many A tiles and panels, with rows that stay in the first-level cache
/// or else weights.
///
/// # Safety
/// That of [`tiles::multiply`], with A tiles of `halves` rows.
#[inline]
unsafe fn multiply(halves: [usize; 2], panels: usize, rows_stay: bool, block: &OutputBlock) {
    // SAFETY: by the contract; an A tile without rows is none.
    unsafe {
        match (halves[1], panels, rows_stay) {
            (0, 1, true) => tiles::multiply::<1, 1, true>(block),
            (0, 1, false) => tiles::multiply::<1, 1, false>(block),
            (0, _, true) => tiles::multiply::<1, 2, true>(block),
            (0, _, false) => tiles::multiply::<1, 2, false>(block),
            (_, 1, true) => tiles::multiply::<2, 1, true>(block),
            (_, 1, false) => tiles::multiply::<2, 1, false>(block),
            (_, _, true) => tiles::multiply::<2, 2, true>(block),
            (_, _, false) => tiles::multiply::<2, 2, false>(block),
        }
    }
}
