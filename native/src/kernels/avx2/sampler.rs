//! Weights of a chunk, 32 at a time, and their packing: transpositions of 8 x 8 groups of four.

use crate::kernels::{Multipliers, PANEL, random_chunks};
use bayes8_core::chacha::ChaCha8;
use bayes8_core::sampler::{CHUNK, NOISE_TABLES};
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
    multipliers: Multipliers<'_>,
    weights: &mut [[i8; CHUNK]],
) {
    assert!(mu.len() == sigma.len() && mu.len() == weights.len(), "as many chunks of each");
    let tables = NOISE_TABLES.map(|table| {
        // SAFETY: a table has 16 bytes.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
    });
    let low_nibbles = _mm256_set1_epi8(15);
    random_chunks(stream, first, mu.len(), |i, bytes| {
        let row = match multipliers {
            Multipliers::Rows { multipliers, chunks } => _mm256_set1_epi16(multipliers[i / chunks]),
            Multipliers::Each(_) => _mm256_setzero_si256(),
        };
        for half in 0..2 {
            // SAFETY: half of 16 words, and of a chunk, is 32 bytes.
            let [first, second] =
                bytes.each_ref().map(|words| unsafe { load(&words.as_chunks::<8>().0[half]) });
            let low = |bytes| _mm256_and_si256(bytes, low_nibbles);
            let high = |bytes| low(_mm256_srli_epi16(bytes, 4));
            let noise = _mm256_add_epi8(
                _mm256_add_epi8(
                    _mm256_shuffle_epi8(tables[0], low(first)),
                    _mm256_shuffle_epi8(tables[1], high(first)),
                ),
                _mm256_add_epi8(
                    _mm256_shuffle_epi8(tables[2], low(second)),
                    _mm256_shuffle_epi8(tables[3], high(second)),
                ),
            );
            // SAFETY: as above.
            let (mu, sigma): (__m256i, __m256i) = unsafe {
                (
                    load::<[i8; 32]>(&mu[i].as_chunks().0[half]),
                    load::<[u8; 32]>(&sigma[i].as_chunks().0[half]),
                )
            };
            let part = |bytes, q: usize| match q {
                0 => _mm256_castsi256_si128(bytes),
                _ => _mm256_extracti128_si256(bytes, 1),
            };
            let [a, b] = [0, 1].map(|q| {
                let multipliers = match multipliers {
                    Multipliers::Rows { .. } => row,
                    Multipliers::Each(chunks) => {
                        // SAFETY: a quarter of a chunk of i16 is 32 bytes.
                        unsafe { load::<[i16; 16]>(&chunks[i].as_chunks().0[2 * half + q]) }
                    }
                };
                let product = _mm256_mullo_epi16(
                    _mm256_cvtepi8_epi16(part(noise, q)),
                    _mm256_cvtepu8_epi16(part(sigma, q)),
                );
                let spread = _mm256_mulhrs_epi16(product, multipliers);
                _mm256_adds_epi16(_mm256_cvtepi8_epi16(part(mu, q)), spread)
            });
            let packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0b11_01_10_00);
            let (halves, _) = weights[i].as_chunks_mut::<32>();
            // SAFETY: half a chunk has 32 bytes.
            unsafe { _mm256_storeu_si256(halves[half].as_mut_ptr().cast(), packed) };
        }
    });
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

/// Calls `each(step, half, weights)` for `steps` steps of four weights: those of channels `8 half ..
/// 8 half + 8`, four each. Returns the sum of each row.
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
                // Sums of two weights fit i16, those of four i32.
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
