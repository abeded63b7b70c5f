//! Converts accumulators to outputs, 16 channels at a time:
//! `RNE(clamp(f32(sum + offset) * multiplier)) + zero point`, then a residual addition if there is
//! one.

use crate::kernels::{BlockOutput, PANEL};
use bayes8_core::numerics::Target;
use bayes8_core::ops::{self, Rescale};
use std::arch::x86_64::*;

/// Lanes of a register of i32.
const LANES: usize = 8;

/// One register per half of a panel.
type Halves<T> = [T; 2];

/// Writes the sums of `R` rows of panel `panel` to rows `first..first + R` of `output`.
///
/// # Safety
/// The processor must have AVX2; `offsets` and `multipliers` must hold `16 (panel + 1)` entries,
/// and `output` at least `first + R` rows.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::kernels) unsafe fn write<const R: usize>(
    sums: &[Halves<__m256i>; R],
    offsets: &[i32],
    multipliers: &[f32],
    first: usize,
    panel: usize,
    output: &mut BlockOutput<'_>,
) {
    let (_, channels) = output.dimensions();
    let at = panel * PANEL;
    let lanes = channels.saturating_sub(at).min(PANEL);
    // SAFETY: there are 16 offsets and multipliers for the panel.
    let (offsets, multipliers) = unsafe {
        let offsets: *const __m256i = offsets.as_ptr().add(at).cast();
        let multipliers = multipliers.as_ptr().add(at);
        (
            [_mm256_loadu_si256(offsets), _mm256_loadu_si256(offsets.add(1))],
            [_mm256_loadu_ps(multipliers), _mm256_loadu_ps(multipliers.add(LANES))],
        )
    };
    let scaled = |sums: &Halves<__m256i>| {
        [0, 1].map(|h| {
            let sum = _mm256_add_epi32(sums[h], offsets[h]);
            _mm256_mul_ps(_mm256_cvtepi32_ps(sum), multipliers[h])
        })
    };
    match output {
        BlockOutput::Codes(codes, target) => {
            let target = Rounding::new(target);
            for (r, sums) in sums.iter().enumerate() {
                let mut row = codes.row_mut(first + r);
                let to = &mut row.as_slice_mut().expect(SIDE_BY_SIDE)[at..at + lanes];
                store(to, target.round(scaled(sums)));
            }
        }
        BlockOutput::Sums(codes, target, add, other) => {
            let (target, addition) = (Rounding::new(target), Addition::new(add));
            for (r, sums) in sums.iter().enumerate() {
                let others = other.row(first + r);
                let others = &others.as_slice().expect(SIDE_BY_SIDE)[at..at + lanes];
                let sum = addition.apply(target.round(scaled(sums)), load(others));
                let mut row = codes.row_mut(first + r);
                store(&mut row.as_slice_mut().expect(SIDE_BY_SIDE)[at..at + lanes], sum);
            }
        }
        BlockOutput::Logits(logits) => {
            for (r, sums) in sums.iter().enumerate() {
                let mut all = [0f32; PANEL];
                for (to, half) in all.chunks_exact_mut(LANES).zip(scaled(sums)) {
                    // SAFETY: 8 floats are 32 bytes.
                    unsafe { _mm256_storeu_ps(to.as_mut_ptr(), half) };
                }
                let mut row = logits.row_mut(first + r);
                let to = &mut row.as_slice_mut().expect(SIDE_BY_SIDE)[at..at + lanes];
                to.copy_from_slice(&all[..lanes]);
            }
        }
    }
}

const SIDE_BY_SIDE: &str = "the channels of a row lie side by side";

/// Returns the sum of all lanes.
#[target_feature(enable = "avx2")]
pub(in crate::kernels) fn total(sums: &[__m256i]) -> i32 {
    let total = sums.iter().fold(_mm256_setzero_si256(), |a, &b| _mm256_add_epi32(a, b));
    let mut lanes = [0i32; LANES];
    // SAFETY: `lanes` has 32 bytes.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), total) };
    lanes.iter().fold(0, |a, &b| a.wrapping_add(b))
}

/// Stores up to 16 codes.
#[inline]
#[target_feature(enable = "avx2")]
fn store(to: &mut [u8], codes: Halves<__m256i>) {
    // Codes fit u8, so neither step saturates.
    let words = _mm256_permute4x64_epi64(_mm256_packus_epi32(codes[0], codes[1]), 0b11_01_10_00);
    let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    if to.len() == PANEL {
        // SAFETY: `to` has 16 bytes.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), bytes) };
    } else {
        let mut all = [0u8; PANEL];
        // SAFETY: `all` has 16 bytes.
        unsafe { _mm_storeu_si128(all.as_mut_ptr().cast(), bytes) };
        to.copy_from_slice(&all[..to.len()]);
    }
}

/// Loads up to 16 codes, followed by zeros.
#[inline]
#[target_feature(enable = "avx2")]
fn load(codes: &[u8]) -> Halves<__m256i> {
    let mut all = [0u8; PANEL];
    all[..codes.len()].copy_from_slice(codes);
    // SAFETY: `all` has 16 bytes.
    let bytes = unsafe { _mm_loadu_si128(all.as_ptr().cast()) };
    [_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, LANES as i32))]
}

/// A [`Target`] in registers.
struct Rounding {
    lower: __m256,
    upper: __m256,
    zero_point: __m256i,
}

impl Rounding {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(target: &Target) -> Self {
        Self {
            lower: _mm256_set1_ps(target.lower),
            upper: _mm256_set1_ps(target.upper),
            zero_point: _mm256_set1_epi32(target.zero_point),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn round(&self, y: Halves<__m256>) -> Halves<__m256i> {
        y.map(|y| {
            let bounded = _mm256_min_ps(_mm256_max_ps(y, self.lower), self.upper);
            // The default rounding mode is half to even.
            _mm256_add_epi32(_mm256_cvtps_epi32(bounded), self.zero_point)
        })
    }
}

/// An [`ops::Addition`] in registers.
struct Addition {
    zero_points: [__m256i; 2],
    multipliers: [__m256; 2],
    target: Rounding,
}

impl Addition {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(add: &ops::Addition) -> Self {
        let zero_point = |input: &Rescale| _mm256_set1_epi32(i32::from(input.zero_point));
        Self {
            zero_points: add.inputs.each_ref().map(zero_point),
            multipliers: add.inputs.each_ref().map(|input| _mm256_set1_ps(input.multiplier)),
            target: Rounding::new(&add.target),
        }
    }

    /// Returns the codes of the sums of two values.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn apply(&self, own: Halves<__m256i>, other: Halves<__m256i>) -> Halves<__m256i> {
        let rescale = |codes, i: usize| {
            let whole = _mm256_cvtepi32_ps(_mm256_sub_epi32(codes, self.zero_points[i]));
            _mm256_mul_ps(whole, self.multipliers[i])
        };
        // Two products and one addition: no FMA.
        self.target.round([0, 1].map(|h| _mm256_add_ps(rescale(own[h], 0), rescale(other[h], 1))))
    }
}
