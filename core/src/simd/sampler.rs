//! Draws weights a chunk at a time, and packs them: transpositions of 16 x 16 lanes of 32 bits.

use super::lanes::{Dot, Int, Lanes};
use super::task::Task;
use super::{Drawing, NoiseMultipliers, PANEL, stream_groups};
use crate::chacha::{COLUMNS, ChaCha8, DIAGONALS, Group};
use crate::posterior::gaussian::{CHUNK, CHUNKS_PER_GROUP, NOISE_TABLES};
use core::ops::Range;

/// Computes consecutive groups of a key stream.
pub(super) struct StreamGroups<'a, L, const P: usize> {
    pub(super) lanes: L,
    pub(super) stream: ChaCha8,
    pub(super) first: u64,
    pub(super) groups: &'a mut [Group],
}

impl<L: Lanes<P>, const P: usize> Task for StreamGroups<'_, L, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { lanes, stream, first, groups } = self;
        // If a register has all lanes, there are 32 of them: enough for two states.
        let paired = if P == 1 { groups.len() / 2 * 2 } else { 0 };
        let (pairs, rest) = groups.split_at_mut(paired);
        for p in 0..P {
            let cipher = Cipher::new(lanes, stream, first, p);
            for (pair, index) in pairs.as_chunks_mut::<2>().0.iter_mut().zip((0..).step_by(2)) {
                let words: [_; 2] = cipher.groups(index);
                for (group, words) in pair.iter_mut().zip(words) {
                    store(lanes, p, words, group);
                }
            }
            for (group, index) in rest.iter_mut().zip(paired..) {
                let [words] = cipher.groups(index);
                store(lanes, p, words, group);
            }
        }
    }
}

/// Stores register `p` of the words of a group, 64 bytes each.
#[inline(always)]
fn store<L: Lanes<P>, const P: usize>(lanes: L, p: usize, words: [L::Int; 16], group: &mut Group) {
    for (word, line) in words.into_iter().zip(group.as_chunks_mut::<CHUNK>().0) {
        lanes.store_register(line, p, word);
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
                let [words] = Cipher::new(lanes, stream, group, p).groups(0);
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

/// Register `p` of the state of a key stream, from which it computes groups of the stream
/// ([`crate::chacha`]).
struct Cipher<L: Lanes<P>, const P: usize> {
    lanes: L,
    /// The words of the first group before the rounds.
    start: [L::Int; 16],
    /// The same after the part of the first round that no counter changes: all columns but the first.
    mixed: [L::Int; 16],
}

impl<L: Lanes<P>, const P: usize> Cipher<L, P> {
    #[inline(always)]
    fn new(lanes: L, stream: ChaCha8, first: u64, p: usize) -> Self {
        const NUMBERS: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        // From a multiple of 16 on, and for the units of one value: the low word of the counter does not
        // carry into the high one.
        let words = stream.start(first * 16);
        let numbers = lanes.load_register(&NUMBERS, p);
        let mut start = [numbers; 16];
        for (word, start) in words.iter().zip(&mut start) {
            *start = lanes.splat(*word as i32);
        }
        start[12] = lanes.add(start[12], numbers);
        let mut mixed = [start];
        let [_, second, third, fourth] = COLUMNS;
        quarter_rounds(lanes, &mut mixed, [second]);
        quarter_rounds(lanes, &mut mixed, [third]);
        quarter_rounds(lanes, &mut mixed, [fourth]);
        let [mixed] = mixed;
        Self { lanes, start, mixed }
    }

    /// Computes `N` groups together, the first of which is `index` groups after that of [`Self::new`].
    /// Element `j` of a group has word `j` of its blocks.
    #[inline(always)]
    fn groups<const N: usize>(&self, index: usize) -> [[L::Int; 16]; N] {
        let Self { lanes, start, mixed } = *self;
        let mut counters = [start[12]; N];
        let mut states = [mixed; N];
        for n in 0..N {
            counters[n] = lanes.add(counters[n], lanes.splat(16 * (index + n) as i32));
            states[n][12] = counters[n];
        }
        quarter_rounds(lanes, &mut states, [COLUMNS[0]]);
        round(lanes, &mut states, DIAGONALS);
        for _ in 1..4 {
            round(lanes, &mut states, COLUMNS);
            round(lanes, &mut states, DIAGONALS);
        }
        for (state, counter) in states.iter_mut().zip(counters) {
            let start = start.into_iter().enumerate();
            for (state, (word, start)) in state.iter_mut().zip(start) {
                *state = lanes.add(*state, if word == 12 { counter } else { start });
            }
        }
        states
    }
}

/// Does four quarter rounds of all states.
#[inline(always)]
fn round<L: Lanes<P>, const P: usize, const N: usize>(
    lanes: L,
    states: &mut [[L::Int; 16]; N],
    words: [[usize; 4]; 4],
) {
    if N > 1 {
        return quarter_rounds(lanes, states, words);
    }
    // One after the other, so that only four words need registers. Compilers would not unroll a loop.
    let [first, second, third, fourth] = words;
    quarter_rounds(lanes, states, [first]);
    quarter_rounds(lanes, states, [second]);
    quarter_rounds(lanes, states, [third]);
    quarter_rounds(lanes, states, [fourth]);
}

/// Does `Q` quarter rounds of all states at the same time. Neighbouring instructions are independent
/// then, and do not wait for each other.
#[inline(always)]
fn quarter_rounds<L: Lanes<P>, const P: usize, const N: usize, const Q: usize>(
    lanes: L,
    states: &mut [[L::Int; 16]; N],
    words: [[usize; 4]; Q],
) {
    macro_rules! each {
        (|$state:ident, [$($word:pat),*]| $to:expr => $value:expr) => {
            for $state in &mut *states {
                for [$($word),*] in words {
                    $to = $value;
                }
            }
        };
    }
    each!(|state, [a, b, _, _]| state[a] => lanes.add(state[a], state[b]));
    each!(|state, [a, _, _, d]| state[d] => lanes.rotate::<16>(lanes.xor(state[d], state[a])));
    each!(|state, [_, _, c, d]| state[c] => lanes.add(state[c], state[d]));
    each!(|state, [_, b, c, _]| state[b] => lanes.rotate::<12>(lanes.xor(state[b], state[c])));
    each!(|state, [a, b, _, _]| state[a] => lanes.add(state[a], state[b]));
    each!(|state, [a, _, _, d]| state[d] => lanes.rotate::<8>(lanes.xor(state[d], state[a])));
    each!(|state, [_, _, c, d]| state[c] => lanes.add(state[c], state[d]));
    each!(|state, [_, b, c, _]| state[b] => lanes.rotate::<7>(lanes.xor(state[b], state[c])));
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
