//! AVX2 without VNNI: `vpmaddwd` sums two i16 x i16 products into each of 8 i32 lanes.
//!
//! `vpmaddubsw` would take u8 x i8 but saturates at 2 * 255 * 127, so both sides are widened to
//! i16 when they are packed, which keeps every sum exact.
//! Tile: up to 6 rows x 16 channels. Registers: 12 accumulators, 2 of weights, 1 broadcast of two
//! activations. Packing: weights i16 `[K/2][16][2]`, activations i16 rows.
//! Peak: 16 products an instruction; a step of a full tile is 12 `vpmaddwd` and 12 `vpaddd` on 8
//! loads.

use super::{Kernel, Multipliers, PANEL, Tile, TileOutput};
use bayes8_core::backend::Output;
use bayes8_core::chacha::ChaCha8;
use bayes8_core::sampler::{CHUNK, CHUNKS_PER_GROUP, NOISE_TABLES};
use std::arch::{asm, x86_64::*};
use std::hint::black_box;

/// Proof that the processor has AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Lanes of a register of i32.
const LANES: usize = 8;

impl Kernel for Avx2 {
    const NAME: &'static str = "avx2";
    const STEP: usize = 2;
    const ROWS: usize = 6;
    type Activation = i16;
    type Weight = i16;

    fn new() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    fn in_place(_: &[u8]) -> Option<&[i16]> {
        None
    }

    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { vectorize(f) }
    }

    fn tile(self, tile: &Tile<'_, Self>, output: &mut TileOutput<'_, '_>) {
        tile.check(output);
        for panel in 0..tile.panel_count() {
            let mut row = 0;
            while row < tile.rows {
                // SAFETY: `self` proves the feature; `check` has seen that all rows and panels are
                // inside the slices, and each call covers rows `row..row + R`, `row + R <= rows`.
                row += unsafe {
                    match tile.rows - row {
                        6.. => rows::<6>(tile, output, row, panel),
                        4.. => rows::<4>(tile, output, row, panel),
                        2.. => rows::<2>(tile, output, row, panel),
                        _ => rows::<1>(tile, output, row, panel),
                    }
                };
            }
        }
    }

    fn peak(self, rounds: u64) -> (u64, i32) {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { peak(rounds) }
    }

    fn sample(
        self,
        stream: ChaCha8,
        first: u64,
        mu: &[[i8; CHUNK]],
        sigma: &[[u8; CHUNK]],
        multipliers: Multipliers<'_>,
        each: impl FnMut(usize, &[i8; CHUNK]),
    ) {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { sample(stream, first, mu, sigma, multipliers, each) }
    }
}

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Multiplies rows `row..row + R` by panel `panel`. Returns `R`.
///
/// # Safety
/// The processor must have AVX2; `Tile::check` must have passed for at least `row + R` rows and
/// `panel + 1` panels.
#[target_feature(enable = "avx2")]
unsafe fn rows<const R: usize>(
    tile: &Tile<'_, Avx2>,
    output: &mut TileOutput<'_, '_>,
    row: usize,
    panel: usize,
) -> usize {
    let step_size = PANEL * Avx2::STEP;
    let mut sums = [[_mm256_setzero_si256(); 2]; R];
    // SAFETY: row `row + R - 1` and panel `panel` hold `steps` steps each, by `check`.
    unsafe {
        let activations = tile.activations.as_ptr().add(row * tile.stride);
        let weights = tile.panels.as_ptr().add(panel * tile.steps * step_size);
        for step in 0..tile.steps {
            let at: *const __m256i = weights.add(step * step_size).cast();
            let halves = [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))];
            for (r, sums) in sums.iter_mut().enumerate() {
                let at = activations.add(r * tile.stride + step * Avx2::STEP);
                let two = _mm256_set1_epi32(at.cast::<i32>().read_unaligned());
                for (sum, half) in sums.iter_mut().zip(halves) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(two, half));
                }
            }
        }
    }

    let channels = output.channels.saturating_sub(panel * PANEL).min(PANEL);
    for (r, sums) in sums.iter().enumerate() {
        let at = output.first + (row + r) * output.stride + panel * PANEL;
        let mut scaled = [0f32; PANEL];
        for (half, &sum) in sums.iter().enumerate() {
            let first = panel * PANEL + half * LANES;
            // SAFETY: `check` has seen 16 offsets and multipliers for each panel, and `scaled`
            // has room for both halves.
            unsafe {
                let offsets = _mm256_loadu_si256(tile.offsets.as_ptr().add(first).cast());
                let multipliers = _mm256_loadu_ps(tile.multipliers.as_ptr().add(first));
                let sum = _mm256_cvtepi32_ps(_mm256_add_epi32(sum, offsets));
                let to = scaled.as_mut_ptr().add(half * LANES);
                _mm256_storeu_ps(to, _mm256_mul_ps(sum, multipliers));
            }
        }
        match &mut *output.output {
            Output::Codes(codes, target) => {
                let all = scaled.map(|y| target.round(y));
                codes[at..at + channels].copy_from_slice(&all[..channels]);
            }
            Output::Logits(logits) => {
                logits[at..at + channels].copy_from_slice(&scaled[..channels]);
            }
        }
    }
    R
}

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn peak(rounds: u64) -> (u64, i32) {
    const ACCUMULATORS: usize = 12;
    let mut sums = [_mm256_setzero_si256(); ACCUMULATORS];
    // Not known to the compiler, so that it cannot compute the sums beforehand.
    let x = _mm256_set1_epi32(black_box(0x0001_0001));
    let mut w = _mm256_set1_epi32(black_box(1));
    for _ in 0..rounds {
        for sum in &mut sums {
            // SAFETY: no instruction at all. It hides from the compiler that the product is always
            // the same, which it would take out of the loop.
            unsafe { asm!("/* {0} */", inout(ymm_reg) w, options(pure, nomem, nostack)) };
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, w));
        }
    }
    let total = sums.into_iter().fold(_mm256_setzero_si256(), |a, b| _mm256_add_epi32(a, b));
    let mut lanes = [0i32; LANES];
    // SAFETY: `lanes` has 32 bytes.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), total) };
    (rounds * ACCUMULATORS as u64 * 16, lanes.iter().fold(0, |a, &b| a.wrapping_add(b)))
}

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn sample(
    stream: ChaCha8,
    first: u64,
    mu: &[[i8; CHUNK]],
    sigma: &[[u8; CHUNK]],
    multipliers: Multipliers<'_>,
    mut each: impl FnMut(usize, &[i8; CHUNK]),
) {
    const QUARTER: usize = 16;
    let tables = NOISE_TABLES.map(|table| {
        // SAFETY: a table has 16 bytes.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
    });
    let low_nibbles = _mm256_set1_epi8(15);
    let mut group = [[0; 16]; 16];
    for (i, (mu, sigma)) in mu.iter().zip(sigma).enumerate() {
        let chunk = first + i as u64;
        let within = (chunk % CHUNKS_PER_GROUP as u64) as usize;
        if i == 0 || within == 0 {
            group = stream.group(chunk / CHUNKS_PER_GROUP as u64);
        }
        let mut noise = [0i8; CHUNK];
        for half in 0..2 {
            let load = |word: &[u32; 16]| {
                // SAFETY: 8 of 16 words are 32 bytes.
                unsafe { _mm256_loadu_si256(word.as_ptr().add(half * 8).cast()) }
            };
            let (bytes0, bytes1) = (load(&group[2 * within]), load(&group[2 * within + 1]));
            let low = |bytes| _mm256_and_si256(bytes, low_nibbles);
            let high = |bytes| low(_mm256_srli_epi16(bytes, 4));
            let sum = _mm256_add_epi8(
                _mm256_add_epi8(
                    _mm256_shuffle_epi8(tables[0], low(bytes0)),
                    _mm256_shuffle_epi8(tables[1], high(bytes0)),
                ),
                _mm256_add_epi8(
                    _mm256_shuffle_epi8(tables[2], low(bytes1)),
                    _mm256_shuffle_epi8(tables[3], high(bytes1)),
                ),
            );
            // SAFETY: the half has 32 bytes.
            unsafe { _mm256_storeu_si256(noise.as_mut_ptr().add(half * 32).cast(), sum) };
        }
        let multipliers = multipliers.chunk(i);
        let mut weights = [0; CHUNK];
        for quarter in 0..CHUNK / QUARTER {
            let at = quarter * QUARTER;
            // SAFETY: each array has 64 entries, of which 16 from `at` on are taken.
            unsafe {
                let noise = _mm_loadu_si128(noise.as_ptr().add(at).cast());
                let sigma = _mm_loadu_si128(sigma.as_ptr().add(at).cast());
                let mu = _mm_loadu_si128(mu.as_ptr().add(at).cast());
                let multipliers = _mm256_loadu_si256(multipliers.as_ptr().add(at).cast());
                let product =
                    _mm256_mullo_epi16(_mm256_cvtepi8_epi16(noise), _mm256_cvtepu8_epi16(sigma));
                let spread = _mm256_mulhrs_epi16(product, multipliers);
                let sum = _mm256_adds_epi16(_mm256_cvtepi8_epi16(mu), spread);
                let packed =
                    _mm_packs_epi16(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
                _mm_storeu_si128(weights.as_mut_ptr().add(at).cast(), packed);
            }
        }
        each(i, &weights);
    }
}
