//! Draws weights a chunk at a time, and packs them: transpositions of 16 x 16 lanes of 32 bits.

use super::lanes::{Dot, Int, Lanes};
use super::task::Task;
use super::{Drawing, NoiseMultipliers, PANEL, stream_groups};
use crate::chacha::{COLUMNS, ChaCha8, DIAGONALS, GROUP_BYTES, Group};
use crate::posterior::gaussian::{CHUNK, CHUNKS_PER_GROUP, NOISE_TABLES};
use core::ops::Range;

/// Computes a group of a key stream.
pub(super) struct StreamGroup<L, const P: usize> {
    pub(super) lanes: L,
    pub(super) stream: ChaCha8,
    pub(super) index: u64,
}

impl<L: Lanes<P>, const P: usize> Task for StreamGroup<L, P> {
    type Output = Group;

    #[inline(always)]
    fn run(self) -> Group {
        let Self { lanes, stream, index } = self;
        let mut group = [0; GROUP_BYTES];
        // Word by word, 64 bytes each.
        let (lines, _) = group.as_chunks_mut::<CHUNK>();
        for p in 0..P {
            for (word, line) in key_stream(lanes, stream, index, p).into_iter().zip(&mut *lines) {
                lanes.store_register(line, p, word);
            }
        }
        group
    }
}

/// Draws chunks of weights.
pub(super) struct Draw<'a, L, const P: usize> {
    pub(super) lanes: L,
    pub(super) drawing: Drawing<'a>,
}

impl<L: Lanes<P>, const P: usize> Task for Draw<'_, L, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { lanes, drawing } = self;
        let Drawing { stream, first, mu, sigma, multipliers, weights } = drawing;
        assert!(mu.len() == sigma.len() && mu.len() == weights.len(), "the same number of chunks");
        let [t0, t1, t2, t3] = &NOISE_TABLES;
        let tables = [[lanes.table(t0), lanes.table(t1)], [lanes.table(t2), lanes.table(t3)]];
        for (group, within, chunks) in stream_groups(first, mu.len()) {
            // With equal lengths, compilers see that no index is out of bounds.
            let count = chunks.len();
            let (mu, sigma) = (&mu[chunks.clone()], &sigma[chunks.clone()]);
            let weights = &mut weights[chunks.clone()];
            let of_rows = match multipliers {
                NoiseMultipliers::Rows { multipliers, chunks: per_row } => {
                    row_multipliers(lanes, multipliers, per_row, chunks.clone())
                }
                NoiseMultipliers::Each(_) => [lanes.splat(0); CHUNKS_PER_GROUP],
            };
            // Register by register, so that the state of the cipher is all that lives in registers.
            for p in 0..P {
                let words = key_stream(lanes, stream, group, p);
                let bytes = &words.as_chunks::<2>().0[within..][..count];
                for i in 0..count {
                    let [first, second] = bytes[i];
                    let noise = lanes.add_bytes(
                        lanes.look_up(tables[0], first),
                        lanes.look_up(tables[1], second),
                    );
                    let multipliers = match multipliers {
                        NoiseMultipliers::Rows { .. } => [of_rows[i]; 2],
                        NoiseMultipliers::Each(all) => {
                            let (halves, _) = all[chunks.start + i].as_chunks::<{ CHUNK / 2 }>();
                            // The registers of both halves, one after the other.
                            let at = |n: usize| lanes.load_register(&halves[n / P], n % P);
                            lanes.multipliers(at(2 * p), at(2 * p + 1))
                        }
                    };
                    let mu = lanes.load_register(&mu[i], p);
                    let sigma = lanes.load_register(&sigma[i], p);
                    let drawn = lanes.weights(mu, sigma, multipliers, noise);
                    lanes.store_register(&mut weights[i], p, drawn);
                }
            }
        }
    }
}

/// Returns the multipliers of chunks of rows of `per_row` chunks.
#[inline(always)]
fn row_multipliers<L: Lanes<P>, const P: usize>(
    lanes: L,
    multipliers: &[i16],
    per_row: usize,
    chunks: Range<usize>,
) -> [L::Int; CHUNKS_PER_GROUP] {
    let mut result = [lanes.splat(0); CHUNKS_PER_GROUP];
    let (mut row, mut within) = (chunks.start / per_row, chunks.start % per_row);
    for result in &mut result[..chunks.len()] {
        *result = lanes.splat(i32::from(multipliers[row]) * 0x1_0001);
        within += 1;
        if within == per_row {
            (row, within) = (row + 1, 0);
        }
    }
    result
}

/// Computes register `p` of group `index` of the key stream: element `j` has word `j` of its blocks
/// ([`crate::chacha`]).
#[inline(always)]
fn key_stream<L: Lanes<P>, const P: usize>(
    lanes: L,
    stream: ChaCha8,
    index: u64,
    p: usize,
) -> [L::Int; 16] {
    const NUMBERS: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    // 16 blocks from a multiple of 16 on: the low word of the counter never carries into the high one.
    let words = stream.start(index * 16);
    let mut start = [lanes.load_register(&NUMBERS, p); 16];
    let numbers = start[12];
    for (word, start) in words.iter().zip(&mut start) {
        *start = lanes.splat(*word as i32);
    }
    start[12] = lanes.add(start[12], numbers);
    let mut state = start;
    for _ in 0..4 {
        for [a, b, c, d] in COLUMNS {
            quarter_round(lanes, &mut state, a, b, c, d);
        }
        for [a, b, c, d] in DIAGONALS {
            quarter_round(lanes, &mut state, a, b, c, d);
        }
    }
    for (state, start) in state.iter_mut().zip(start) {
        *state = lanes.add(*state, start);
    }
    state
}

#[inline(always)]
fn quarter_round<L: Lanes<P>, const P: usize>(
    lanes: L,
    state: &mut [L::Int; 16],
    a: usize,
    b: usize,
    c: usize,
    d: usize,
) {
    state[a] = lanes.add(state[a], state[b]);
    state[d] = lanes.rotate::<16>(lanes.xor(state[d], state[a]));
    state[c] = lanes.add(state[c], state[d]);
    state[b] = lanes.rotate::<12>(lanes.xor(state[b], state[c]));
    state[a] = lanes.add(state[a], state[b]);
    state[d] = lanes.rotate::<8>(lanes.xor(state[d], state[a]));
    state[c] = lanes.add(state[c], state[d]);
    state[b] = lanes.rotate::<7>(lanes.xor(state[b], state[c]));
}

/// Packs 16 rows into a panel `[K / STEP][16][STEP]` ([`super::Kernel::pack`]). `register(row, i)`
/// returns register `i` of the weights of a row. Returns the sum of each row. The caller enables the
/// instruction set.
#[inline(always)]
pub(super) fn pack<D: Dot<P>, const P: usize>(
    set: D,
    ones: Int<D, P>,
    panel: &mut [D::Weights],
    register: impl Fn(usize, usize) -> Int<D, P>,
) -> [i32; PANEL] {
    let lanes = set.lanes();
    let mut sums = [lanes.splat(0); P];
    for (i, steps) in panel.chunks_mut(PANEL / P).enumerate() {
        let mut rows = [sums[0]; PANEL];
        for (row, to) in rows.iter_mut().enumerate() {
            *to = register(row, i);
        }
        let columns = lanes.transpose(rows);
        for (step, weights) in steps.iter_mut().zip(columns.as_chunks::<P>().0) {
            for p in 0..P {
                sums[p] = set.dot(sums[p], ones, weights[p]);
            }
            lanes.store(step, *weights);
        }
    }
    let mut result = [0; PANEL];
    lanes.store(&mut result, sums);
    result
}
