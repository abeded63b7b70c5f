//! AVX512-VNNI: `vpdpbusd` sums four u8 x i8 products into each of 16 i32 lanes.
//!
//! Tile: up to 12 rows x 32 channels. Registers: 24 accumulators, 2 panels' weights, 1 broadcast of
//! four activations. Packing: weights i8 `[K/4][16][4]`, a panel's step is one zmm; activations u8,
//! straight from NHWC rows where their depth is a multiple of four.
//! Peak: 64 products an instruction; a step of a full tile is 24 `vpdpbusd` on 14 loads.

use super::{Kernel, Multipliers, PANEL, Tile, TileOutput};
use bayes8_core::backend::Output;
use bayes8_core::chacha::ChaCha8;
use bayes8_core::sampler::{CHUNK, CHUNKS_PER_GROUP, NOISE_TABLES};
use std::arch::x86_64::*;
use std::hint::black_box;

/// Proof that the processor has AVX-512 F, BW, VL and VNNI.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Vnni(());

impl Kernel for Avx512Vnni {
    const NAME: &'static str = "avx512vnni";
    const STEP: usize = 4;
    const ROWS: usize = 12;
    type Activation = u8;
    type Weight = i8;

    fn new() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        has_all.then_some(Self(()))
    }

    fn in_place(input: &[u8]) -> Option<&[u8]> {
        Some(input)
    }

    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { vectorize(f) }
    }

    fn tile(self, tile: &Tile<'_, Self>, output: &mut TileOutput<'_, '_>) {
        tile.check(output);
        let mut row = 0;
        while row < tile.rows {
            // SAFETY: `self` proves the features; `check` has seen that all rows are inside the
            // slices, and each call covers rows `row..row + R` with `row + R <= rows`.
            row += unsafe {
                match (tile.rows - row, tile.panel_count()) {
                    (12.., 1) => rows::<12, 1>(tile, output, row),
                    (12.., _) => rows::<12, 2>(tile, output, row),
                    (8.., 1) => rows::<8, 1>(tile, output, row),
                    (8.., _) => rows::<8, 2>(tile, output, row),
                    (4.., 1) => rows::<4, 1>(tile, output, row),
                    (4.., _) => rows::<4, 2>(tile, output, row),
                    (_, 1) => rows::<1, 1>(tile, output, row),
                    (_, _) => rows::<1, 2>(tile, output, row),
                }
            };
        }
    }

    fn peak(self, rounds: u64) -> (u64, i32) {
        // SAFETY: `self` proves that the processor has the features.
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
        // SAFETY: `self` proves that the processor has the features.
        unsafe { sample(stream, first, mu, sigma, multipliers, each) }
    }
}

/// # Safety
/// The processor must have the features named.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Multiplies rows `row..row + R` by `P` panels. Returns `R`.
///
/// # Safety
/// The processor must have the features named; `Tile::check` must have passed for at least
/// `row + R` rows and exactly `P` panels.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn rows<const R: usize, const P: usize>(
    tile: &Tile<'_, Avx512Vnni>,
    output: &mut TileOutput<'_, '_>,
    row: usize,
) -> usize {
    let panel_bytes = tile.steps * PANEL * Avx512Vnni::STEP;
    let mut sums = [[_mm512_setzero_si512(); P]; R];
    // SAFETY: row `row + R - 1` and panel `P - 1` hold `steps` steps each, by `check`.
    unsafe {
        let activations = tile.activations.as_ptr().add(row * tile.stride);
        let panels = tile.panels.as_ptr();
        for step in 0..tile.steps {
            let mut weights = [_mm512_setzero_si512(); P];
            for (p, weights) in weights.iter_mut().enumerate() {
                let at = panels.add(p * panel_bytes + step * PANEL * Avx512Vnni::STEP);
                *weights = _mm512_loadu_si512(at.cast());
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let at = activations.add(r * tile.stride + step * Avx512Vnni::STEP);
                let four = _mm512_set1_epi32(at.cast::<i32>().read_unaligned());
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = _mm512_dpbusd_epi32(*sum, four, weights);
                }
            }
        }
    }

    for p in 0..P {
        let channels = output.channels.saturating_sub(p * PANEL).min(PANEL);
        let mask = ((1u32 << channels) - 1) as __mmask16;
        // SAFETY: `check` has seen 16 offsets and multipliers for each of the `P` panels.
        let (offsets, multipliers) = unsafe {
            let offsets = _mm512_loadu_si512(tile.offsets.as_ptr().add(p * PANEL).cast());
            (offsets, _mm512_loadu_ps(tile.multipliers.as_ptr().add(p * PANEL)))
        };
        for (r, sums) in sums.iter().enumerate() {
            let at = output.first + (row + r) * output.stride + p * PANEL;
            let sum = _mm512_add_epi32(sums[p], offsets);
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), multipliers);
            match &mut *output.output {
                Output::Codes(codes, target) => {
                    let lower = _mm512_set1_ps(target.lower);
                    let upper = _mm512_set1_ps(target.upper);
                    let bounded = _mm512_min_ps(_mm512_max_ps(scaled, lower), upper);
                    // The default rounding mode is half to even.
                    let rounded = _mm512_cvtps_epi32(bounded);
                    let code = _mm512_add_epi32(rounded, _mm512_set1_epi32(target.zero_point));
                    // SAFETY: the mask keeps to the `channels` codes that `check` has seen. The
                    // pointer may lie outside when the mask is empty, so it is made by wrapping.
                    unsafe {
                        let to = codes.as_mut_ptr().wrapping_add(at).cast();
                        _mm512_mask_cvtepi32_storeu_epi8(to, mask, code);
                    }
                }
                Output::Logits(logits) => {
                    // SAFETY: as above.
                    unsafe {
                        let to = logits.as_mut_ptr().wrapping_add(at);
                        _mm512_mask_storeu_ps(to, mask, scaled);
                    }
                }
            }
        }
    }
    R
}

/// # Safety
/// The processor must have the features named.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn peak(rounds: u64) -> (u64, i32) {
    const ACCUMULATORS: usize = 24;
    let mut sums = [_mm512_setzero_si512(); ACCUMULATORS];
    // Not known to the compiler, so that it cannot compute the sums beforehand.
    let (x, w) = (_mm512_set1_epi32(black_box(0x0101_0101)), _mm512_set1_epi32(black_box(1)));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, x, w);
        }
    }
    let total = sums.into_iter().fold(_mm512_setzero_si512(), |a, b| _mm512_add_epi32(a, b));
    (rounds * ACCUMULATORS as u64 * 64, _mm512_reduce_add_epi32(total))
}

/// # Safety
/// The processor must have the features named.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn sample(
    stream: ChaCha8,
    first: u64,
    mu: &[[i8; CHUNK]],
    sigma: &[[u8; CHUNK]],
    multipliers: Multipliers<'_>,
    mut each: impl FnMut(usize, &[i8; CHUNK]),
) {
    let tables = NOISE_TABLES.map(|table| {
        // SAFETY: a table has 16 bytes.
        _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
    });
    let low_nibbles = _mm512_set1_epi8(15);
    let mut group = [[0; 16]; 16];
    for (i, (mu, sigma)) in mu.iter().zip(sigma).enumerate() {
        let chunk = first + i as u64;
        let within = (chunk % CHUNKS_PER_GROUP as u64) as usize;
        if i == 0 || within == 0 {
            group = stream.group(chunk / CHUNKS_PER_GROUP as u64);
        }
        // SAFETY: a word of 16 blocks, a chunk of codes: 64 bytes each.
        let (bytes0, bytes1, mu, sigma) = unsafe {
            (
                _mm512_loadu_si512(group[2 * within].as_ptr().cast()),
                _mm512_loadu_si512(group[2 * within + 1].as_ptr().cast()),
                _mm512_loadu_si512(mu.as_ptr().cast()),
                _mm512_loadu_si512(sigma.as_ptr().cast()),
            )
        };
        let low = |bytes| _mm512_and_si512(bytes, low_nibbles);
        let high = |bytes| low(_mm512_srli_epi16(bytes, 4));
        let noise = _mm512_add_epi8(
            _mm512_add_epi8(
                _mm512_shuffle_epi8(tables[0], low(bytes0)),
                _mm512_shuffle_epi8(tables[1], high(bytes0)),
            ),
            _mm512_add_epi8(
                _mm512_shuffle_epi8(tables[2], low(bytes1)),
                _mm512_shuffle_epi8(tables[3], high(bytes1)),
            ),
        );
        let multipliers = multipliers.chunk(i);
        let half = |h: usize| {
            // SAFETY: 32 multipliers are 64 bytes.
            let multipliers =
                unsafe { _mm512_loadu_si512(multipliers.as_ptr().add(h * 32).cast()) };
            let part = |bytes| {
                if h == 0 {
                    _mm512_castsi512_si256(bytes)
                } else {
                    _mm512_extracti64x4_epi64(bytes, 1)
                }
            };
            let product = _mm512_mullo_epi16(
                _mm512_cvtepi8_epi16(part(noise)),
                _mm512_cvtepu8_epi16(part(sigma)),
            );
            let spread = _mm512_mulhrs_epi16(product, multipliers);
            _mm512_cvtsepi16_epi8(_mm512_adds_epi16(_mm512_cvtepi8_epi16(part(mu)), spread))
        };
        let mut weights = [0; CHUNK];
        // SAFETY: two halves of 32 bytes.
        unsafe {
            _mm256_storeu_si256(weights.as_mut_ptr().cast(), half(0));
            _mm256_storeu_si256(weights.as_mut_ptr().add(32).cast(), half(1));
        }
        each(i, &weights);
    }
}
