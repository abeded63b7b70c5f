//! Multiplies transformed inputs and weights, and transforms the sums to outputs.

use super::ENTRIES;
use super::tiles::{Outputs, Places};
use crate::simd::epilogue::{Epilogue, PanelEpilogue, Waiting};
use crate::simd::lanes::{DotPairs, Int, Lanes};
use crate::simd::task::Task;
use crate::simd::{BlockOutput, PANEL, TransformedBlock, row_tiles};
use core::ops::Range;

/// Multiplies transformed tiles ([`super::Winograd::multiply`]).
pub(in crate::simd) struct Multiply<'a, 'o, D, const P: usize> {
    pub(in crate::simd) set: D,
    pub(in crate::simd) block: &'a TransformedBlock<'a, i16>,
    pub(in crate::simd) output: &'a mut BlockOutput<'o>,
}

impl<D: DotPairs<P>, const P: usize> Task for Multiply<'_, '_, D, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { set, block, output } = self;
        let &TransformedBlock { ref tiles, transformed, panels } = block;
        let (count, channels) = (tiles.tiles.len(), tiles.channels());
        let epilogue = Epilogue::new(set.lanes(), output);
        let products = &mut [[[set.lanes().splat(0); P]; MOST_ROWS]; ENTRIES];
        let to = &mut Destination {
            above: Waiting::new(set.lanes()),
            below: Waiting::new(set.lanes()),
            output,
        };
        let weights = panels.weights.chunks_exact(ENTRIES * channels * PANEL);
        for (panel, weights) in weights.enumerate() {
            let product = Product {
                set,
                width: tiles.job.output.width,
                weights: D::weight_steps(weights),
                transformed,
                tiles: count,
                channels,
                offsets: set.lanes().load::<[i32; PANEL]>(&panels.offsets.as_chunks().0[panel]),
                epilogue: PanelEpilogue::new(set.lanes(), &epilogue, panels.multipliers, panel),
            };
            let mut places = tiles.places();
            for rows in row_tiles(count, D::ROWS) {
                product.multiply(rows, &mut places, products, to);
            }
            product.epilogue.finish(&mut to.above, to.output);
            product.epilogue.finish(&mut to.below, to.output);
        }
    }
}

/// Where the outputs of tiles go.
struct Destination<'a, 'o, L: Lanes<P>, const P: usize> {
    /// The upper outputs of each tile, and the lower ones.
    above: Waiting<L, P>,
    below: Waiting<L, P>,
    output: &'a mut BlockOutput<'o>,
}

/// The most rows of a tile of any kernel.
const MOST_ROWS: usize = 6;

/// Sums of the products of each entry of some tiles.
type Products<D, const P: usize> = [[[Int<D, P>; P]; MOST_ROWS]; ENTRIES];

/// The products of the entries of `R` tiles, from `first` on.
struct Entries<'a, D: DotPairs<P>, const P: usize, const R: usize> {
    product: &'a Product<'a, D, P>,
    first: usize,
    products: &'a mut Products<D, P>,
}

impl<D: DotPairs<P>, const P: usize, const R: usize> Task for Entries<'_, D, P, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Product { set, weights, transformed, tiles, channels, .. } = *self.product;
        let entries = transformed.chunks_exact(tiles * channels);
        let weights = weights.chunks_exact(channels / 2);
        for ((products, entry), weights) in self.products.iter_mut().zip(entries).zip(weights) {
            let tiles = &entry[self.first * channels..][..R * channels];
            let mut rows: [&[D::Step]; R] = [&[]; R];
            for (row, tile) in rows.iter_mut().zip(tiles.chunks_exact(channels)) {
                *row = D::steps(tile);
            }
            let mut sums = [[set.lanes().splat(0); P]; R];
            set.add_products(rows, weights, &mut sums);
            products[..R].copy_from_slice(&sums);
        }
    }
}

/// The product of transformed tiles and a panel.
struct Product<'a, D: DotPairs<P>, const P: usize> {
    set: D,
    /// Positions in a row of the output.
    width: usize,
    weights: &'a [D::Weights],
    /// `[16][tiles][channels]`.
    transformed: &'a [i16],
    tiles: usize,
    channels: usize,
    offsets: [Int<D, P>; P],
    epilogue: PanelEpilogue<'a, D::Lanes, P>,
}

impl<D: DotPairs<P>, const P: usize> Product<'_, D, P> {
    /// Multiplies some of the tiles, and writes their outputs to the next places.
    #[inline(always)]
    fn multiply(
        &self,
        tiles: Range<usize>,
        places: &mut Places,
        products: &mut Products<D, P>,
        to: &mut Destination<'_, '_, D::Lanes, P>,
    ) {
        match tiles.len() {
            1 => self.sum::<1>(tiles.start, products),
            2 => self.sum::<2>(tiles.start, products),
            3 if D::ROWS >= 3 => self.sum::<3>(tiles.start, products),
            4 if D::ROWS >= 4 => self.sum::<4>(tiles.start, products),
            5 if D::ROWS >= 5 => self.sum::<5>(tiles.start, products),
            6 if D::ROWS >= 6 => self.sum::<6>(tiles.start, products),
            count => unreachable!("{count} of at most {} tiles", D::ROWS),
        }
        for tile in 0..tiles.len() {
            self.write(places.next(), self.outputs(products, tile), to);
        }
    }

    /// Computes the sums of a tile's four positions, offsets included.
    #[inline(always)]
    fn outputs(&self, products: &Products<D, P>, tile: usize) -> [[Int<D, P>; P]; 4] {
        let lanes = self.set.lanes();
        let mut outputs = [[lanes.splat(0); P]; 4];
        for p in 0..P {
            let entry = |i: usize| products[i][tile][p];
            let (mut above, mut below) = ([lanes.splat(0); 4], [lanes.splat(0); 4]);
            for (j, (above, below)) in above.iter_mut().zip(&mut below).enumerate() {
                let [a, b, c, d] = [entry(j), entry(4 + j), entry(8 + j), entry(12 + j)];
                *above = lanes.add(lanes.add(a, b), c);
                *below = lanes.subtract(lanes.subtract(b, c), d);
            }
            for (i, [a, b, c, d]) in [above, below].into_iter().enumerate() {
                let left = lanes.add(lanes.add(a, b), c);
                let right = lanes.subtract(lanes.subtract(b, c), d);
                outputs[2 * i][p] = lanes.add(lanes.quarter(left), self.offsets[p]);
                outputs[2 * i + 1][p] = lanes.add(lanes.quarter(right), self.offsets[p]);
            }
        }
        outputs
    }

    /// Sums the products of `R` of the tiles, from `first` on.
    #[inline(always)]
    fn sum<const R: usize>(&self, first: usize, products: &mut Products<D, P>) {
        // A function on its own, so that nothing else competes for its registers.
        self.set.run(Entries::<D, P, R> { product: self, first, products });
    }

    /// Writes the outputs of a tile that the picture has.
    #[inline(always)]
    fn write(
        &self,
        outputs: Outputs,
        [a, b, c, d]: [[Int<D, P>; P]; 4],
        to: &mut Destination<'_, '_, D::Lanes, P>,
    ) {
        let Destination { above, below, output } = to;
        let (first, next) = (outputs.first, outputs.first + self.width);
        match outputs.has_right {
            true => {
                self.epilogue.add(&[a, b], first, above, output);
                if outputs.has_below {
                    self.epilogue.add(&[c, d], next, below, output);
                }
            }
            false => {
                self.epilogue.add(&[a], first, above, output);
                if outputs.has_below {
                    self.epilogue.add(&[c], next, below, output);
                }
            }
        }
    }
}
