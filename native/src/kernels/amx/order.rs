//! The order in which the tiles of a block are multiplied.

use super::tiles::{B_TILE_BYTES, BLOCK_ROWS, TILE_ENTRIES};
use crate::kernels::PANEL_PAIR;
use std::ops::Range;

/// Bytes that stay in a first-level cache of 48 KiB while other operands stream through it, along
/// with sums and outputs.
const RESIDENT_BYTES: usize = 36 << 10;

/// Bytes of a step of a tile: two A tiles, or two B tiles.
const STEP_BYTES: usize = BLOCK_ROWS * TILE_ENTRIES;
const _: () = assert!(STEP_BYTES == PANEL_PAIR * B_TILE_BYTES);

/// The most steps in a part.
const PART_STEPS: usize = RESIDENT_BYTES / STEP_BYTES;

/// Half of a second-level cache of 2 MiB: the most weights that stream past every tile of rows.
const STREAMED_WEIGHT_BYTES: usize = 1 << 20;

/// The most tiles of panels of a narrow layer, whose weights stay in the first-level cache.
const NARROW: usize = 2;

/// The order of the tiles of a block.
///
/// The tiles of one side, of rows or of panels, stay in the first-level cache one after the other,
/// and all tiles of the other side stream past each. A tile that is too large stays in parts, each
/// with some of its steps; sums wait in memory for the next part.
///
/// If rows stay, inputs are read and outputs written once, from first to last, and weights, which
/// are contiguous, come from the second-level cache. Rows at an even distance in cache lines come
/// from there at half the speed.
#[derive(Clone, Copy)]
pub(super) struct Order {
    rows_stay: bool,
    /// Tiles of the side that stays.
    staying: usize,
    /// Tiles of the side that streams.
    streaming: usize,
    parts: usize,
    /// Steps of a whole row.
    steps: usize,
}

/// The place of a tile in an [`Order`].
#[derive(Clone, Copy)]
pub(super) struct Position {
    /// Tile of the side that stays.
    staying: usize,
    /// Part of the steps.
    pub(super) part: usize,
    /// Tile of the side that streams.
    streaming: usize,
}

impl Position {
    /// The first tile of every order.
    pub(super) const FIRST: Self = Self { staying: 0, part: 0, streaming: 0 };
}

impl Order {
    /// Chooses the order for `row_tiles` tiles of rows and `panel_tiles` tiles of panels, all of
    /// which have `steps` steps. There is at least one of each.
    pub(super) fn new(row_tiles: usize, panel_tiles: usize, steps: usize) -> Self {
        let rows_stay =
            panel_tiles > NARROW && panel_tiles * steps * STEP_BYTES <= STREAMED_WEIGHT_BYTES;
        let [staying, streaming] =
            if rows_stay { [row_tiles, panel_tiles] } else { [panel_tiles, row_tiles] };
        let parts = if streaming > 1 { steps.div_ceil(PART_STEPS) } else { 1 };
        Self { rows_stay, staying, streaming, parts, steps }
    }

    /// Returns whether rows stay in the first-level cache, and not weights.
    pub(super) fn rows_stay(&self) -> bool {
        self.rows_stay
    }

    /// Returns the number of parts that steps are divided into.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// Returns the steps of a part.
    pub(super) fn columns(&self, part: usize) -> Range<usize> {
        self.steps * part / self.parts..self.steps * (part + 1) / self.parts
    }

    /// Returns in how many calls the previous tile can be written during any K loop: one per step
    /// except the first, but at least one.
    pub(super) fn calls(&self) -> usize {
        (self.steps / self.parts - 1).max(1)
    }

    /// Returns the number of sums that wait in memory for the next part.
    pub(super) fn kept_sums(&self) -> usize {
        if self.parts == 1 { 0 } else { self.streaming }
    }

    /// Returns which of the kept sums belong to the tile at `position`.
    pub(super) fn sums_index(&self, position: Position) -> usize {
        position.streaming
    }

    /// Returns the number of the tile of rows and of the tile of panels at `position`.
    pub(super) fn tile(&self, position: Position) -> [usize; 2] {
        let Position { staying, streaming, .. } = position;
        if self.rows_stay { [staying, streaming] } else { [streaming, staying] }
    }

    /// Returns the position of the next tile, if there is one.
    pub(super) fn next(&self, position: Position) -> Option<Position> {
        let Position { staying, part, streaming } = position;
        if streaming + 1 < self.streaming {
            Some(Position { streaming: streaming + 1, ..position })
        } else if part + 1 < self.parts {
            Some(Position { streaming: 0, part: part + 1, staying })
        } else if staying + 1 < self.staying {
            Some(Position { streaming: 0, part: 0, staying: staying + 1 })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::iter::successors;

    /// Sums wait where no other sums are, until the next part of their tile.
    #[test]
    fn every_part_of_every_tile_comes_once_and_finds_its_sums() {
        for row_tiles in [1, 2, 3, 25, 98] {
            for panel_tiles in [1, 2, 3, 8, 16] {
                for steps in [1, 2, 9, 18, 19, 36, 72] {
                    let order = Order::new(row_tiles, panel_tiles, steps);
                    let mut waiting = HashMap::new();
                    let mut finished = 0;
                    for position in successors(Some(Position::FIRST), |&p| order.next(p)) {
                        let tile @ [row, panel] = order.tile(position);
                        assert!(row < row_tiles && panel < panel_tiles);
                        let sums = order.sums_index(position);
                        if position.part > 0 {
                            assert_eq!(waiting.remove(&sums), Some((tile, position.part)));
                        }
                        if position.part + 1 < order.parts() {
                            assert!(sums < order.kept_sums());
                            let next = (tile, position.part + 1);
                            assert_eq!(waiting.insert(sums, next), None);
                        } else {
                            finished += 1;
                        }
                    }
                    assert_eq!((finished, waiting.len()), (row_tiles * panel_tiles, 0));
                    let columns = (0..order.parts()).map(|part| order.columns(part));
                    assert!(columns.clone().all(|columns| columns.len() > order.calls() - 1));
                    assert_eq!(columns.map(|columns| columns.len()).sum::<usize>(), steps);
                }
            }
        }
    }

    #[test]
    fn weights_stay_if_they_are_few_or_very_many() {
        assert!(Order::new(25, 8, 18).rows_stay());
        assert!(!Order::new(13, 16, 72).rows_stay(), "2.25 MiB of weights");
        assert!(!Order::new(98, 2, 9).rows_stay(), "a narrow layer");
    }
}
