//! Draws weights a chunk at a time, and packs them: transpositions of 16 x 16 lanes of 32 bits.

use super::lanes::{Dot, Int, Lanes, Task};
use super::{Drawing, NoiseMultipliers, PANEL, stream_groups};
use crate::chacha::{COLUMNS, ChaCha8, DIAGONALS};
use crate::posterior::gaussian::{CHUNK, NOISE_TABLES};

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
        // The multiplier of the current row, and the first chunk of the next.
        let (mut row, mut next_row) = (lanes.splat(0), 0);
        for (group, within, chunks) in stream_groups(first, mu.len()) {
            let words = key_stream(lanes, stream, group);
            let (bytes, _) = words.as_chunks::<2>();
            for (i, [first, second]) in chunks.zip(&bytes[within..]) {
                let each = match multipliers {
                    NoiseMultipliers::Rows { .. } => None,
                    NoiseMultipliers::Each(chunks) => {
                        let (halves, _) = chunks[i].as_chunks::<{ CHUNK / 2 }>();
                        Some([lanes.load(&halves[0]), lanes.load(&halves[1])])
                    }
                };
                if let NoiseMultipliers::Rows { multipliers, chunks } = multipliers
                    && i == next_row
                {
                    row = lanes.splat(i32::from(multipliers[i / chunks]) * 0x1_0001);
                    next_row += chunks;
                }
                let (mu, sigma) = (lanes.load(&mu[i]), lanes.load(&sigma[i]));
                let mut drawn = mu;
                for p in 0..P {
                    let noise = lanes.add_bytes(
                        lanes.look_up(tables[0], first[p]),
                        lanes.look_up(tables[1], second[p]),
                    );
                    let multipliers = match each {
                        None => [row; 2],
                        Some(halves) => {
                            // The registers of both halves, one after the other.
                            let at = |n: usize| halves[n / P][n % P];
                            lanes.multipliers(at(2 * p), at(2 * p + 1))
                        }
                    };
                    drawn[p] = lanes.weights(mu[p], sigma[p], multipliers, noise);
                }
                lanes.store(&mut weights[i], drawn);
            }
        }
    }
}

/// Computes group `index` of the key stream: element `j` is word `j` of its 16 blocks
/// ([`crate::chacha`]), a register's lanes at a time.
#[inline(always)]
fn key_stream<L: Lanes<P>, const P: usize>(
    lanes: L,
    stream: ChaCha8,
    index: u64,
) -> [[L::Int; P]; 16] {
    const NUMBERS: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    // 16 blocks from a multiple of 16 on: the low word of the counter never carries into the high one.
    let words = stream.start(index * 16);
    let numbers = lanes.load(&NUMBERS);
    let mut result = [numbers; 16];
    for p in 0..P {
        let mut start = [numbers[p]; 16];
        for (word, start) in words.iter().zip(&mut start) {
            *start = lanes.splat(*word as i32);
        }
        start[12] = lanes.add(start[12], numbers[p]);
        let mut state = start;
        for _ in 0..4 {
            for [a, b, c, d] in COLUMNS {
                quarter_round(lanes, &mut state, a, b, c, d);
            }
            for [a, b, c, d] in DIAGONALS {
                quarter_round(lanes, &mut state, a, b, c, d);
            }
        }
        for j in 0..16 {
            result[j][p] = lanes.add(state[j], start[j]);
        }
    }
    result
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

/// Packs 16 rows into a panel `[K / STEP][16][STEP]` ([`super::Kernel::pack`]). `lines(row, line)`
/// returns 16 lanes of `STEP` weights of a row. Returns the sum of each row. The caller enables the
/// instruction set.
#[inline(always)]
pub(super) fn pack<D: Dot<P>, const P: usize>(
    set: D,
    ones: Int<D, P>,
    panel: &mut [D::Weights],
    line: impl Fn(usize, usize) -> [Int<D, P>; P],
) -> [i32; PANEL] {
    let lanes = set.lanes();
    let mut sums = [lanes.splat(0); P];
    for (index, steps) in panel.chunks_mut(16).enumerate() {
        let mut matrix = [sums; PANEL];
        for (row, to) in matrix.iter_mut().enumerate() {
            *to = line(row, index);
        }
        lanes.transpose(&mut matrix);
        for (step, weights) in steps.iter_mut().zip(matrix) {
            for p in 0..P {
                sums[p] = set.dot(sums[p], ones, weights[p]);
            }
            lanes.store(step, weights);
        }
    }
    let mut result = [0; PANEL];
    lanes.store(&mut result, sums);
    result
}
