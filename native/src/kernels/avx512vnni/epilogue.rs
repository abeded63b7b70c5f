//! Converts sums to outputs: `RNE(clamp(f32(sum) * multiplier)) + zero point`, then a residual
//! addition if there is one.
//!
//! Works on two rows of 32 channels at a time: four vectors of i32 become one of bytes, so
//! everything after the rounding is done on whole vectors. Packing saturates. The order of
//! operations gives the same result as the definition, which has `max(lower)` and `min(upper)` in
//! float:
//! - `min(upper)` must be in float, since a number too large for i32 would be converted to the
//!   smallest i32. So is a number too small for i32, and NaN; for these, the lower bound may come
//!   later.
//! - Rounding is monotone and bounds are integers: `max(RNE(y), lower) = RNE(max(y, lower))`.
//! - i32 to i16 saturates to -32768, and adding the zero point, at most 255, saturates too; i16 to
//!   u8 saturates to 0, and the lower bound is a maximum of bytes.

use crate::kernels::{BlockOutput, PANEL};
use bayes8_core::numerics::Target;
use bayes8_core::ops;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::arch::x86_64::*;
use std::array::from_fn;
use std::marker::PhantomData;
use std::ops::Range;

/// Channels of two panels.
const CHANNELS: usize = 2 * PANEL;

/// The epilogue of a block, in registers or close to them.
pub(in crate::kernels) struct Epilogue<'a, 'o> {
    /// 16 multipliers per panel.
    multipliers: &'a [f32],
    form: Form<'o>,
}

#[expect(clippy::large_enum_variant, reason = "one per block, on the stack")]
enum Form<'o> {
    Codes(Packing, CodeRows<'o>),
    Sums(Addition, Packing, CodeRows<'o>, CodeRows<'o>),
    Logits(ArrayViewMut2<'o, f32>),
}

impl<'a, 'o> Epilogue<'a, 'o> {
    /// Creates an epilogue that writes to `output`. There are 16 multipliers per panel, at least
    /// one per channel of the output.
    ///
    /// # Safety
    /// The processor must have the features named.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub(in crate::kernels) unsafe fn new(multipliers: &'a [f32], output: BlockOutput<'o>) -> Self {
        assert!(output.dimensions().1 <= multipliers.len());
        let form = match output {
            BlockOutput::Codes(codes, target) => {
                Form::Codes(Packing::new(&target), CodeRows::of_output(codes))
            }
            BlockOutput::Sums(codes, target, add, other) => Form::Sums(
                Addition::new(&target, &add),
                Packing::new(&add.target),
                CodeRows::of_output(codes),
                CodeRows::of_input(other),
            ),
            BlockOutput::Logits(logits) => Form::Logits(logits),
        };
        Self { multipliers, form }
    }

    /// Writes `rows` of `P` panels, the first of which is `panel`. `sums` returns the sums of a
    /// row, including the offsets.
    ///
    /// # Safety
    /// The processor must have the features named. `Block::check` must have passed for the output and
    /// the multipliers, `rows` and `P` panels from `panel` on. If `P` is 1, that panel must be the last.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub(in crate::kernels) unsafe fn write<const P: usize>(
        &mut self,
        rows: Range<usize>,
        panel: usize,
        sums: impl Fn(usize) -> [__m512i; P],
    ) {
        const { assert!(P == 1 || P == 2) };
        let channel = panel * PANEL;
        debug_assert!(self.multipliers.len() >= channel + P * PANEL);
        // SAFETY: by the contract.
        let multipliers =
            unsafe { ChannelMultipliers::<P>::new(self.multipliers.as_ptr().add(channel)) };
        // The last of an odd number of rows is its own second.
        let pairs_end = rows.end - (rows.end - rows.start) % 2;
        let mut row = rows.start;
        match &mut self.form {
            Form::Codes(packing, to) => {
                // Copies, which byte stores cannot alias, stay in registers.
                let (packing, to) = (*packing, to.from(channel));
                // SAFETY: the output has the rows, their channels side by side.
                unsafe {
                    while row < pairs_end {
                        let codes = packing.codes(
                            packing.whole(multipliers.scale(sums(row))),
                            packing.whole(multipliers.scale(sums(row + 1))),
                        );
                        to.store_pair(row, row + 1, codes);
                        row += 2;
                    }
                    if row < rows.end {
                        let last = packing.whole(multipliers.scale(sums(row)));
                        to.store_pair(row, row, packing.codes(last, last));
                    }
                }
            }
            Form::Sums(addition, packing, to, from) => {
                let (addition, packing) = (*addition, *packing);
                let (to, from) = (to.from(channel), from.from(channel));
                // SAFETY: the output has the rows, their channels side by side, and the other value is
                // of the same shape and order.
                unsafe {
                    while row < pairs_end {
                        let others = [from.load(row), from.load(row + 1)];
                        let first = addition.sums(multipliers.scale(sums(row)), others[0]);
                        let second = addition.sums(multipliers.scale(sums(row + 1)), others[1]);
                        let codes = packing.codes(packing.whole(first), packing.whole(second));
                        to.store_pair(row, row + 1, codes);
                        row += 2;
                    }
                    if row < rows.end {
                        let sums = addition.sums(multipliers.scale(sums(row)), from.load(row));
                        let last = packing.whole(sums);
                        to.store_pair(row, row, packing.codes(last, last));
                    }
                }
            }
            Form::Logits(logits) => {
                let (channels, stride) = (logits.ncols(), logits.strides()[0] as usize);
                let to = logits.as_mut_ptr();
                for row in rows {
                    let scaled = multipliers.scale(sums(row));
                    for (p, &scaled) in scaled.iter().enumerate() {
                        let first = channel + p * PANEL;
                        let lanes = channels.saturating_sub(first).min(PANEL);
                        // SAFETY: the mask keeps to the channels of the row, which lie side by side.
                        // The pointer may lie outside when the mask is empty, so it is made by
                        // wrapping.
                        unsafe {
                            let at = to.wrapping_add(row * stride + first);
                            _mm512_mask_storeu_ps(at, ((1u32 << lanes) - 1) as __mmask16, scaled);
                        }
                    }
                }
            }
        }
    }
}

/// The multipliers of the channels of `P` panels.
#[derive(Clone, Copy)]
struct ChannelMultipliers<const P: usize>([__m512; P]);

impl<const P: usize> ChannelMultipliers<P> {
    /// # Safety
    /// There must be 16 for each of the `P` panels.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new(first: *const f32) -> Self {
        // SAFETY: by the contract.
        Self(from_fn(|p| unsafe { _mm512_loadu_ps(first.add(p * PANEL)) }))
    }

    /// Converts sums to output steps.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn scale(&self, sums: [__m512i; P]) -> [__m512; P] {
        from_fn(|p| _mm512_mul_ps(_mm512_cvtepi32_ps(sums[p]), self.0[p]))
    }
}

/// Rows of codes in memory.
#[derive(Clone, Copy)]
struct CodeRows<'a> {
    first: *mut u8,
    stride: usize,
    channels: usize,
    lives: PhantomData<&'a [u8]>,
}

impl<'a> CodeRows<'a> {
    fn of_output(mut codes: ArrayViewMut2<'a, u8>) -> Self {
        let (channels, stride) = (codes.ncols(), codes.strides()[0] as usize);
        Self { first: codes.as_mut_ptr(), stride, channels, lives: PhantomData }
    }

    /// Creates rows that are only loaded from.
    fn of_input(codes: ArrayView2<'a, u8>) -> Self {
        let (channels, stride) = (codes.ncols(), codes.strides()[0] as usize);
        Self { first: codes.as_ptr().cast_mut(), stride, channels, lives: PhantomData }
    }

    /// Returns the rows from `channel` on, which must exist.
    #[inline(always)]
    fn from(&self, channel: usize) -> Self {
        let first = self.first.wrapping_add(channel);
        Self { first, channels: self.channels - channel, ..*self }
    }

    /// Loads up to 32 codes of a row, and nothing beyond them, in two registers of 16; missing
    /// channels are zero.
    ///
    /// # Safety
    /// The processor must have the features named, and the row must exist in memory, with its
    /// channels side by side.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn load(&self, row: usize) -> [__m128i; 2] {
        // SAFETY: touches 32 codes, or fewer if the row has fewer.
        unsafe {
            let from = self.first.add(row * self.stride);
            if self.channels >= CHANNELS {
                return [_mm_loadu_si128(from.cast()), _mm_loadu_si128(from.add(PANEL).cast())];
            }
            let both = _mm256_maskz_loadu_epi8(mask(self.channels), from.cast());
            [_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1)]
        }
    }

    /// Stores the codes of two rows, at most 32 each, which `codes` holds one after the other.
    ///
    /// # Safety
    /// The processor must have the features named, and both rows must exist in memory, with their
    /// channels side by side.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn store_pair(&self, row: usize, second: usize, codes: __m512i) {
        let halves = [_mm512_castsi512_si256(codes), _mm512_extracti64x4_epi64(codes, 1)];
        // SAFETY: touches 32 codes, or fewer if the row has fewer.
        unsafe {
            // Not `map`, which is compiled without the vector unit if it is not inlined.
            let to = [self.first.add(row * self.stride), self.first.add(second * self.stride)];
            if self.channels >= CHANNELS {
                _mm256_storeu_si256(to[0].cast(), halves[0]);
                _mm256_storeu_si256(to[1].cast(), halves[1]);
            } else {
                _mm256_mask_storeu_epi8(to[0].cast(), mask(self.channels), halves[0]);
                _mm256_mask_storeu_epi8(to[1].cast(), mask(self.channels), halves[1]);
            }
        }
    }
}

/// Returns a mask of the first `channels` of 32 lanes.
#[inline(always)]
fn mask(channels: usize) -> __mmask32 {
    ((1u64 << channels) - 1) as __mmask32
}

/// A [`Target`] in registers.
#[derive(Clone, Copy)]
struct Packing {
    upper: __m512,
    /// As i16.
    zero_point: __m512i,
    /// As bytes.
    least_code: __m512i,
    /// Order of the groups of four bytes.
    order: __m512i,
}

impl Packing {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn new(target: &Target) -> Self {
        Self {
            upper: _mm512_set1_ps(target.upper),
            zero_point: _mm512_set1_epi16(target.zero_point as i16),
            least_code: _mm512_set1_epi8((target.lower as i32 + target.zero_point) as i8),
            order: _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
        }
    }

    /// Returns `code - zero point` for one row, bounded above and saturated to i16. A missing
    /// second panel is zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn whole<const P: usize>(&self, values: [__m512; P]) -> __m512i {
        // `min` passes NaN if it is the second operand. The default rounding is half to even.
        let round = |value: __m512| _mm512_cvtps_epi32(_mm512_min_ps(self.upper, value));
        let second = values.get(1).map_or(_mm512_setzero_si512(), |&value| round(value));
        _mm512_packs_epi32(round(values[0]), second)
    }

    /// Returns the codes of two rows, one after the other.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn codes(&self, first: __m512i, second: __m512i) -> __m512i {
        let first = _mm512_adds_epi16(first, self.zero_point);
        let second = _mm512_adds_epi16(second, self.zero_point);
        let bytes = _mm512_max_epu8(_mm512_packus_epi16(first, second), self.least_code);
        // Packing works in 128-bit lanes: lane `l` has channels 4 l to 4 l + 3 of the first row's
        // panels, then of the second row's.
        _mm512_permutexvar_epi32(self.order, bytes)
    }
}

/// An [`ops::Addition`] in registers.
#[derive(Clone, Copy)]
struct Addition {
    lower: __m512,
    upper: __m512,
    multipliers: [__m512; 2],
    other_zero_point: __m512i,
}

impl Addition {
    /// Prepares the addition `add`, whose first input is rounded to `own`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn new(own: &Target, add: &ops::Addition) -> Self {
        let [first, second] = &add.inputs;
        // The first input is on the grid of `own`: code - zero point is the rounded value itself.
        assert_eq!(i32::from(first.zero_point), own.zero_point);
        Self {
            lower: _mm512_set1_ps(own.lower),
            upper: _mm512_set1_ps(own.upper),
            multipliers: [first, second].map(|input| _mm512_set1_ps(input.multiplier)),
            other_zero_point: _mm512_set1_epi32(i32::from(second.zero_point)),
        }
    }

    /// Computes the sums of a row, in output steps, from values in steps of the first input and
    /// codes of the second.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    fn sums<const P: usize>(&self, values: [__m512; P], other: [__m128i; 2]) -> [__m512; P] {
        from_fn(|p| {
            let bounded = _mm512_min_ps(_mm512_max_ps(values[p], self.lower), self.upper);
            let own = _mm512_cvtepi32_ps(_mm512_cvtps_epi32(bounded));
            let other = _mm512_sub_epi32(_mm512_cvtepu8_epi32(other[p]), self.other_zero_point);
            // Two products and one addition: no FMA.
            _mm512_add_ps(
                _mm512_mul_ps(own, self.multipliers[0]),
                _mm512_mul_ps(_mm512_cvtepi32_ps(other), self.multipliers[1]),
            )
        })
    }
}
