//! The ChaCha8 key stream, 16 blocks at a time.
//!
//! A *group* is 16 consecutive blocks of the stream, read word-major: word `j` of block `b` is
//! at byte `(16 j + b) * 4`. Each SIMD lane is therefore a block, and no target needs a transpose.
//!
//! Source: D. J. Bernstein, "ChaCha, a variant of Salsa20" (2008), with a 64-bit block counter and
//! a 64-bit stream number, as the `rand_chacha` crate lays them out.

/// Blocks in a group: the lanes of the widest vector unit.
pub const LANES: usize = 16;

/// Bytes in a group.
pub const GROUP_BYTES: usize = 16 * LANES * 4;

/// Words that the first four quarter rounds of a double round mix: the columns of the state as a
/// 4 x 4 matrix. ChaCha8 makes four double rounds.
pub const COLUMNS: [[usize; 4]; 4] = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]];

/// Words that the last four quarter rounds mix: the diagonals. Compilers would not unroll a loop
/// over a single table of eight, which would keep the state out of registers and take 2.5 times as
/// long.
pub const DIAGONALS: [[usize; 4]; 4] =
    [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];

/// A group of a key stream as bytes.
pub type Group = [u8; GROUP_BYTES];

/// One word of each of the 16 blocks.
type Lanes = [u32; LANES];

/// The number of each block within its group.
const NUMBERS: Lanes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// A ChaCha8 key stream: a 256-bit key and a 64-bit stream number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChaCha8 {
    seed: u64,
    stream: u64,
}

impl ChaCha8 {
    /// Creates stream number `stream` of the key that is `seed` in little-endian, then 24 zero
    /// bytes.
    pub const fn new(seed: u64, stream: u64) -> Self {
        Self { seed, stream }
    }

    /// Returns the 16 words of block number `block` before the rounds: constants, key, counter and
    /// stream number.
    pub const fn start(&self, block: u64) -> [u32; 16] {
        let (seed, stream) = (self.seed, self.stream);
        let [low, high] = [seed as u32, (seed >> 32) as u32];
        let counter = [block as u32, (block >> 32) as u32];
        let number = [stream as u32, (stream >> 32) as u32];
        [
            // "expand 32-byte k"
            0x6170_7865,
            0x3320_646e,
            0x7962_2d32,
            0x6b20_6574,
            low,
            high,
            0,
            0,
            0,
            0,
            0,
            0,
            counter[0],
            counter[1],
            number[0],
            number[1],
        ]
    }

    /// Computes group number `index`: blocks `16 index .. 16 index + 16`. Element `[j][b]` is word
    /// `j` of block `b`; in little-endian memory this is the byte order of the module's definition.
    pub fn group(&self, index: u64) -> [Lanes; 16] {
        // Column by column: a loop over all 16 words would be compiled to scattered memory accesses.
        let words = self.start(index * LANES as u64);
        let mut start = [NUMBERS; 16];
        for [a, b, c, d] in COLUMNS {
            let lanes = |word: usize| [words[word]; LANES];
            (start[a], start[b], start[c], start[d]) = (lanes(a), lanes(b), lanes(c), lanes(d));
        }
        // The counter of the first block is a multiple of 16: none carries into the next word.
        add(&mut start[12], &NUMBERS);

        let mut state = start;
        for _ in 0..4 {
            for [a, b, c, d] in COLUMNS {
                quarter_round(&mut state, a, b, c, d);
            }
            for [a, b, c, d] in DIAGONALS {
                quarter_round(&mut state, a, b, c, d);
            }
        }
        for [a, b, c, d] in COLUMNS {
            let (mut wa, mut wb, mut wc, mut wd) = (state[a], state[b], state[c], state[d]);
            add(&mut wa, &start[a]);
            add(&mut wb, &start[b]);
            add(&mut wc, &start[c]);
            add(&mut wd, &start[d]);
            (state[a], state[b], state[c], state[d]) = (wa, wb, wc, wd);
        }
        state
    }

    /// Computes consecutive groups as bytes, from number `first` on. Kernels compute them faster.
    pub fn groups(self, first: u64, groups: &mut [Group]) {
        for (group, index) in groups.iter_mut().zip(first..) {
            *group = self.group_bytes(index);
        }
    }

    /// Computes group number `index` as bytes, in the order of the module's definition.
    pub fn group_bytes(self, index: u64) -> Group {
        let mut bytes = [0; GROUP_BYTES];
        let words = self.group(index);
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(words.as_flattened()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

#[inline(always)]
fn quarter_round(state: &mut [Lanes; 16], a: usize, b: usize, c: usize, d: usize) {
    let (mut wa, mut wb, mut wc, mut wd) = (state[a], state[b], state[c], state[d]);
    add(&mut wa, &wb);
    xor_rotate::<16>(&mut wd, &wa);
    add(&mut wc, &wd);
    xor_rotate::<12>(&mut wb, &wc);
    add(&mut wa, &wb);
    xor_rotate::<8>(&mut wd, &wa);
    add(&mut wc, &wd);
    xor_rotate::<7>(&mut wb, &wc);
    (state[a], state[b], state[c], state[d]) = (wa, wb, wc, wd);
}

#[inline(always)]
fn add(to: &mut Lanes, other: &Lanes) {
    for lane in 0..LANES {
        to[lane] = to[lane].wrapping_add(other[lane]);
    }
}

#[inline(always)]
fn xor_rotate<const BITS: u32>(to: &mut Lanes, other: &Lanes) {
    for lane in 0..LANES {
        to[lane] = (to[lane] ^ other[lane]).rotate_left(BITS);
    }
}
