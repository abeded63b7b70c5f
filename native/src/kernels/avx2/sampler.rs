//! Draws weights of a chunk, 32 at a time, and packs them: transpositions of 8 x 8 groups of four.

use crate::kernels::{NoiseMultipliers, PANEL, stream_groups};
use bayes8_core::chacha::{COLUMNS, ChaCha8, DIAGONALS};
use bayes8_core::posterior::gaussian::{CHUNK, NOISE_TABLES};
use std::arch::x86_64::*;

/// Lanes of a register of i32.
const LANES: usize = 8;

/// Draws chunks of weights ([`crate::kernels::Kernel::draw`]).
#[target_feature(enable = "avx2")]
pub(in crate::kernels) fn draw(
    stream: ChaCha8,
    first: u64,
    mu: &[[i8; CHUNK]],
    sigma: &[[u8; CHUNK]],
    multipliers: NoiseMultipliers<'_>,
    weights: &mut [[i8; CHUNK]],
) {
    assert!(mu.len() == sigma.len() && mu.len() == weights.len(), "the same number of chunks");
    let tables = NOISE_TABLES.map(|table| {
        // SAFETY: a table has 16 bytes.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
    });
    for (group, within, chunks) in stream_groups(first, mu.len()) {
        // Lanes 0 to 7 of every word, then lanes 8 to 15, are the halves of a chunk.
        for half in 0..2 {
            let words = key_stream(stream, 2 * group + half as u64);
            let (words, _) = words.as_chunks();
            for (i, &bytes) in chunks.clone().zip(&words[within..]) {
                let noise = noise(tables, bytes);
                let multipliers = match multipliers {
                    NoiseMultipliers::Rows { multipliers, chunks } => {
                        [_mm256_set1_epi16(multipliers[i / chunks]); 2]
                    }
                    NoiseMultipliers::Each(chunks) => even_and_odd(&chunks[i].as_chunks().0[half]),
                };
                let (mu, _) = mu[i].as_chunks::<32>();
                let (sigma, _) = sigma[i].as_chunks::<32>();
                let (weights, _) = weights[i].as_chunks_mut::<32>();
                // SAFETY: half a chunk has 32 bytes.
                unsafe {
                    let (mu, sigma) = (load(&mu[half]), load(&sigma[half]));
                    let drawn = weights_of(mu, sigma, multipliers, noise);
                    _mm256_storeu_si256(weights[half].as_mut_ptr().cast(), drawn);
                }
            }
        }
    }
}

/// Returns the noise of 32 weights from their first and second bytes: the sums of entries of the
/// four tables.
#[inline]
#[target_feature(enable = "avx2")]
fn noise(tables: [__m256i; 4], [first, second]: [__m256i; 2]) -> __m256i {
    let low_nibbles = _mm256_set1_epi8(15);
    let low = |bytes| _mm256_and_si256(bytes, low_nibbles);
    let high = |bytes| low(_mm256_srli_epi16(bytes, 4));
    _mm256_add_epi8(
        _mm256_add_epi8(
            _mm256_shuffle_epi8(tables[0], low(first)),
            _mm256_shuffle_epi8(tables[1], high(first)),
        ),
        _mm256_add_epi8(
            _mm256_shuffle_epi8(tables[2], low(second)),
            _mm256_shuffle_epi8(tables[3], high(second)),
        ),
    )
}

/// Computes `sat8(mu + mulhrs(noise * sigma, multiplier))` for 32 weights. Weights at even and at
/// odd places are separate, so that products of bytes come out as words without widening.
#[inline]
#[target_feature(enable = "avx2")]
fn weights_of(mu: __m256i, sigma: __m256i, multipliers: [__m256i; 2], noise: __m256i) -> __m256i {
    let even_bytes = _mm256_set1_epi16(0x00ff);
    // One of each pair of products is zero, and the other fits i16: nothing saturates.
    let even = _mm256_maddubs_epi16(_mm256_and_si256(sigma, even_bytes), noise);
    let odd = _mm256_maddubs_epi16(_mm256_andnot_si256(even_bytes, sigma), noise);
    let even_mu = _mm256_srai_epi16(_mm256_slli_epi16(mu, 8), 8);
    let odd_mu = _mm256_srai_epi16(mu, 8);
    let even = _mm256_adds_epi16(even_mu, _mm256_mulhrs_epi16(even, multipliers[0]));
    let odd = _mm256_adds_epi16(odd_mu, _mm256_mulhrs_epi16(odd, multipliers[1]));
    // Each lane of 16 bytes has its even weights, then its odd ones: interleave them.
    let interleave = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15,
    ));
    _mm256_shuffle_epi8(_mm256_packs_epi16(even, odd), interleave)
}

/// Returns the multipliers at even and at odd places.
#[inline]
#[target_feature(enable = "avx2")]
fn even_and_odd(multipliers: &[i16; CHUNK / 2]) -> [__m256i; 2] {
    let (halves, _) = multipliers.as_chunks::<16>();
    // SAFETY: 16 words are 32 bytes.
    let (a, b) = unsafe { (load(&halves[0]), load(&halves[1])) };
    // Even and odd words, widened to dwords. Multipliers are not negative, so the unsigned
    // packing does not saturate.
    let even = |words| _mm256_and_si256(words, _mm256_set1_epi32(0xffff));
    let odd = |words| _mm256_srli_epi32(words, 16);
    let pack = |a, b| _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0b11_01_10_00);
    [pack(even(a), even(b)), pack(odd(a), odd(b))]
}

/// Computes half `index % 2` of group `index / 2` of the key stream: element `j` is word `j` of 8
/// blocks ([`bayes8_core::chacha`]).
#[inline]
#[target_feature(enable = "avx2")]
fn key_stream(stream: ChaCha8, index: u64) -> [__m256i; 16] {
    // Not `map`, which is compiled without the vector unit if it is not inlined.
    let mut start = [_mm256_setzero_si256(); 16];
    for (lanes, word) in start.iter_mut().zip(stream.start(index * 8)) {
        *lanes = _mm256_set1_epi32(word as i32);
    }
    // 8 blocks from a multiple of 8 on: the low word of the counter never carries into the high
    // one.
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let counter = _mm256_add_epi32(start[12], lanes);
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
        *word = _mm256_add_epi32(*word, if j == 12 { counter } else { start[j] });
    }
    state
}

#[inline]
#[target_feature(enable = "avx2")]
fn quarter_round(state: &mut [__m256i; 16], a: usize, b: usize, c: usize, d: usize) {
    // Rotations by whole bytes take one shuffle, others three instructions.
    let by_16 = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
    ));
    let by_8 = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14,
    ));
    state[a] = _mm256_add_epi32(state[a], state[b]);
    state[d] = _mm256_shuffle_epi8(_mm256_xor_si256(state[d], state[a]), by_16);
    state[c] = _mm256_add_epi32(state[c], state[d]);
    state[b] = _mm256_xor_si256(state[b], state[c]);
    state[b] = _mm256_or_si256(_mm256_slli_epi32(state[b], 12), _mm256_srli_epi32(state[b], 20));
    state[a] = _mm256_add_epi32(state[a], state[b]);
    state[d] = _mm256_shuffle_epi8(_mm256_xor_si256(state[d], state[a]), by_8);
    state[c] = _mm256_add_epi32(state[c], state[d]);
    state[b] = _mm256_xor_si256(state[b], state[c]);
    state[b] = _mm256_or_si256(_mm256_slli_epi32(state[b], 7), _mm256_srli_epi32(state[b], 25));
}

/// Packs 16 rows into a panel `[K/4][16][4]` of i8 ([`crate::kernels::Kernel::pack`]).
#[target_feature(enable = "avx2")]
pub(in crate::kernels) fn pack_quads(rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
    const STEP: usize = PANEL * 4;
    each_quad(rows, panel.len() / STEP, |step, half, quads| {
        let (halves, _) = panel[step * STEP..][..STEP].as_chunks_mut::<32>();
        // SAFETY: 8 quads are 32 bytes.
        unsafe { _mm256_storeu_si256(halves[half].as_mut_ptr().cast(), quads) };
    })
}

/// Packs 16 rows into a panel `[K/2][16][2]` of i16 ([`crate::kernels::Kernel::pack`]).
#[target_feature(enable = "avx2")]
pub(in crate::kernels) fn pack_pairs(rows: &[[i8; CHUNK]], panel: &mut [i16]) -> [i32; PANEL] {
    const STEP: usize = PANEL * 2;
    let (panel, _) = panel.as_chunks_mut::<STEP>();
    each_quad(rows, panel.len().div_ceil(2), |quad, half, quads| {
        // Four channels of four weights each, then pairs of weights of eight channels.
        let low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(quads));
        let high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(quads, 1));
        let (low, high) = (_mm256_castsi256_ps(low), _mm256_castsi256_ps(high));
        let pairs = [
            _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0b10_00_10_00)),
            _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0b11_01_11_01)),
        ];
        for (step, pairs) in panel[2 * quad..].iter_mut().zip(pairs) {
            let pairs = _mm256_permute4x64_epi64(pairs, 0b11_01_10_00);
            let (halves, _) = step.as_chunks_mut::<16>();
            // SAFETY: 8 pairs are 32 bytes.
            unsafe { _mm256_storeu_si256(halves[half].as_mut_ptr().cast(), pairs) };
        }
    })
}

/// Calls `each(step, half, weights)` for `steps` steps of four weights per channel. `weights` are
/// those of channels `8 half .. 8 half + 8`. Returns the sum of each row.
#[inline]
#[target_feature(enable = "avx2")]
fn each_quad(
    rows: &[[i8; CHUNK]],
    steps: usize,
    mut each: impl FnMut(usize, usize, __m256i),
) -> [i32; PANEL] {
    const QUADS: usize = 8;
    let chunks = rows.len() / PANEL;
    let ones = [_mm256_set1_epi8(1), _mm256_set1_epi16(1)];
    let mut result = [0; PANEL];
    for (half, result) in result.chunks_exact_mut(LANES).enumerate() {
        let rows = &rows[half * LANES * chunks..][..LANES * chunks];
        let mut sums = _mm256_setzero_si256();
        for first in (0..steps).step_by(QUADS) {
            let (chunk, part) = (first * 4 / CHUNK, first * 4 % CHUNK / 32);
            let quads = std::array::from_fn(|r| {
                // SAFETY: half a chunk has 32 bytes.
                unsafe { load::<[i8; 32]>(&rows[r * chunks + chunk].as_chunks().0[part]) }
            });
            for (i, quads) in transpose(quads).into_iter().enumerate().take(steps - first) {
                // Sums of two weights fit i16, sums of four are in i32.
                let pairs = _mm256_maddubs_epi16(ones[0], quads);
                sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, ones[1]));
                each(first + i, half, quads);
            }
        }
        // SAFETY: 8 sums are 32 bytes.
        unsafe { _mm256_storeu_si256(result.as_mut_ptr().cast(), sums) };
    }
    result
}

/// # Safety
/// `T` must be 32 bytes of integers.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load<T>(from: &T) -> __m256i {
    const { assert!(size_of::<T>() == 32) };
    // SAFETY: 32 bytes, at any address.
    unsafe { _mm256_loadu_si256(std::ptr::from_ref(from).cast()) }
}

/// Exchanges rows and columns of an 8 x 8 matrix of i32.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let mut pairs = rows;
    for i in (0..8).step_by(2) {
        pairs[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    // quads[4 g + c], lane l: column 4 l + c of rows 4 g .. 4 g + 4.
    let mut quads = pairs;
    for g in [0, 4] {
        quads[g] = _mm256_unpacklo_epi64(pairs[g], pairs[g + 2]);
        quads[g + 1] = _mm256_unpackhi_epi64(pairs[g], pairs[g + 2]);
        quads[g + 2] = _mm256_unpacklo_epi64(pairs[g + 1], pairs[g + 3]);
        quads[g + 3] = _mm256_unpackhi_epi64(pairs[g + 1], pairs[g + 3]);
    }
    let mut columns = quads;
    for c in 0..4 {
        columns[c] = _mm256_permute2x128_si256(quads[c], quads[c + 4], 0x20);
        columns[c + 4] = _mm256_permute2x128_si256(quads[c], quads[c + 4], 0x31);
    }
    columns
}
