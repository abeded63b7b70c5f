//! The walk over a block in tiles, each of which has up to 32 rows, two panels, and a part of their
//! steps.
//!
//! All tiles form one pipeline: the K loop of each tile stores the sums of the previous tile and
//! writes its outputs. Only the outputs of the last tile are written after the loops.

use super::order::{Order, Position};
use super::pending::Pending;
use super::row_tiles::RowTiles;
use super::session::Session;
use super::tiles::{self, AfterStep, B_TILE_BYTES, OutputBlock, SUMS_STRIDE, Sums, TILE_ENTRIES};
use crate::kernels::{Block, Kernel, PANEL, PANEL_PAIR};
use std::ffi::c_void;

/// Panels in tiles of the same width.
struct Walk<'b, E> {
    /// All panels of the block.
    panels: &'b [i8],
    /// Initial sums, 16 per panel.
    offsets: &'b [i32],
    /// Activations from the first row on.
    activations: &'b [u8],
    /// Steps of a whole row.
    steps: usize,
    row_tiles: RowTiles,
    /// First panel of the first tile.
    first_panel: usize,
    /// A dummy that is stored before the first tile, then the sums of the tile that is being
    /// written, then the sums that wait for the next part.
    sums: *mut Sums,
    order: Order,
    /// The tile that `output_block` describes.
    position: Position,
    output_block: OutputBlock,
    pending: Pending<E>,
}

/// Multiplies a block and passes its sums to `after_step`, of which there is one for tiles of one
/// panel and one for tiles of two.
///
/// # Safety
/// `Block::check` must have passed for the block and the output of `epilogue`. The functions of
/// `after_step` must be callable with a `Pending<E>` of it, of one panel and of two.
pub(super) unsafe fn walk<K: Kernel<Activation = u8, Weight = i8>, E>(
    session: &mut Session,
    block: &Block<'_, K>,
    mut epilogue: E,
    after_step: [AfterStep; PANEL_PAIR],
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
    session.configure(row_tiles.halves);

    // Whole pairs, then the panel that is left.
    let pairs_end = block.panel_count() / PANEL_PAIR * PANEL_PAIR;
    for (panels, width) in [(0..pairs_end, PANEL_PAIR), (pairs_end..block.panel_count(), 1)] {
        if panels.is_empty() {
            continue;
        }
        let order = Order::new(row_tiles.count, panels.len() / width, steps);
        let sums = session.sums(2 + order.kept_sums()).as_mut_ptr();
        let walk = Walk {
            panels: block.panels,
            offsets: block.offsets,
            activations: &block.activations[first_row + block.pieces[0] as usize..],
            steps,
            row_tiles,
            first_panel: panels.start,
            sums,
            order,
            position: Position::FIRST,
            output_block: OutputBlock {
                stride,
                upper_rows: row_tiles.halves[0],
                lower: row_tiles.halves[0] * stride,
                panel_bytes: steps * B_TILE_BYTES,
                after_step: after_step[width - 1],
                ..OutputBlock::NONE
            },
            pending: Pending {
                sums: sums.wrapping_add(1),
                first: 0,
                rows: 0..0,
                at_a_time: row_tiles.height.div_ceil(2 * order.calls()) * 2,
                panel: 0,
                panels: width,
                epilogue,
            },
        };
        // SAFETY: the session proves that AMX instructions are executable, and has loaded the configuration
        // of `row_tiles`. There are sums for all tiles. `check` has seen that the last row of the block
        // holds all steps, of which there is at least one, and with the assertions above, that so do those
        // before it; and that there are the panels, each with all steps and 16 offsets, and the output's
        // rows. `pending` belongs to this block.
        epilogue = unsafe { walk.run() };
    }
}

impl<E> Walk<'_, E> {
    /// Multiplies all tiles and writes them out.
    ///
    /// # Safety
    /// AMX instructions must be executable and the configuration of `row_tiles` loaded. All tiles
    /// must be in the block, with all steps, and their sums in memory, for this call alone.
    /// `after_step` must be callable with `pending`, whose epilogue has the rows.
    unsafe fn run(mut self) -> E {
        let (halves, width, rows_stay) =
            (self.row_tiles.halves, self.pending.panels, self.order.rows_stay());
        self.begin();
        let after_step = self.output_block.after_step;
        let walk = &raw mut self;
        // SAFETY: the memory that `walk` points to is only used through it. A tile's rows are some
        // of the block's, and sums have room for all rows that a tile can have, two panels wide.
        // The rest is the contract.
        unsafe {
            let output_block = &raw mut (*walk).output_block;
            // The registers do not hold the sums of a tile yet.
            (*output_block).sums = (*walk).sums.cast();
            (*output_block).after_context = (&raw mut (*walk).pending).cast();
            (*output_block).next = Self::next;
            (*output_block).next_context = walk.cast();
            multiply(halves, width, rows_stay, output_block);
            let pending = &raw mut (*walk).pending;
            (*pending).at_a_time = (*pending).rows.len();
            after_step(pending.cast());
        }
        self.pending.epilogue
    }

    /// Ends the current tile and begins the next ([`OutputBlock::next`]).
    ///
    /// # Safety
    /// `context` must be a walk that nothing else uses meanwhile.
    unsafe extern "sysv64" fn next(context: *mut c_void) -> bool {
        // SAFETY: by the contract.
        let walk = unsafe { &mut *context.cast::<Self>() };
        walk.end();
        let Some(position) = walk.order.next(walk.position) else { return false };
        walk.position = position;
        walk.begin();
        true
    }

    /// Sets the destination for the sums of the tile that was just multiplied.
    fn end(&mut self) {
        let Self { row_tiles, order, position, pending, .. } = self;
        debug_assert!(pending.rows.is_empty());
        let to = if position.part + 1 == order.parts() {
            let [number, panels] = order.tile(*position);
            pending.first = row_tiles.first(number);
            pending.rows = row_tiles.new_rows(number);
            pending.panel = self.first_panel + panels * pending.panels;
            1
        } else {
            2 + order.sums_index(*position)
        };
        self.output_block.sums = self.sums.wrapping_add(to).cast();
    }

    /// Describes the tile at `position`.
    fn begin(&mut self) {
        let Self { order, position, output_block, .. } = self;
        let [number, panels] = order.tile(*position);
        let panel = self.first_panel + panels * self.pending.panels;
        let columns = order.columns(position.part);
        // Slices, so that a wrong offset would panic.
        let first = self.row_tiles.first(number) * output_block.stride;
        output_block.activations =
            self.activations[first + columns.start * TILE_ENTRIES..].as_ptr();
        let first = (panel * self.steps + columns.start) * B_TILE_BYTES;
        output_block.weights = self.panels[first..].as_ptr();
        output_block.steps = columns.len();
        (output_block.initial, output_block.initial_stride) = if position.part == 0 {
            (self.offsets[panel * PANEL..].as_ptr(), 0)
        } else {
            let kept = self.sums.wrapping_add(2 + order.sums_index(*position));
            (kept.cast_const().cast(), SUMS_STRIDE)
        };
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
