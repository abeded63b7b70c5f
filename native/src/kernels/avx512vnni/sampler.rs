//! Draws weights of a chunk, 64 at a time, and packs them: a transposition of 16 x 16 groups of
//! four.

use crate::kernels::{Drawing, NoiseMultipliers, PANEL, stream_groups};
use bayes8_core::chacha::{COLUMNS, ChaCha8, DIAGONALS};
use bayes8_core::posterior::gaussian::{CHUNK, NOISE_TABLES};
use std::arch::x86_64::*;

/// Draws chunks of weights ([`crate::kernels::Kernel::draw`]).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) fn draw(drawing: Drawing<'_>) {
    let Drawing { stream, first, mu, sigma, multipliers, weights } = drawing;
    assert!(mu.len() == sigma.len() && mu.len() == weights.len(), "the same number of chunks");
    let tables = NOISE_TABLES.map(|table| {
        // SAFETY: a table has 16 bytes.
        _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
    });
    for (group, within, chunks) in stream_groups(first, mu.len()) {
        let words = key_stream(stream, group);
        let (words, _) = words.as_chunks();
        for (i, &bytes) in chunks.zip(&words[within..]) {
            let noise = noise(tables, bytes);
            let multipliers = match multipliers {
                NoiseMultipliers::Rows { multipliers, chunks } => {
                    [_mm512_set1_epi16(multipliers[i / chunks]); 2]
                }
                NoiseMultipliers::Each(chunks) => even_and_odd(&chunks[i]),
            };
            // SAFETY: a chunk has 64 bytes.
            unsafe {
                let drawn = weights_of(load(&mu[i]), load(&sigma[i]), multipliers, noise);
                _mm512_storeu_si512(weights[i].as_mut_ptr().cast(), drawn);
            }
        }
    }
}

/// Returns the noise of 64 weights from their first and second bytes: the sums of entries of the
/// four tables.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn noise(tables: [__m512i; 4], [first, second]: [__m512i; 2]) -> __m512i {
    let low_nibbles = _mm512_set1_epi8(15);
    let low = |bytes| _mm512_and_si512(bytes, low_nibbles);
    let high = |bytes| low(_mm512_srli_epi16(bytes, 4));
    _mm512_add_epi8(
        _mm512_add_epi8(
            _mm512_shuffle_epi8(tables[0], low(first)),
            _mm512_shuffle_epi8(tables[1], high(first)),
        ),
        _mm512_add_epi8(
            _mm512_shuffle_epi8(tables[2], low(second)),
            _mm512_shuffle_epi8(tables[3], high(second)),
        ),
    )
}

/// Computes `sat8(mu + mulhrs(noise * sigma, multiplier))` for 64 weights. Weights at even and at
/// odd places are separate, so that products of bytes come out as words without widening.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn weights_of(mu: __m512i, sigma: __m512i, multipliers: [__m512i; 2], noise: __m512i) -> __m512i {
    let even_bytes = _mm512_set1_epi16(0x00ff);
    // One of each pair of products is zero, and the other fits i16: nothing saturates.
    let even = _mm512_maddubs_epi16(_mm512_and_si512(sigma, even_bytes), noise);
    let odd = _mm512_maddubs_epi16(_mm512_andnot_si512(even_bytes, sigma), noise);
    let even_mu = _mm512_srai_epi16(_mm512_slli_epi16(mu, 8), 8);
    let odd_mu = _mm512_srai_epi16(mu, 8);
    let even = _mm512_adds_epi16(even_mu, _mm512_mulhrs_epi16(even, multipliers[0]));
    let odd = _mm512_adds_epi16(odd_mu, _mm512_mulhrs_epi16(odd, multipliers[1]));
    // Each lane of 16 bytes has its even weights, then its odd ones: interleave them.
    let interleave =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
    _mm512_shuffle_epi8(_mm512_packs_epi16(even, odd), interleave)
}

/// Returns the multipliers at even and at odd places.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn even_and_odd(multipliers: &[i16; CHUNK]) -> [__m512i; 2] {
    let (halves, _) = multipliers.as_chunks::<{ CHUNK / 2 }>();
    // SAFETY: half a chunk of i16 is 64 bytes.
    let (a, b) = unsafe { (load(&halves[0]), load(&halves[1])) };
    let even = _mm512_set_epi16(
        62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32, 30, 28, 26, 24, 22, 20, 18,
        16, 14, 12, 10, 8, 6, 4, 2, 0,
    );
    let odd = _mm512_add_epi16(even, _mm512_set1_epi16(1));
    [_mm512_permutex2var_epi16(a, even, b), _mm512_permutex2var_epi16(a, odd, b)]
}

/// Computes group `index` of the key stream: element `j` is word `j` of 16 blocks
/// ([`bayes8_core::chacha`]).
#[inline]
#[target_feature(enable = "avx512f")]
fn key_stream(stream: ChaCha8, index: u64) -> [__m512i; 16] {
    let first = index * 16;
    // Not `map`, which is compiled without the vector unit if it is not inlined.
    let mut start = [_mm512_setzero_si512(); 16];
    for (lanes, word) in start.iter_mut().zip(stream.start(first)) {
        *lanes = _mm512_set1_epi32(word as i32);
    }
    // 16 blocks from a multiple of 16 on: the low word of the counter never carries into the high
    // one.
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let counter = _mm512_add_epi32(start[12], lanes);
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
        *word = _mm512_add_epi32(*word, if j == 12 { counter } else { start[j] });
    }
    state
}

#[inline]
#[target_feature(enable = "avx512f")]
fn quarter_round(state: &mut [__m512i; 16], a: usize, b: usize, c: usize, d: usize) {
    state[a] = _mm512_add_epi32(state[a], state[b]);
    state[d] = _mm512_rol_epi32(_mm512_xor_si512(state[d], state[a]), 16);
    state[c] = _mm512_add_epi32(state[c], state[d]);
    state[b] = _mm512_rol_epi32(_mm512_xor_si512(state[b], state[c]), 12);
    state[a] = _mm512_add_epi32(state[a], state[b]);
    state[d] = _mm512_rol_epi32(_mm512_xor_si512(state[d], state[a]), 8);
    state[c] = _mm512_add_epi32(state[c], state[d]);
    state[b] = _mm512_rol_epi32(_mm512_xor_si512(state[b], state[c]), 7);
}

/// Packs 16 rows into a panel `[K/4][16][4]` ([`crate::kernels::Kernel::pack`]).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) fn pack(rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
    const STEP_BYTES: usize = PANEL * 4;
    let chunks = rows.len() / PANEL;
    let ones = _mm512_set1_epi8(1);
    let mut sums = _mm512_setzero_si512();
    for (chunk, panel) in panel.chunks_mut(CHUNK * PANEL).enumerate() {
        // SAFETY: a chunk has 64 bytes.
        let chunk = std::array::from_fn(|r| unsafe { load(&rows[r * chunks + chunk]) });
        let steps = transpose(chunk);
        for (step, to) in steps.into_iter().zip(panel.chunks_exact_mut(STEP_BYTES)) {
            sums = _mm512_dpbusd_epi32(sums, ones, step);
            // SAFETY: a step has 64 bytes.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), step) };
        }
    }
    let mut result = [0; PANEL];
    // SAFETY: 16 sums are 64 bytes.
    unsafe { _mm512_storeu_si512(result.as_mut_ptr().cast(), sums) };
    result
}

/// # Safety
/// `T` must be 64 bytes of integers.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load<T>(from: &T) -> __m512i {
    const { assert!(size_of::<T>() == 64) };
    // SAFETY: 64 bytes, at any address.
    unsafe { _mm512_loadu_si512(std::ptr::from_ref(from).cast()) }
}

/// Exchanges rows and columns of a 16 x 16 matrix of i32.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: [__m512i; 16]) -> [__m512i; 16] {
    let mut pairs = rows;
    for i in (0..16).step_by(2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    // quads[4 g + c], lane l: column 4 l + c of rows 4 g .. 4 g + 4.
    let mut quads = pairs;
    for g in (0..16).step_by(4) {
        quads[g] = _mm512_unpacklo_epi64(pairs[g], pairs[g + 2]);
        quads[g + 1] = _mm512_unpackhi_epi64(pairs[g], pairs[g + 2]);
        quads[g + 2] = _mm512_unpacklo_epi64(pairs[g + 1], pairs[g + 3]);
        quads[g + 3] = _mm512_unpackhi_epi64(pairs[g + 1], pairs[g + 3]);
    }
    let mut columns = quads;
    for c in 0..4 {
        let [a, b, d, e] = [quads[c], quads[c + 4], quads[c + 8], quads[c + 12]];
        // Lanes 0 and 1, then 2 and 3, of two row groups each.
        let ab01 = _mm512_shuffle_i32x4(a, b, 0x44);
        let ab23 = _mm512_shuffle_i32x4(a, b, 0xee);
        let de01 = _mm512_shuffle_i32x4(d, e, 0x44);
        let de23 = _mm512_shuffle_i32x4(d, e, 0xee);
        columns[c] = _mm512_shuffle_i32x4(ab01, de01, 0x88);
        columns[4 + c] = _mm512_shuffle_i32x4(ab01, de01, 0xdd);
        columns[8 + c] = _mm512_shuffle_i32x4(ab23, de23, 0x88);
        columns[12 + c] = _mm512_shuffle_i32x4(ab23, de23, 0xdd);
    }
    columns
}
