//! Splits the rows of a block into tiles of equal height, so that one configuration serves them
//! all.

use super::configuration::TILE_ROWS;
use super::tiles::BLOCK_ROWS;
use std::ops::Range;

/// The rows of a block as tiles of equal height.
#[derive(Clone, Copy)]
pub(super) struct RowTiles {
    rows: usize,
    pub(super) count: usize,
    pub(super) height: usize,
    /// Rows of the two A tiles; the second may have no rows.
    pub(super) halves: [usize; 2],
}

impl RowTiles {
    pub(super) fn new(rows: usize) -> Self {
        let count = rows.div_ceil(BLOCK_ROWS);
        let height = rows.div_ceil(count);
        let upper = if height <= TILE_ROWS { height } else { height.div_ceil(2) };
        Self { rows, count, height, halves: [upper, height - upper] }
    }

    /// Returns the first row of a tile. The last tile ends with the last row, so it may overlap the
    /// tile before.
    pub(super) fn first(&self, tile: usize) -> usize {
        (tile * self.height).min(self.rows - self.height)
    }

    /// Returns the rows of a tile that no earlier tile has.
    pub(super) fn new_rows(&self, tile: usize) -> Range<usize> {
        tile * self.height..self.first(tile) + self.height
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_row_once_and_stay_inside() {
        for rows in 1..3000 {
            let tiles = RowTiles::new(rows);
            assert!(tiles.halves[0] <= TILE_ROWS && tiles.halves[1] <= tiles.halves[0], "{rows}");
            assert_eq!(tiles.halves[0] + tiles.halves[1], tiles.height);
            let mut next = 0;
            for tile in 0..tiles.count {
                let new_rows = tiles.new_rows(tile);
                assert_eq!(new_rows.start, next, "{rows}");
                assert!(!new_rows.is_empty() && new_rows.start >= tiles.first(tile), "{rows}");
                assert_eq!(new_rows.end, tiles.first(tile) + tiles.height);
                next = new_rows.end;
            }
            assert_eq!(next, rows);
        }
    }
}
