//! Weights of a chunk, 64 at a time, and their packing: a transposition of 16 x 16 groups of four.

use crate::kernels::{Multipliers, PANEL, random_chunks};
use bayes8_core::chacha::ChaCha8;
use bayes8_core::sampler::{CHUNK, NOISE_TABLES};
use std::arch::x86_64::*;

/// Draws chunks of weights ([`crate::kernels::Kernel::draw`]).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) fn draw(
    stream: ChaCha8,
    first: u64,
    mu: &[[i8; CHUNK]],
    sigma: &[[u8; CHUNK]],
    multipliers: Multipliers<'_>,
    weights: &mut [[i8; CHUNK]],
) {
    assert!(mu.len() == sigma.len() && mu.len() == weights.len(), "as many chunks of each");
    let tables = NOISE_TABLES.map(|table| {
        // SAFETY: a table has 16 bytes.
        _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
    });
    let low_nibbles = _mm512_set1_epi8(15);
    random_chunks(stream, first, mu.len(), |i, bytes| {
        // SAFETY: each half is 16 words, 64 bytes.
        let [first, second] = bytes.each_ref().map(|half| unsafe { load(half) });
        let low = |bytes| _mm512_and_si512(bytes, low_nibbles);
        let high = |bytes| low(_mm512_srli_epi16(bytes, 4));
        let noise = _mm512_add_epi8(
            _mm512_add_epi8(
                _mm512_shuffle_epi8(tables[0], low(first)),
                _mm512_shuffle_epi8(tables[1], high(first)),
            ),
            _mm512_add_epi8(
                _mm512_shuffle_epi8(tables[2], low(second)),
                _mm512_shuffle_epi8(tables[3], high(second)),
            ),
        );
        let multipliers = match multipliers {
            Multipliers::Rows { multipliers, chunks } => {
                [_mm512_set1_epi16(multipliers[i / chunks]); 2]
            }
            Multipliers::Each(chunks) => {
                let (halves, _) = chunks[i].as_chunks::<{ CHUNK / 2 }>();
                // SAFETY: half a chunk of i16 is 64 bytes.
                [0, 1].map(|h| unsafe { load(&halves[h]) })
            }
        };
        // SAFETY: a chunk has 64 bytes.
        let (mu, sigma) = unsafe { (load(&mu[i]), load(&sigma[i])) };
        let half = |bytes, h: usize| match h {
            0 => _mm512_castsi512_si256(bytes),
            _ => _mm512_extracti64x4_epi64(bytes, 1),
        };
        let drawn = [0, 1].map(|h| {
            let product = _mm512_mullo_epi16(
                _mm512_cvtepi8_epi16(half(noise, h)),
                _mm512_cvtepu8_epi16(half(sigma, h)),
            );
            let spread = _mm512_mulhrs_epi16(product, multipliers[h]);
            _mm512_cvtsepi16_epi8(_mm512_adds_epi16(_mm512_cvtepi8_epi16(half(mu, h)), spread))
        });
        let both = _mm512_inserti64x4(_mm512_castsi256_si512(drawn[0]), drawn[1], 1);
        // SAFETY: a chunk has 64 bytes.
        unsafe { _mm512_storeu_si512(weights[i].as_mut_ptr().cast(), both) };
    });
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
