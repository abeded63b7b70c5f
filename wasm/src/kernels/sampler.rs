//! Draws the weights of a chunk, 16 at a time, and packs them by transposing small matrices.

use super::{NoiseMultipliers, PANEL, stream_groups};
use bayes8_core::chacha::{COLUMNS, ChaCha8, DIAGONALS};
use bayes8_core::posterior::gaussian::{CHUNK, NOISE_TABLES};
use core::arch::wasm32::*;

/// Draws chunks of weights ([`super::Kernel::draw`]).
pub(super) fn draw(
    stream: ChaCha8,
    first: u64,
    mu: &[[i8; CHUNK]],
    sigma: &[[u8; CHUNK]],
    multipliers: NoiseMultipliers<'_>,
    weights: &mut [[i8; CHUNK]],
) {
    assert!(mu.len() == sigma.len() && mu.len() == weights.len(), "equal numbers of chunks");
    let tables = NOISE_TABLES.map(|table| load(&table));
    for (group, within, chunks) in stream_groups(first, mu.len()) {
        // Blocks 0 to 3 of every word, then 4 to 7, and so on: quarters of a chunk.
        for quarter in 0..4 {
            let words = key_stream(stream, 4 * group + quarter as u64);
            let (words, _) = words.as_chunks();
            for (i, &bytes) in chunks.clone().zip(&words[within..]) {
                let noise = noise(tables, bytes);
                let multipliers = match multipliers {
                    NoiseMultipliers::Rows { multipliers, chunks } => {
                        [i16x8_splat(multipliers[i / chunks]); 2]
                    }
                    NoiseMultipliers::Each(chunks) => {
                        let (eights, _) = chunks[i].as_chunks::<8>();
                        [load(&eights[2 * quarter]), load(&eights[2 * quarter + 1])]
                    }
                };
                let mu = load(&mu[i].as_chunks::<16>().0[quarter]);
                let sigma = load(&sigma[i].as_chunks::<16>().0[quarter]);
                let drawn = weights_of(mu, sigma, multipliers, noise);
                store(&mut weights[i].as_chunks_mut::<16>().0[quarter], drawn);
            }
        }
    }
}

/// The noise of 16 weights from their first and second bytes: the entries of four tables.
#[inline(always)]
fn noise(tables: [v128; 4], [first, second]: [v128; 2]) -> v128 {
    let low = |bytes| v128_and(bytes, u8x16_splat(15));
    let high = |bytes| u8x16_shr(bytes, 4);
    i8x16_add(
        i8x16_add(look_up(tables[0], low(first)), look_up(tables[1], high(first))),
        i8x16_add(look_up(tables[2], low(second)), look_up(tables[3], high(second))),
    )
}

/// The entries of a table at indices of 0..=15, for which both instructions give the same result.
#[inline(always)]
fn look_up(table: v128, indices: v128) -> v128 {
    #[cfg(target_feature = "relaxed-simd")]
    return i8x16_relaxed_swizzle(table, indices);
    #[cfg(not(target_feature = "relaxed-simd"))]
    i8x16_swizzle(table, indices)
}

/// `sat8(mu + mulhrs(noise * sigma, multiplier))` of 16 weights.
#[inline(always)]
fn weights_of(mu: v128, sigma: v128, multipliers: [v128; 2], noise: v128) -> v128 {
    let low = i16x8_mul(u16x8_extend_low_u8x16(sigma), i16x8_extend_low_i8x16(noise));
    let high = i16x8_mul(u16x8_extend_high_u8x16(sigma), i16x8_extend_high_i8x16(noise));
    let low = i16x8_add_sat(i16x8_extend_low_i8x16(mu), mulhrs(low, multipliers[0]));
    let high = i16x8_add_sat(i16x8_extend_high_i8x16(mu), mulhrs(high, multipliers[1]));
    i8x16_narrow_i16x8(low, high)
}

/// `(a * b + 2^14) >> 15`. Multipliers are not negative, so the only product on which both
/// instructions may differ, of -2^15 by itself, does not occur.
#[inline(always)]
fn mulhrs(a: v128, multipliers: v128) -> v128 {
    #[cfg(target_feature = "relaxed-simd")]
    return i16x8_relaxed_q15mulr(a, multipliers);
    #[cfg(not(target_feature = "relaxed-simd"))]
    i16x8_q15mulr_sat(a, multipliers)
}

/// Quarter `index % 4` of group `index / 4` of the key stream: for each word, 4 blocks side by side
/// ([`bayes8_core::chacha`]).
#[inline(always)]
fn key_stream(stream: ChaCha8, index: u64) -> [v128; 16] {
    let start = stream.start(index * 4).map(|word| u32x4_splat(word));
    // 4 blocks from a multiple of 4 on: the low word of the counter never carries into the high one.
    let counter = i32x4_add(start[12], u32x4(0, 1, 2, 3));
    let mut state = start;
    state[12] = counter;
    for _ in 0..4 {
        for [a, b, c, d] in COLUMNS {
            quarter_round(&mut state, a, b, c, d);
        }
        for [a, b, c, d] in DIAGONALS {
            quarter_round(&mut state, a, b, c, d);
        }
    }
    for (j, word) in state.iter_mut().enumerate() {
        *word = i32x4_add(*word, if j == 12 { counter } else { start[j] });
    }
    state
}

#[inline(always)]
fn quarter_round(state: &mut [v128; 16], a: usize, b: usize, c: usize, d: usize) {
    state[a] = i32x4_add(state[a], state[b]);
    state[d] = rotate::<16>(v128_xor(state[d], state[a]));
    state[c] = i32x4_add(state[c], state[d]);
    state[b] = rotate::<12>(v128_xor(state[b], state[c]));
    state[a] = i32x4_add(state[a], state[b]);
    state[d] = rotate::<8>(v128_xor(state[d], state[a]));
    state[c] = i32x4_add(state[c], state[d]);
    state[b] = rotate::<7>(v128_xor(state[b], state[c]));
}

#[inline(always)]
fn rotate<const BITS: u32>(x: v128) -> v128 {
    v128_or(i32x4_shl(x, BITS), u32x4_shr(x, 32 - BITS))
}

/// Packs 16 rows into a panel `[K/2][16][2]` of i16 ([`super::Kernel::pack`]).
#[cfg(not(target_feature = "relaxed-simd"))]
pub(super) fn pack_pairs(rows: &[[i8; CHUNK]], panel: &mut [i16]) -> [i32; PANEL] {
    const STEP: usize = PANEL * 2;
    let (panel, _) = panel.as_chunks_mut::<STEP>();
    let chunks = rows.len() / PANEL;
    let mut result = [0; PANEL];
    for (half, result) in result.chunks_exact_mut(8).enumerate() {
        let rows = &rows[half * 8 * chunks..][..8 * chunks];
        let mut sums = [i32x4_splat(0); 2];
        for (first, steps) in panel.chunks_mut(8).enumerate() {
            let (chunk, part) = (first * 16 / CHUNK, first * 16 % CHUNK / 16);
            let pairs =
                core::array::from_fn(|r| load(&rows[r * chunks + chunk].as_chunks::<16>().0[part]));
            for (step, pairs) in steps.iter_mut().zip(transpose_words(pairs)) {
                let (low, high) = (i16x8_extend_low_i8x16(pairs), i16x8_extend_high_i8x16(pairs));
                sums[0] = i32x4_add(sums[0], i32x4_dot_i16x8(low, i16x8_splat(1)));
                sums[1] = i32x4_add(sums[1], i32x4_dot_i16x8(high, i16x8_splat(1)));
                let (eights, _) = step.as_chunks_mut::<8>();
                store(&mut eights[2 * half], low);
                store(&mut eights[2 * half + 1], high);
            }
        }
        let (fours, _) = result.as_chunks_mut::<4>();
        for (four, sums) in fours.iter_mut().zip(sums) {
            store(four, sums);
        }
    }
    result
}

/// Exchanges rows and columns of an 8 x 8 matrix of 16 bits.
#[cfg(not(target_feature = "relaxed-simd"))]
#[inline(always)]
fn transpose_words(rows: [v128; 8]) -> [v128; 8] {
    let low16 = |a, b| i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b);
    let high16 = |a, b| i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b);
    // pairs[2 p + h]: half h of rows 2 p and 2 p + 1, with their columns alternating.
    let pairs: [v128; 8] = core::array::from_fn(|i| {
        let (a, b) = (rows[i & !1], rows[i | 1]);
        if i % 2 == 0 { low16(a, b) } else { high16(a, b) }
    });
    // quads[4 q + c]: columns 2 c and 2 c + 1 of rows 4 q .. 4 q + 4.
    let quads: [v128; 8] = core::array::from_fn(|i| {
        let (q, c) = (i / 4, i % 4);
        let (a, b) = (pairs[4 * q + c / 2], pairs[4 * q + 2 + c / 2]);
        if c % 2 == 0 { low_dwords(a, b) } else { high_dwords(a, b) }
    });
    core::array::from_fn(|column| {
        let (a, b) = (quads[column / 2], quads[4 + column / 2]);
        if column % 2 == 0 { low_qwords(a, b) } else { high_qwords(a, b) }
    })
}

/// Packs 16 rows into a panel `[K/4][16][4]` of i8 ([`super::Kernel::pack`]).
#[cfg(target_feature = "relaxed-simd")]
pub(super) fn pack_quads(rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
    const STEP: usize = PANEL * 4;
    let (panel, _) = panel.as_chunks_mut::<STEP>();
    let chunks = rows.len() / PANEL;
    let mut result = [0; PANEL];
    for (quarter, result) in result.chunks_exact_mut(4).enumerate() {
        let rows = &rows[quarter * 4 * chunks..][..4 * chunks];
        let mut sums = i32x4_splat(0);
        for (first, steps) in panel.chunks_mut(4).enumerate() {
            let (chunk, part) = (first * 16 / CHUNK, first * 16 % CHUNK / 16);
            let quads =
                core::array::from_fn(|r| load(&rows[r * chunks + chunk].as_chunks::<16>().0[part]));
            for (step, quads) in steps.iter_mut().zip(transpose_dwords(quads)) {
                sums = i32x4_relaxed_dot_i8x16_i7x16_add(quads, i8x16_splat(1), sums);
                store(&mut step.as_chunks_mut::<16>().0[quarter], quads);
            }
        }
        store(result.first_chunk_mut::<4>().expect("sums of four rows"), sums);
    }
    result
}

/// Exchanges rows and columns of a 4 x 4 matrix of 32 bits.
#[cfg(target_feature = "relaxed-simd")]
#[inline(always)]
fn transpose_dwords([a, b, c, d]: [v128; 4]) -> [v128; 4] {
    let (ab, cd) = ([low_dwords(a, b), high_dwords(a, b)], [low_dwords(c, d), high_dwords(c, d)]);
    [
        low_qwords(ab[0], cd[0]),
        high_qwords(ab[0], cd[0]),
        low_qwords(ab[1], cd[1]),
        high_qwords(ab[1], cd[1]),
    ]
}

#[inline(always)]
fn low_dwords(a: v128, b: v128) -> v128 {
    i32x4_shuffle::<0, 4, 1, 5>(a, b)
}

#[inline(always)]
fn high_dwords(a: v128, b: v128) -> v128 {
    i32x4_shuffle::<2, 6, 3, 7>(a, b)
}

#[inline(always)]
fn low_qwords(a: v128, b: v128) -> v128 {
    i64x2_shuffle::<0, 2>(a, b)
}

#[inline(always)]
fn high_qwords(a: v128, b: v128) -> v128 {
    i64x2_shuffle::<1, 3>(a, b)
}

/// Loads 16 bytes of integers.
#[inline(always)]
fn load<T: Integers>(from: &T) -> v128 {
    const { assert!(size_of::<T>() == 16) };
    // SAFETY: 16 bytes of integers, at any address.
    unsafe { v128_load(core::ptr::from_ref(from).cast()) }
}

/// Stores 16 bytes of integers.
#[inline(always)]
fn store<T: Integers>(to: &mut T, vector: v128) {
    const { assert!(size_of::<T>() == 16) };
    // SAFETY: 16 bytes of integers, at any address, for which any bits are values.
    unsafe { v128_store(core::ptr::from_mut(to).cast(), vector) };
}

/// Arrays of integers.
///
/// # Safety
/// All bytes are initialized, and any bits are a value.
unsafe trait Integers {}
// SAFETY: integers have neither padding nor forbidden bits, and nor have arrays of them.
unsafe impl Integers for [u8; 16] {}
// SAFETY: as above.
unsafe impl Integers for [i8; 16] {}
// SAFETY: as above.
unsafe impl Integers for [i16; 8] {}
// SAFETY: as above.
unsafe impl Integers for [i32; 4] {}
