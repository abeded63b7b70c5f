//! Transforms tiles of inputs.

use super::{Bands, CHANNELS, ENTRIES};
use crate::simd::Kernel;
use core::ops::Range;

impl<K: Kernel> Bands<'_, K> {
    /// Returns the number of tiles in a band.
    pub(super) fn tiles_per_band(&self) -> usize {
        self.job.output.width.div_ceil(2)
    }

    /// Transforms tiles, numbered from the first band on, to `[16][tiles][channels]`. `outside` has a
    /// code of x = 0 for every channel.
    #[inline(always)]
    pub(super) fn transform(
        &self,
        tiles: Range<usize>,
        channels: usize,
        outside: &[u8],
        transformed: &mut [i16],
    ) {
        let (shape, padding) = (self.job.filters.input, self.job.filters.window.padding);
        let per_picture = self.job.output.height.div_ceil(2);
        let entry = tiles.len() * channels;
        for (index, tile) in tiles.enumerate() {
            let (band, column) = (
                self.bands.start + tile / self.tiles_per_band(),
                2 * (tile % self.tiles_per_band()),
            );
            let (picture, line) = (band / per_picture, 2 * (band % per_picture));
            let mut inputs = [outside; ENTRIES];
            for (i, input) in inputs.iter_mut().enumerate() {
                // A wrapped difference is far beyond any input.
                let y = (line + i / 4).wrapping_sub(padding.top);
                let x = (column + i % 4).wrapping_sub(padding.left);
                if y < shape.height && x < shape.width {
                    let pixel = (picture * shape.height + y) * shape.width + x;
                    *input = &self.input[pixel * shape.channels + self.channel..][..channels];
                }
            }
            for first in (0..channels).step_by(CHANNELS) {
                let at = index * channels + first;
                let entries = transform(&inputs, first);
                for (i, vector) in entries.iter().enumerate() {
                    transformed[i * entry + at..][..CHANNELS].copy_from_slice(vector);
                }
            }
        }
    }
}

/// Returns `B' d B` for the 16 channels from `first` on.
#[inline(always)]
fn transform(inputs: &[&[u8]; ENTRIES], first: usize) -> [[i16; CHANNELS]; ENTRIES] {
    let mut columns = [[0; CHANNELS]; ENTRIES];
    for column in 0..4 {
        let input = |row: usize| -> &[u8; CHANNELS] {
            inputs[4 * row + column][first..].first_chunk().expect("a vector of inputs")
        };
        let (a, b, c, d) = (input(0), input(1), input(2), input(3));
        for k in 0..CHANNELS {
            let [a, b, c, d] = [a[k], b[k], c[k], d[k]].map(i16::from);
            columns[column][k] = a - c;
            columns[4 + column][k] = b + c;
            columns[8 + column][k] = c - b;
            columns[12 + column][k] = b - d;
        }
    }
    let mut result = [[0; CHANNELS]; ENTRIES];
    for row in [0, 4, 8, 12] {
        let [a, b, c, d] = [columns[row], columns[row + 1], columns[row + 2], columns[row + 3]];
        for k in 0..CHANNELS {
            result[row][k] = a[k] - c[k];
            result[row + 1][k] = b[k] + c[k];
            result[row + 2][k] = c[k] - b[k];
            result[row + 3][k] = b[k] - d[k];
        }
    }
    result
}
