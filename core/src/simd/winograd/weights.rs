//! Transforms and packs weights.

use super::ENTRIES;
use crate::posterior::gaussian::CHUNK;
use crate::simd::PANEL;
use crate::simd::lanes::{DotPairs, Int, Lanes};
use crate::simd::task::Task;

/// Packs 16 rows of 3 x 3 filters into a panel ([`super::Winograd::pack`]).
pub(in crate::simd) struct Pack<'a, D, const P: usize> {
    pub(in crate::simd) set: D,
    pub(in crate::simd) rows: &'a [[i8; CHUNK]],
    pub(in crate::simd) panel: &'a mut [i16],
}

/// Channels of a line of i16.
const LINE: usize = 2 * PANEL;

impl<D: DotPairs<P>, const P: usize> Task for Pack<'_, D, P> {
    type Output = [i32; PANEL];

    #[inline(always)]
    fn run(self) -> [i32; PANEL] {
        let Self { set, rows, panel } = self;
        let lanes = set.lanes();
        let channels = panel.len() / (ENTRIES * PANEL);
        let row = rows.len() / PANEL * CHUNK;
        let weights = rows.as_flattened();
        let (steps, _) = panel.as_chunks_mut::<LINE>();
        let ones = lanes.splat(0x1_0001);
        let mut sums = [lanes.splat(0); P];
        let mut lines = [[[0i16; LINE]; PANEL]; ENTRIES];
        for first in (0..channels).step_by(LINE) {
            let count = LINE.min(channels - first);
            for channel in 0..PANEL {
                for at in (0..count).step_by(D::WORDS) {
                    let weights = &weights[channel * row + first + at..];
                    let mut filter = [lanes.splat(0); 9];
                    for (tap, filter) in filter.iter_mut().enumerate() {
                        *filter = set.widen_weights(&weights[tap * channels..]);
                    }
                    let transformed = transform(set, filter);
                    for (lines, words) in lines.iter_mut().zip(transformed) {
                        set.store_words(&mut lines[channel][at..], words);
                    }
                }
            }
            for (entry, lines) in lines.iter().enumerate() {
                let steps = &mut steps[(entry * channels + first) / 2..][..count / 2];
                // Channels come in multiples of sixteen: every chunk is whole.
                for (i, steps) in steps.chunks_exact_mut(PANEL / P).enumerate() {
                    let mut rows = [sums[0]; PANEL];
                    for (row, line) in rows.iter_mut().zip(lines) {
                        *row = lanes.load_register(line, i);
                    }
                    let columns = lanes.transpose(rows);
                    for (step, weights) in steps.iter_mut().zip(columns.as_chunks::<P>().0) {
                        if entry == SUM {
                            for p in 0..P {
                                sums[p] = set.dot(sums[p], ones, weights[p]);
                            }
                        }
                        lanes.store(step, *weights);
                    }
                }
            }
        }
        let mut result = [0; PANEL];
        lanes.store(&mut result, sums);
        result
    }
}

/// The entry of a transformed filter that is the sum of the filter's weights.
const SUM: usize = 5;

/// Returns `(2 G) g (2 G)'` for a register of input channels.
#[inline(always)]
fn transform<D: DotPairs<P>, const P: usize>(
    set: D,
    filter: [Int<D, P>; 9],
) -> [Int<D, P>; ENTRIES] {
    let mut rows = [filter[0]; 12];
    for column in 0..3 {
        let three = [filter[column], filter[3 + column], filter[6 + column]];
        for (row, sum) in four(set, three).into_iter().enumerate() {
            rows[3 * row + column] = sum;
        }
    }
    let mut result = [filter[0]; ENTRIES];
    for row in 0..4 {
        let three = [rows[3 * row], rows[3 * row + 1], rows[3 * row + 2]];
        for (column, sum) in four(set, three).into_iter().enumerate() {
            result[4 * row + column] = sum;
        }
    }
    result
}

/// Returns `2 G` times a vector.
#[inline(always)]
fn four<D: DotPairs<P>, const P: usize>(set: D, [a, b, c]: [Int<D, P>; 3]) -> [Int<D, P>; 4] {
    let outer = set.add_words(a, c);
    let (sum, difference) = (set.add_words(outer, b), set.subtract_words(outer, b));
    [set.add_words(a, a), sum, difference, set.add_words(c, c)]
}
