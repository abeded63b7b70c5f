//! AVX2's part of the shared kernels: sixteen lanes are two registers of eight.

use crate::isa::Isa;
use bayes8_core::simd::{Lanes, Line};
use std::arch::x86_64::*;
use std::ptr;

/// Evaluates an expression of AVX2 instructions on registers.
macro_rules! avx2 {
    ($expression:expr) => {{
        // SAFETY: the methods that use this take a value of their type, which is proof that the
        // processor has AVX2.
        unsafe { $expression }
    }};
}
pub(super) use avx2;

/// Proof that the processor has AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Returns the proof, or `None` if the processor lacks AVX2.
    pub(super) fn detect() -> Option<Self> {
        let has_it = !Isa::Avx2.is_hidden() && is_x86_feature_detected!("avx2");
        has_it.then_some(Self(()))
    }
}

impl Lanes<2> for Avx2 {
    type Int = __m256i;
    type Float = __m256;

    #[inline(always)]
    fn prefetch<T>(self, line: *const T) {
        // SAFETY: SSE, which every x86-64 processor has. A prefetch ignores addresses that are not
        // mapped.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
    }

    #[inline(always)]
    fn load<T: Line>(self, from: &T) -> [__m256i; 2] {
        const { assert!(size_of::<T>() == 64) };
        // SAFETY: 64 bytes of integers, at any address.
        unsafe { ptr::from_ref(from).cast::<[__m256i; 2]>().read_unaligned() }
    }

    #[inline(always)]
    fn store<T: Line>(self, to: &mut T, lanes: [__m256i; 2]) {
        const { assert!(size_of::<T>() == 64) };
        // SAFETY: 64 bytes of integers, at any address, for which any bits are values.
        unsafe { ptr::from_mut(to).cast::<[__m256i; 2]>().write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_register<T: Line>(self, from: &T, p: usize) -> __m256i {
        const { assert!(size_of::<T>() == 64) };
        assert!(p < 2);
        // SAFETY: one of two halves of 64 bytes of integers, at any address.
        unsafe { ptr::from_ref(from).cast::<__m256i>().add(p).read_unaligned() }
    }

    #[inline(always)]
    fn store_register<T: Line>(self, to: &mut T, p: usize, lanes: __m256i) {
        const { assert!(size_of::<T>() == 64) };
        assert!(p < 2);
        // SAFETY: one of two halves of 64 bytes of integers, at any address, for which any bits are
        // values.
        unsafe { ptr::from_mut(to).cast::<__m256i>().add(p).write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_floats(self, from: &[f32; 16]) -> [__m256; 2] {
        // SAFETY: 64 bytes of floats, at any address.
        unsafe { ptr::from_ref(from).cast::<[__m256; 2]>().read_unaligned() }
    }

    #[inline(always)]
    fn store_floats(self, to: &mut [f32; 16], lanes: [__m256; 2]) {
        // SAFETY: 64 bytes of floats, at any address.
        unsafe { ptr::from_mut(to).cast::<[__m256; 2]>().write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_codes(self, from: &[u8; 16]) -> [__m256i; 2] {
        // SAFETY: 16 bytes, at any address; `self` proves AVX2.
        unsafe {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            [_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(bytes))]
        }
    }

    #[inline(always)]
    fn store_codes(
        self,
        to: &mut [u8; 16],
        [a, b]: [__m256i; 2],
        zero_point: __m256i,
        least: __m256i,
    ) {
        // SAFETY: 16 bytes, at any address; `self` proves AVX2.
        unsafe {
            // Packs lanes 0..4 of both registers, then lanes 4..8.
            let words = _mm256_adds_epi16(_mm256_packs_epi32(a, b), zero_point);
            let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            let bytes = _mm_packus_epi16(low, high);
            let bytes = _mm_max_epu8(bytes, _mm256_castsi256_si128(least));
            let ordered = _mm_shuffle_epi32::<0b11_01_10_00>(bytes);
            _mm_storeu_si128(to.as_mut_ptr().cast(), ordered);
        }
    }

    #[inline(always)]
    fn splat(self, x: i32) -> __m256i {
        avx2!(_mm256_set1_epi32(x))
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_add_epi32(a, b))
    }

    #[inline(always)]
    fn subtract(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_sub_epi32(a, b))
    }

    #[inline(always)]
    fn quarter(self, a: __m256i) -> __m256i {
        avx2!(_mm256_srai_epi32::<2>(a))
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_xor_si256(a, b))
    }

    #[inline(always)]
    fn rotate<const BITS: i32>(self, a: __m256i) -> __m256i {
        // Rotations by whole bytes take one shuffle, others three instructions.
        avx2!(match BITS {
            16 => {
                let order = _mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
                _mm256_shuffle_epi8(a, _mm256_broadcastsi128_si256(order))
            }
            8 => {
                let order = _mm_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
                _mm256_shuffle_epi8(a, _mm256_broadcastsi128_si256(order))
            }
            12 => _mm256_or_si256(_mm256_slli_epi32::<12>(a), _mm256_srli_epi32::<20>(a)),
            7 => _mm256_or_si256(_mm256_slli_epi32::<7>(a), _mm256_srli_epi32::<25>(a)),
            _ => unreachable!("ChaCha rotates by 7, 8, 12 and 16"),
        })
    }

    #[inline(always)]
    fn splat_float(self, x: f32) -> __m256 {
        avx2!(_mm256_set1_ps(x))
    }

    #[inline(always)]
    fn to_float(self, a: __m256i) -> __m256 {
        avx2!(_mm256_cvtepi32_ps(a))
    }

    #[inline(always)]
    fn multiply(self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn add_floats(self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_add_ps(a, b))
    }

    #[inline(always)]
    fn round(self, a: __m256, lower: __m256, upper: __m256) -> __m256i {
        // The default rounding mode is half to even.
        avx2!(_mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(a, lower), upper)))
    }

    #[inline(always)]
    fn round_above(self, a: __m256, _: __m256, upper: __m256) -> __m256i {
        // Without the upper bound, a number too large for i32 would become the smallest i32, as one
        // too small does.
        avx2!(_mm256_cvtps_epi32(_mm256_min_ps(a, upper)))
    }

    #[inline(always)]
    fn table(self, table: &[i8; 16]) -> __m256i {
        // SAFETY: 16 bytes, at any address; `self` proves AVX2.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) }
    }

    #[inline(always)]
    fn look_up(self, tables: [__m256i; 2], bytes: __m256i) -> __m256i {
        avx2!({
            let fours = _mm256_set1_epi8(15);
            let low = _mm256_and_si256(bytes, fours);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), fours);
            let low = _mm256_shuffle_epi8(tables[0], low);
            _mm256_add_epi8(low, _mm256_shuffle_epi8(tables[1], high))
        })
    }

    #[inline(always)]
    fn add_bytes(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_add_epi8(a, b))
    }

    /// Returns the multipliers at even and at odd places.
    #[inline(always)]
    fn multipliers(self, low: __m256i, high: __m256i) -> [__m256i; 2] {
        avx2!({
            // Even and odd words, widened to dwords. Multipliers are not negative, so the unsigned
            // packing does not saturate. It works in lanes of 128 bits.
            let words = _mm256_set1_epi32(0xffff);
            let even =
                _mm256_packus_epi32(_mm256_and_si256(low, words), _mm256_and_si256(high, words));
            let odd =
                _mm256_packus_epi32(_mm256_srli_epi32::<16>(low), _mm256_srli_epi32::<16>(high));
            [
                _mm256_permute4x64_epi64::<0b11_01_10_00>(even),
                _mm256_permute4x64_epi64::<0b11_01_10_00>(odd),
            ]
        })
    }

    /// Weights at even and at odd places are separate, so that products of bytes come out as words
    /// without widening.
    #[inline(always)]
    fn weights(
        self,
        mu: __m256i,
        sigma: __m256i,
        multipliers: [__m256i; 2],
        noise: __m256i,
    ) -> __m256i {
        avx2!({
            let even_bytes = _mm256_set1_epi16(0x00ff);
            // One of each pair of products is zero, and the other fits i16: nothing saturates.
            let even = _mm256_maddubs_epi16(_mm256_and_si256(sigma, even_bytes), noise);
            let odd = _mm256_maddubs_epi16(_mm256_andnot_si256(even_bytes, sigma), noise);
            let even_mu = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(mu));
            let odd_mu = _mm256_srai_epi16::<8>(mu);
            let even = _mm256_adds_epi16(even_mu, _mm256_mulhrs_epi16(even, multipliers[0]));
            let odd = _mm256_adds_epi16(odd_mu, _mm256_mulhrs_epi16(odd, multipliers[1]));
            // Each lane of 16 bytes has its even weights, then its odd ones: interleave them.
            let order = _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
            let order = _mm256_broadcastsi128_si256(order);
            _mm256_shuffle_epi8(_mm256_packs_epi16(even, odd), order)
        })
    }

    #[inline(always)]
    fn transpose(self, rows: [__m256i; 16]) -> [__m256i; 16] {
        let mut columns = rows;
        for (i, rows) in rows.as_chunks::<8>().0.iter().enumerate() {
            for (c, lanes) in avx2!(transpose(*rows)).into_iter().enumerate() {
                columns[2 * c + i] = lanes;
            }
        }
        columns
    }
}

/// Exchanges rows and columns of an 8 x 8 matrix of i32.
///
/// # Safety
/// The processor must have AVX2.
#[inline(always)]
unsafe fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    // SAFETY: the processor has AVX2, by the contract.
    unsafe {
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
            columns[c] = _mm256_permute2x128_si256::<0x20>(quads[c], quads[c + 4]);
            columns[c + 4] = _mm256_permute2x128_si256::<0x31>(quads[c], quads[c + 4]);
        }
        columns
    }
}
