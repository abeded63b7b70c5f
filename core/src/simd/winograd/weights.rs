//! Transforms and packs weights.

use super::{CHANNELS, ENTRIES};
use crate::posterior::gaussian::CHUNK;
use crate::simd::PANEL;
use crate::simd::lanes::{Lanes, Task};
use crate::simd::pairs::DotPairs;

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
        for first in (0..channels).step_by(LINE) {
            let count = LINE.min(channels - first);
            let mut lines = [[[0i16; LINE]; PANEL]; ENTRIES];
            for channel in 0..PANEL {
                for at in (0..count).step_by(CHANNELS) {
                    let filters = &weights[channel * row + first + at..][..8 * channels + CHANNELS];
                    let transformed = transform(filters, channels);
                    for (line, entry) in lines.iter_mut().zip(transformed) {
                        line[channel][at..at + CHANNELS].copy_from_slice(&entry);
                    }
                }
            }
            for (entry, lines) in lines.iter().enumerate() {
                let mut matrix = [sums; PANEL];
                for (to, line) in matrix.iter_mut().zip(lines) {
                    *to = lanes.load(line);
                }
                lanes.transpose(&mut matrix);
                let steps = &mut steps[(entry * channels + first) / 2..][..count / 2];
                for (step, weights) in steps.iter_mut().zip(matrix) {
                    if entry == SUM {
                        for p in 0..P {
                            sums[p] = set.dot(sums[p], ones, weights[p]);
                        }
                    }
                    lanes.store(step, weights);
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

/// Returns `(2 G) g (2 G)'` for 16 input channels, whose weights of tap `t` start at `t * stride`.
#[inline(always)]
fn transform(weights: &[i8], stride: usize) -> [[i16; CHANNELS]; ENTRIES] {
    let mut columns = [[[0; CHANNELS]; 3]; 4];
    for tap in 0..3 {
        let row = |row: usize| -> &[i8; CHANNELS] {
            weights[(3 * row + tap) * stride..].first_chunk().expect("a vector of weights")
        };
        let (a, b, c) = (row(0), row(1), row(2));
        for k in 0..CHANNELS {
            let (a, b, c) = (i16::from(a[k]), i16::from(b[k]), i16::from(c[k]));
            let outer = a + c;
            columns[0][tap][k] = 2 * a;
            columns[1][tap][k] = outer + b;
            columns[2][tap][k] = outer - b;
            columns[3][tap][k] = 2 * c;
        }
    }
    let mut result = [[0; CHANNELS]; ENTRIES];
    for row in 0..4 {
        let [a, b, c] = columns[row];
        for k in 0..CHANNELS {
            let outer = a[k] + c[k];
            result[4 * row][k] = 2 * a[k];
            result[4 * row + 1][k] = outer + b[k];
            result[4 * row + 2][k] = outer - b[k];
            result[4 * row + 3][k] = 2 * c[k];
        }
    }
    result
}
