//! Multiplies transformed inputs and weights, and transforms the sums to outputs.

use super::{Bands, ENTRIES, first_position};
use crate::aligned::Aligned;
use crate::simd::epilogue::{Epilogue, PanelEpilogue};
use crate::simd::lanes::{Int, Lanes, Task};
use crate::simd::pairs::{DotPairs, Pairs};
use crate::simd::tile::add_products;
use crate::simd::{BlockOutput, PANEL, row_tiles};
use alloc::vec;
use core::ops::Range;

/// Bytes of transformed tiles that are multiplied together. With a panel of weights they fit a
/// second-level cache.
const TOGETHER_BYTES: usize = 128 << 10;

/// Multiplies bands of tiles ([`super::Winograd::multiply`]).
pub(in crate::simd) struct Multiply<'a, 'o, D: DotPairs<P>, const P: usize> {
    pub(in crate::simd) set: D,
    pub(in crate::simd) bands: Bands<'a, Pairs<D, P>>,
    pub(in crate::simd) memory: &'a mut Aligned<i16>,
    pub(in crate::simd) output: &'a mut BlockOutput<'o>,
}

impl<D: DotPairs<P>, const P: usize> Task for Multiply<'_, '_, D, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { set, bands, memory, output } = self;
        let filters = &bands.job.filters;
        let channels = filters.input.channels / filters.groups;
        let outside = vec![bands.job.zero_point; channels];
        let epilogue = Epilogue::new(set.lanes(), output);
        let count = bands.bands.len() * bands.tiles_per_band();
        let most = TOGETHER_BYTES / (ENTRIES * channels * size_of::<i16>());
        let most = most.next_multiple_of(D::ROWS);
        memory.grow(most.min(count) * ENTRIES * channels, 0);
        for together in row_tiles(count, most) {
            let transformed = &mut memory[..together.len() * ENTRIES * channels];
            bands.transform(together.clone(), channels, &outside, transformed);
            let panels = bands.panels.chunks_exact(ENTRIES * channels * PANEL);
            for (panel, weights) in panels.enumerate() {
                let product = Product {
                    set,
                    bands: &bands,
                    weights: D::weight_steps(weights),
                    transformed: &*transformed,
                    together: together.clone(),
                    channels,
                    offsets: set.lanes().load::<[i32; PANEL]>(&bands.offsets.as_chunks().0[panel]),
                    epilogue: PanelEpilogue::new(
                        set.lanes(),
                        &epilogue,
                        bands.multipliers,
                        panel,
                    ),
                };
                for tiles in row_tiles(together.len(), D::ROWS) {
                    match tiles.len() {
                        1 => product.multiply::<1>(tiles.start, output),
                        2 => product.multiply::<2>(tiles.start, output),
                        3 if D::ROWS >= 3 => product.multiply::<3>(tiles.start, output),
                        4 if D::ROWS >= 4 => product.multiply::<4>(tiles.start, output),
                        5 if D::ROWS >= 5 => product.multiply::<5>(tiles.start, output),
                        6 if D::ROWS >= 6 => product.multiply::<6>(tiles.start, output),
                        count => unreachable!("{count} of at most {} tiles", D::ROWS),
                    }
                }
            }
        }
    }
}

/// The product of transformed tiles and a panel.
struct Product<'a, D: DotPairs<P>, const P: usize> {
    set: D,
    bands: &'a Bands<'a, Pairs<D, P>>,
    weights: &'a [D::Weights],
    /// `[16][tiles][channels]`.
    transformed: &'a [i16],
    /// Numbers of the tiles, from the first band on.
    together: Range<usize>,
    channels: usize,
    offsets: [Int<D, P>; P],
    epilogue: PanelEpilogue<'a, D::Lanes, P>,
}

impl<D: DotPairs<P>, const P: usize> Product<'_, D, P> {
    /// Multiplies `R` of the tiles, from `first` on, and writes their outputs.
    #[inline(always)]
    fn multiply<const R: usize>(&self, first: usize, output: &mut BlockOutput<'_>) {
        let Self { set, channels, .. } = *self;
        let lanes = set.lanes();
        let zero = [[lanes.splat(0); P]; R];
        let mut products = [zero; ENTRIES];
        let entries = self.transformed.chunks_exact(self.together.len() * channels);
        let weights = self.weights.chunks_exact(channels / 2);
        for ((products, entry), weights) in products.iter_mut().zip(entries).zip(weights) {
            let tiles = &entry[first * channels..][..R * channels];
            let mut rows: [&[D::Step]; R] = [&[]; R];
            for (row, tile) in rows.iter_mut().zip(tiles.chunks_exact(channels)) {
                *row = D::steps(tile);
            }
            let mut sums = zero;
            add_products(set, rows, weights, &mut sums);
            *products = sums;
        }
        for tile in 0..R {
            let mut outputs = [[lanes.splat(0); P]; 4];
            for p in 0..P {
                let entry = |i: usize| products[i][tile][p];
                let mut columns = [[lanes.splat(0); 4]; 2];
                for j in 0..4 {
                    let [a, b, c, d] = [entry(j), entry(4 + j), entry(8 + j), entry(12 + j)];
                    columns[0][j] = lanes.add(lanes.add(a, b), c);
                    columns[1][j] = lanes.subtract(lanes.subtract(b, c), d);
                }
                for (i, [a, b, c, d]) in columns.into_iter().enumerate() {
                    let left = lanes.add(lanes.add(a, b), c);
                    let right = lanes.subtract(lanes.subtract(b, c), d);
                    outputs[2 * i][p] = lanes.add(lanes.quarter(left), self.offsets[p]);
                    outputs[2 * i + 1][p] = lanes.add(lanes.quarter(right), self.offsets[p]);
                }
            }
            self.write(self.together.start + first + tile, outputs, output);
        }
    }

    /// Writes the outputs of a tile that the picture has.
    #[inline(always)]
    fn write(&self, tile: usize, outputs: [[Int<D, P>; P]; 4], output: &mut BlockOutput<'_>) {
        let bands = self.bands;
        let (job, per_band) = (bands.job, bands.tiles_per_band());
        let (band, column) = (bands.bands.start + tile / per_band, 2 * (tile % per_band));
        let begin = first_position(job, bands.bands.start);
        let line = first_position(job, band) - begin + column;
        let has_second_line = 2 * (band % job.output.height.div_ceil(2)) + 1 < job.output.height;
        let has_second_column = column + 1 < job.output.width;
        let [a, b, c, d] = outputs;
        for (sums, has_line, at) in
            [([a, b], true, line), ([c, d], has_second_line, line + job.output.width)]
        {
            match (has_line, has_second_column) {
                (false, _) => {}
                (true, true) => self.epilogue.write(&sums, at, output),
                (true, false) => self.epilogue.write(&[sums[0]], at, output),
            }
        }
    }
}
