//! The walk over a block: two panels at a time, their steps in parts, and each part in tiles of
//! rows.
//!
//! Either weights stay in the first-level cache while rows stream past, or the reverse. All tiles
//! form one pipeline: the K loop of each tile stores the sums of the previous tile and writes its
//! outputs, even if it has other panels. Only the outputs of the last tile are written after the
//! loops.

use super::pending::Pending;
use super::row_tiles::RowTiles;
use super::session::Session;
use super::tiles::{self, AfterStep, B_TILE_BYTES, OutputBlock, SUMS_STRIDE, Sums, TILE_ENTRIES};
use crate::kernels::{Block, Kernel, PANEL};
use std::ffi::c_void;
use std::iter::Peekable;
use std::ops::Range;
use std::ptr;

/// The most steps of 64 columns with which a pair of panels stays in a first-level cache of 48
/// KiB while rows stream through it: those of a row of a 3x3 window over 64 channels.
const PART_STEPS: usize = 9;

/// Bytes of rows that stay in a first-level cache of 48 KiB, along with sums and outputs.
const RESIDENT_BYTES: usize = 32 << 10;

/// The most tiles of rows for which rows stay and weights stream past.
const RESIDENT_TILES: usize = 2;

/// The functions called after each step, with a [`Pending`] of the block's epilogue.
#[derive(Clone, Copy)]
pub(super) struct AfterSteps {
    /// Writes rows.
    pub(super) write: AfterStep,
    /// Prefetches a tile of the next weights, then writes rows.
    pub(super) fetch_and_write: AfterStep,
}

/// One K loop: a tile of rows, one or two panels, and a part of their steps.
struct Tile {
    /// Index among the tiles of rows.
    number: usize,
    panels: Range<usize>,
    /// Steps of 64 columns.
    columns: Range<usize>,
    /// Whether weights stay, but the next K loop has other weights.
    is_last_with_weights: bool,
}

/// A block in tiles.
struct Walk<'b, E, I: Iterator<Item = Tile>> {
    /// All panels of the block.
    panels: &'b [i8],
    /// Initial sums, 16 per panel.
    offsets: &'b [i32],
    /// Activations from the first row on.
    activations: &'b [u8],
    /// Steps of a whole row.
    steps: usize,
    row_tiles: RowTiles,
    /// A dummy that is stored before the first tile, then the sums of the tile that is being
    /// written, then, if rows are multiplied in parts, one per tile.
    sums: *mut Sums,
    /// Functions for one panel and for two.
    after_steps: [AfterSteps; 2],
    tiles: Peekable<I>,
    /// The tile that `output_block` describes.
    tile: Tile,
    output_block: OutputBlock,
    pending: Pending<E>,
}

/// Multiplies a block and passes its sums to `after_steps`, for one panel and for two.
///
/// # Safety
/// `Block::check` must have passed for the block and the output of `epilogue`. The functions of
/// `after_steps` must be callable with a `Pending<E>` of it, of one panel and of two.
pub(super) unsafe fn walk<K: Kernel<Activation = u8, Weight = i8>, E>(
    session: &mut Session,
    block: &Block<'_, K>,
    epilogue: E,
    after_steps: [AfterSteps; 2],
) {
    assert!(block.pieces.len() == 1);
    let row_tiles = RowTiles::new(block.rows.len());
    let first_row = block.rows[0] as usize;
    let second_row = block.rows.get(1).map_or(first_row, |&second| second as usize);
    let stride = second_row.checked_sub(first_row).expect("rows in ascending order");
    // At a uniform distance, the rows between lie between.
    let to_last_row = (block.rows.len() - 1).checked_mul(stride);
    let last_row = to_last_row.and_then(|distance| first_row.checked_add(distance));
    assert!(last_row == block.rows.last().map(|&last| last as usize));
    debug_assert!(block.rows.windows(2).all(|two| two[1] as usize == two[0] as usize + stride));

    let row_entries = block.row_entries();
    assert!(row_entries > 0 && row_entries.is_multiple_of(TILE_ENTRIES));
    let steps = row_entries / TILE_ENTRIES;
    let resident = RESIDENT_BYTES / (row_tiles.height * row_entries);
    let rows_stay = resident > 0 && row_tiles.count <= RESIDENT_TILES;
    // The number of tiles that meet all panels before the next tiles do.
    let together = if rows_stay { resident } else { row_tiles.count };
    let weights_stay = !rows_stay && row_tiles.count > 1;
    let parts = if weights_stay { steps.div_ceil(PART_STEPS) } else { 1 };
    session.configure(row_tiles.halves);
    let sums = session.sums(2 + if parts == 1 { 0 } else { row_tiles.count }).as_mut_ptr();

    let tiles = (0..row_tiles.count).step_by(together).flat_map(|first| {
        let end = row_tiles.count.min(first + together);
        block.panel_pairs().flat_map(move |panels| {
            (0..parts).flat_map(move |part| {
                let panels = panels.clone();
                (first..end).map(move |number| Tile {
                    number,
                    panels: panels.clone(),
                    columns: steps * part / parts..steps * (part + 1) / parts,
                    is_last_with_weights: weights_stay && number == end - 1,
                })
            })
        })
    });
    // Leave nothing for the last step, since the first loads of the next tile would wait for it.
    let calls = (steps / parts - 1).max(1);
    let walk = Walk {
        panels: block.panels,
        offsets: block.offsets,
        activations: &block.activations[first_row + block.pieces[0] as usize..],
        steps,
        row_tiles,
        sums,
        after_steps,
        tiles: tiles.peekable(),
        tile: Tile { number: 0, panels: 0..0, columns: 0..0, is_last_with_weights: false },
        output_block: OutputBlock {
            stride,
            upper_rows: row_tiles.halves[0],
            lower: row_tiles.halves[0] * stride,
            panel_bytes: steps * B_TILE_BYTES,
            ..OutputBlock::NONE
        },
        pending: Pending {
            sums: sums.wrapping_add(1),
            first: 0,
            rows: 0..0,
            at_a_time: row_tiles.height.div_ceil(2 * calls) * 2,
            panel: 0,
            panels: 1,
            fetch: ptr::null(),
            epilogue,
        },
    };
    // SAFETY: the session proves that AMX instructions are executable, and has loaded the configuration
    // of `row_tiles`. There are sums for all tiles. `check` has seen that the last row of the block
    // holds all steps, of which there is at least one, and with the assertions above, that so do those
    // before it; and that there are the panels, each with all steps and 16 offsets, and the output's
    // rows. `pending` belongs to this block.
    unsafe { walk.run(rows_stay) };
}

impl<E, I: Iterator<Item = Tile>> Walk<'_, E, I> {
    /// Multiplies all tiles and writes them out.
    ///
    /// # Safety
    /// AMX instructions must be executable and the configuration of `row_tiles` loaded. All tiles
    /// must be in the block, with all steps, and their sums in memory, for this call alone. The
    /// functions of `after_steps` must be callable with `pending`, whose epilogue has the rows.
    unsafe fn run(mut self, rows_stay: bool) {
        let halves = self.row_tiles.halves;
        let walk = &raw mut self;
        // SAFETY: the memory that `walk` points to is only used through it. A tile's rows are some
        // of the block's, and sums have room for all rows that a tile can have, two panels wide.
        // The rest is the contract.
        unsafe {
            while let Some(panels) = (*walk).tiles.peek().map(|tile| tile.panels.len()) {
                let output_block = &raw mut (*walk).output_block;
                // The registers do not hold the sums of a tile yet.
                (*output_block).sums = (*walk).sums.cast();
                (*output_block).after_context = (&raw mut (*walk).pending).cast();
                (*output_block).next = Self::next;
                (*output_block).next_context = walk.cast();
                (*walk).begin(panels);
                multiply(halves, panels, rows_stay, output_block);
            }
            let pending = &raw mut (*walk).pending;
            (*pending).at_a_time = (*pending).rows.len();
            ((*walk).after_steps[(*pending).panels - 1].write)(pending.cast());
        }
    }

    /// Ends the current tile and begins the next ([`OutputBlock::next`]).
    ///
    /// # Safety
    /// `context` must be a walk that nothing else uses meanwhile.
    unsafe extern "sysv64" fn next(context: *mut c_void) -> bool {
        // SAFETY: by the contract.
        let walk = unsafe { &mut *context.cast::<Self>() };
        walk.end();
        walk.begin(walk.tile.panels.len())
    }

    /// Sets the destination for the sums of the tile that was just multiplied.
    fn end(&mut self) {
        let Self { row_tiles, tile, pending, .. } = self;
        debug_assert!(pending.rows.is_empty());
        let to = if tile.columns.end == self.steps {
            pending.first = row_tiles.first(tile.number);
            pending.rows = row_tiles.new_rows(tile.number);
            pending.panel = tile.panels.start;
            pending.panels = tile.panels.len();
            1
        } else {
            2 + tile.number
        };
        self.output_block.sums = self.sums.wrapping_add(to).cast();
    }

    /// Describes the next tile, if it has `panels` panels.
    fn begin(&mut self, panels: usize) -> bool {
        let Some(tile) = self.tiles.next_if(|tile| tile.panels.len() == panels) else {
            return false;
        };
        let Self { activations, output_block, pending, .. } = self;
        let Tile { number, panels, columns, is_last_with_weights } = &tile;
        // Slices, so that a wrong offset would panic.
        let weights = |panel: usize, step: usize| {
            self.panels[(panel * self.steps + step) * B_TILE_BYTES..].as_ptr()
        };
        let first = self.row_tiles.first(*number) * output_block.stride;
        output_block.activations = activations[first + columns.start * TILE_ENTRIES..].as_ptr();
        output_block.weights = weights(panels.start, columns.start);
        output_block.steps = columns.len();
        (output_block.initial, output_block.initial_stride) = if columns.start == 0 {
            (self.offsets[panels.start * PANEL..].as_ptr(), 0)
        } else {
            (self.sums.wrapping_add(2 + number).cast_const().cast(), SUMS_STRIDE)
        };
        let AfterSteps { write, fetch_and_write } = self.after_steps[pending.panels - 1];
        output_block.after_step = write;
        // If weights stay, the first tile with new weights streams both sides from the second-level
        // cache. Half of the weights are prefetched, during the last tile with the previous ones.
        if *is_last_with_weights {
            output_block.after_step = fetch_and_write;
            let is_last_part = columns.end == self.steps;
            pending.fetch = if is_last_part {
                weights(panels.end, 0)
            } else {
                weights(panels.start, columns.end)
            };
        }
        self.tile = tile;
        true
    }
}

/// Calls [`tiles::multiply`] for A tiles of `halves` rows and `panels` panels. Either rows or
/// weights stay in the first-level cache.
///
/// # Safety
/// The conditions of [`tiles::multiply`], with A tiles of `halves` rows.
#[inline]
unsafe fn multiply(halves: [usize; 2], panels: usize, rows_stay: bool, block: *mut OutputBlock) {
    // SAFETY: by the contract; an A tile without rows does not count.
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
