//! From accumulators to outputs, 16 channels at a time:
//! `RNE(clamp(f32(sum + offset) * multiplier)) + zero point`, then a residual addition if there is
//! one.

use crate::kernels::{BlockOutput, PANEL};
use bayes8_core::backend::{Add, Rescale};
use bayes8_core::numerics::Target;
use std::arch::x86_64::*;

/// Writes the sums of `R` rows and `P` panels to rows `first..first + R` of `output`.
///
/// # Safety
/// The processor must have the features named; `offsets` and `multipliers` must hold `16 P`
/// entries, and `output` at least `first + R` rows of at most `16 P` channels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) unsafe fn write<const R: usize, const P: usize>(
    sums: &[[__m512i; P]; R],
    offsets: &[i32],
    multipliers: &[f32],
    first: usize,
    output: &mut BlockOutput<'_>,
) {
    let (_, channels) = output.dimensions();
    for p in 0..P {
        let lanes = channels.saturating_sub(p * PANEL).min(PANEL);
        let mask = ((1u32 << lanes) - 1) as __mmask16;
        // SAFETY: there are 16 offsets and multipliers for each of the `P` panels.
        let (offsets, multipliers) = unsafe {
            let offsets = _mm512_loadu_si512(offsets.as_ptr().add(p * PANEL).cast());
            (offsets, _mm512_loadu_ps(multipliers.as_ptr().add(p * PANEL)))
        };
        let scaled = sums.iter().map(|sums| {
            _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(sums[p], offsets)), multipliers)
        });
        match output {
            BlockOutput::Codes(codes, target) => {
                let (target, stride) = (Rounding::new(target), codes.strides()[0] as usize);
                let to = codes.as_mut_ptr();
                for (r, y) in scaled.enumerate() {
                    let code = _mm512_cvtepi32_epi8(target.round(y));
                    // SAFETY: the mask keeps to the channels of row `first + r`. The pointer may
                    // lie outside when the mask is empty, so it is made by wrapping.
                    unsafe {
                        let at = to.wrapping_add((first + r) * stride + p * PANEL);
                        _mm_mask_storeu_epi8(at.cast(), mask, code);
                    }
                }
            }
            BlockOutput::Sums(codes, target, add, other) => {
                let target = Rounding::new(target);
                let addition = Addition::new(add, target);
                let (stride, other_stride) =
                    (codes.strides()[0] as usize, other.strides()[0] as usize);
                let (to, from) = (codes.as_mut_ptr(), other.as_ptr());
                for (r, y) in scaled.enumerate() {
                    // SAFETY: as above; `other` has the shape of the output.
                    unsafe {
                        let at = from.wrapping_add((first + r) * other_stride + p * PANEL);
                        let other = _mm_maskz_loadu_epi8(mask, at.cast());
                        let sum = addition.apply(target.whole(y), _mm512_cvtepu8_epi32(other));
                        let at = to.wrapping_add((first + r) * stride + p * PANEL);
                        _mm_mask_storeu_epi8(at.cast(), mask, _mm512_cvtepi32_epi8(sum));
                    }
                }
            }
            BlockOutput::Logits(logits) => {
                let (to, stride) = (logits.as_mut_ptr(), logits.strides()[0] as usize);
                for (r, y) in scaled.enumerate() {
                    // SAFETY: as above.
                    unsafe {
                        let at = to.wrapping_add((first + r) * stride + p * PANEL);
                        _mm512_mask_storeu_ps(at, mask, y);
                    }
                }
            }
        }
    }
}

/// A [`Target`] in registers.
#[derive(Clone, Copy)]
struct Rounding {
    lower: __m512,
    upper: __m512,
    zero_point: __m512i,
}

impl Rounding {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn new(target: &Target) -> Self {
        Self {
            lower: _mm512_set1_ps(target.lower),
            upper: _mm512_set1_ps(target.upper),
            zero_point: _mm512_set1_epi32(target.zero_point),
        }
    }

    /// The code less its zero point.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn whole(&self, y: __m512) -> __m512i {
        let bounded = _mm512_min_ps(_mm512_max_ps(y, self.lower), self.upper);
        // The default rounding mode is half to even.
        _mm512_cvtps_epi32(bounded)
    }

    /// The code.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn round(&self, y: __m512) -> __m512i {
        _mm512_add_epi32(self.whole(y), self.zero_point)
    }
}

/// An [`Add`] in registers.
struct Addition {
    /// Zero point of the first input's codes less the one that its grid has in the addition.
    shift: __m512i,
    multipliers: [__m512; 2],
    other_zero_point: __m512i,
    target: Rounding,
}

impl Addition {
    /// The addition `add` of codes that were rounded to `own`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn new(add: &Add, own: Rounding) -> Self {
        let [first, second] = &add.inputs;
        let zero_point = |input: &Rescale| _mm512_set1_epi32(i32::from(input.zero_point));
        Self {
            shift: _mm512_sub_epi32(own.zero_point, zero_point(first)),
            multipliers: [first, second].map(|input| _mm512_set1_ps(input.multiplier)),
            other_zero_point: zero_point(second),
            target: Rounding::new(&add.target),
        }
    }

    /// The sum's code, from the first code less its zero point and the second code.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn apply(&self, own: __m512i, other: __m512i) -> __m512i {
        let own = _mm512_cvtepi32_ps(_mm512_add_epi32(own, self.shift));
        let other = _mm512_cvtepi32_ps(_mm512_sub_epi32(other, self.other_zero_point));
        // Two products and one addition: no FMA.
        self.target.round(_mm512_add_ps(
            _mm512_mul_ps(own, self.multipliers[0]),
            _mm512_mul_ps(other, self.multipliers[1]),
        ))
    }
}
