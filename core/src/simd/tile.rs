//! The product of a block, in tiles of a few rows and one panel whose accumulators stay in registers.

use super::epilogue::{Epilogue, PanelEpilogue, Waiting};
use super::lanes::{Dot, Int, Lanes};
use super::task::Task;
use super::{Block, BlockOutput, Kernel, PANEL, row_tiles};

/// Multiplies a block and writes its outputs.
pub(super) struct Multiply<'a, 'o, D, K: Kernel, const P: usize> {
    pub(super) set: D,
    pub(super) block: &'a Block<'a, K>,
    pub(super) output: &'a mut BlockOutput<'o>,
}

impl<D, K, const P: usize> Task for Multiply<'_, '_, D, K, P>
where
    D: Dot<P>,
    K: Kernel<Activation = D::Activation, Weight = D::Weight>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { set, block, output } = self;
        let size = block.row_entries() * PANEL;
        let epilogue = Epilogue::new(set.lanes(), output);
        let to = &mut Destination { output, waiting: Waiting::new(set.lanes()) };
        for (panel, weights) in
            block.panels.chunks_exact(size).enumerate().take(block.panel_count())
        {
            let panel_epilogue =
                PanelEpilogue::new(set.lanes(), &epilogue, block.multipliers, panel);
            let offsets = set.lanes().load::<[i32; PANEL]>(&block.offsets.as_chunks().0[panel]);
            let weights = D::weight_steps(weights);
            for tile in row_tiles(block.rows.len(), D::ROWS) {
                let rows = &block.rows[tile.clone()];
                let tile = Tile {
                    set,
                    block,
                    weights,
                    offsets,
                    epilogue: &panel_epilogue,
                    first: tile.start,
                };
                match *rows {
                    [a] => tile.multiply([a], to),
                    [a, b] => tile.multiply([a, b], to),
                    [a, b, c] if D::ROWS >= 3 => tile.multiply([a, b, c], to),
                    [a, b, c, d] if D::ROWS >= 4 => tile.multiply([a, b, c, d], to),
                    [a, b, c, d, e] if D::ROWS >= 5 => tile.multiply([a, b, c, d, e], to),
                    [a, b, c, d, e, f] if D::ROWS >= 6 => tile.multiply([a, b, c, d, e, f], to),
                    _ => unreachable!("a tile has 1 to {} rows", D::ROWS),
                }
            }
            panel_epilogue.finish(&mut to.waiting, to.output);
        }
    }
}

/// Where sums go.
struct Destination<'a, 'o, L: Lanes<P>, const P: usize> {
    output: &'a mut BlockOutput<'o>,
    waiting: Waiting<L, P>,
}

/// A few rows of a block, and a panel.
struct Tile<'a, D: Dot<P>, K: Kernel, const P: usize> {
    set: D,
    block: &'a Block<'a, K>,
    weights: &'a [D::Weights],
    offsets: [Int<D, P>; P],
    epilogue: &'a PanelEpilogue<'a, D::Lanes, P>,
    first: usize,
}

impl<D, K, const P: usize> Tile<'_, D, K, P>
where
    D: Dot<P>,
    K: Kernel<Activation = D::Activation>,
{
    /// Multiplies the rows with the offsets `rows`.
    #[inline(always)]
    fn multiply<const R: usize>(&self, rows: [u32; R], to: &mut Destination<'_, '_, D::Lanes, P>) {
        let block = self.block;
        let length = block.steps * K::STEP;
        let mut sums = [self.offsets; R];
        let pieces = self.weights.chunks_exact(block.steps);
        for (&piece, weights) in block.pieces.iter().zip(pieces) {
            let mut steps: [&[D::Step]; R] = [&[]; R];
            for (steps, row) in steps.iter_mut().zip(rows) {
                let at = row as usize + piece as usize;
                *steps = D::steps(&block.activations[at..at + length]);
            }
            self.set.add_products(steps, weights, &mut sums);
        }
        self.epilogue.add(&sums, self.first, &mut to.waiting, to.output);
    }
}
