//! AVX-512's part of the shared kernels: sixteen lanes are one register.

use crate::isa::Isa;
use bayes8_core::simd::{Lanes, Line};
use std::arch::x86_64::*;
use std::ptr;

/// Evaluates an expression of AVX-512 instructions on registers.
macro_rules! avx512 {
    ($expression:expr) => {{
        // SAFETY: the methods that use this take a value of their type, which is proof that the
        // processor has AVX-512 F, BW and VL.
        unsafe { $expression }
    }};
}
pub(super) use avx512;

/// Proof that the processor has AVX-512 F, BW and VL.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// Returns the proof, or `None` if the processor lacks one of them.
    pub(in crate::kernels) fn detect() -> Option<Self> {
        let has_all = !Isa::Avx512Bw.is_hidden()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl");
        has_all.then_some(Self(()))
    }
}

impl Lanes<1> for Avx512 {
    type Int = __m512i;
    type Float = __m512;

    #[inline(always)]
    fn prefetch<T>(self, line: *const T) {
        // SAFETY: SSE, which every x86-64 processor has. A prefetch ignores addresses that are not
        // mapped.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
    }

    #[inline(always)]
    fn load<T: Line>(self, from: &T) -> [__m512i; 1] {
        [self.load_register(from, 0)]
    }

    #[inline(always)]
    fn store<T: Line>(self, to: &mut T, [lanes]: [__m512i; 1]) {
        self.store_register(to, 0, lanes);
    }

    #[inline(always)]
    fn load_register<T: Line>(self, from: &T, p: usize) -> __m512i {
        const { assert!(size_of::<T>() == 64) };
        assert!(p == 0);
        // SAFETY: 64 bytes of integers, at any address.
        unsafe { ptr::from_ref(from).cast::<__m512i>().read_unaligned() }
    }

    #[inline(always)]
    fn store_register<T: Line>(self, to: &mut T, p: usize, lanes: __m512i) {
        const { assert!(size_of::<T>() == 64) };
        assert!(p == 0);
        // SAFETY: 64 bytes of integers, at any address, for which any bits are values.
        unsafe { ptr::from_mut(to).cast::<__m512i>().write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_floats(self, from: &[f32; 16]) -> [__m512; 1] {
        // SAFETY: 64 bytes of floats, at any address.
        unsafe { ptr::from_ref(from).cast::<[__m512; 1]>().read_unaligned() }
    }

    #[inline(always)]
    fn store_floats(self, to: &mut [f32; 16], lanes: [__m512; 1]) {
        // SAFETY: 64 bytes of floats, at any address.
        unsafe { ptr::from_mut(to).cast::<[__m512; 1]>().write_unaligned(lanes) }
    }

    #[inline(always)]
    fn load_codes(self, from: &[u8; 16]) -> [__m512i; 1] {
        // SAFETY: 16 bytes, at any address; `self` proves AVX-512 F.
        unsafe { [_mm512_cvtepu8_epi32(_mm_loadu_si128(from.as_ptr().cast()))] }
    }

    #[inline(always)]
    fn store_codes(
        self,
        to: &mut [u8; 16],
        [lanes]: [__m512i; 1],
        zero_point: __m512i,
        least: __m512i,
    ) {
        // SAFETY: 16 bytes, at any address; `self` proves AVX-512 F, BW and VL.
        unsafe {
            let words = _mm512_cvtsepi32_epi16(lanes);
            let words = _mm256_adds_epi16(words, _mm512_castsi512_si256(zero_point));
            let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            let bytes = _mm_packus_epi16(low, high);
            let bytes = _mm_max_epu8(bytes, _mm512_castsi512_si128(least));
            _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
        }
    }

    #[inline(always)]
    fn splat(self, x: i32) -> __m512i {
        avx512!(_mm512_set1_epi32(x))
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_add_epi32(a, b))
    }

    #[inline(always)]
    fn subtract(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_sub_epi32(a, b))
    }

    #[inline(always)]
    fn quarter(self, a: __m512i) -> __m512i {
        avx512!(_mm512_srai_epi32::<2>(a))
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_xor_si512(a, b))
    }

    #[inline(always)]
    fn rotate<const BITS: i32>(self, a: __m512i) -> __m512i {
        avx512!(_mm512_rol_epi32::<BITS>(a))
    }

    #[inline(always)]
    fn splat_float(self, x: f32) -> __m512 {
        avx512!(_mm512_set1_ps(x))
    }

    #[inline(always)]
    fn to_float(self, a: __m512i) -> __m512 {
        avx512!(_mm512_cvtepi32_ps(a))
    }

    #[inline(always)]
    fn multiply(self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn add_floats(self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn round(self, a: __m512, lower: __m512, upper: __m512) -> __m512i {
        // The default rounding mode is half to even.
        avx512!(_mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(a, lower), upper)))
    }

    #[inline(always)]
    fn round_above(self, a: __m512, _: __m512, upper: __m512) -> __m512i {
        // Without the upper bound, a number too large for i32 would become the smallest i32, as one
        // too small does.
        avx512!(_mm512_cvtps_epi32(_mm512_min_ps(a, upper)))
    }

    #[inline(always)]
    fn table(self, table: &[i8; 16]) -> __m512i {
        // SAFETY: 16 bytes, at any address; `self` proves AVX-512 F.
        unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(table.as_ptr().cast())) }
    }

    #[inline(always)]
    fn look_up(self, tables: [__m512i; 2], bytes: __m512i) -> __m512i {
        avx512!({
            let fours = _mm512_set1_epi8(15);
            let low = _mm512_and_si512(bytes, fours);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), fours);
            let low = _mm512_shuffle_epi8(tables[0], low);
            _mm512_add_epi8(low, _mm512_shuffle_epi8(tables[1], high))
        })
    }

    #[inline(always)]
    fn add_bytes(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_add_epi8(a, b))
    }

    /// Returns the multipliers at even and at odd places.
    #[inline(always)]
    fn multipliers(self, low: __m512i, high: __m512i) -> [__m512i; 2] {
        avx512!({
            let even = _mm512_set_epi16(
                62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32, 30, 28, 26, 24, 22,
                20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0,
            );
            let odd = _mm512_add_epi16(even, _mm512_set1_epi16(1));
            [_mm512_permutex2var_epi16(low, even, high), _mm512_permutex2var_epi16(low, odd, high)]
        })
    }

    /// Weights at even and at odd places are separate, so that products of bytes come out as words
    /// without widening.
    #[inline(always)]
    fn weights(
        self,
        mu: __m512i,
        sigma: __m512i,
        multipliers: [__m512i; 2],
        noise: __m512i,
    ) -> __m512i {
        avx512!({
            let even_bytes = _mm512_set1_epi16(0x00ff);
            // One of each pair of products is zero, and the other fits i16: nothing saturates.
            let even = _mm512_maddubs_epi16(_mm512_and_si512(sigma, even_bytes), noise);
            let odd = _mm512_maddubs_epi16(_mm512_andnot_si512(even_bytes, sigma), noise);
            let even_mu = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(mu));
            let odd_mu = _mm512_srai_epi16::<8>(mu);
            let even = _mm512_adds_epi16(even_mu, _mm512_mulhrs_epi16(even, multipliers[0]));
            let odd = _mm512_adds_epi16(odd_mu, _mm512_mulhrs_epi16(odd, multipliers[1]));
            // Each lane of 16 bytes has its even weights, then its odd ones: interleave them.
            let order = _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
            _mm512_shuffle_epi8(_mm512_packs_epi16(even, odd), _mm512_broadcast_i32x4(order))
        })
    }

    #[inline(always)]
    fn transpose(self, rows: [__m512i; 16]) -> [__m512i; 16] {
        avx512!({
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
                let ab01 = _mm512_shuffle_i32x4::<0x44>(a, b);
                let ab23 = _mm512_shuffle_i32x4::<0xee>(a, b);
                let de01 = _mm512_shuffle_i32x4::<0x44>(d, e);
                let de23 = _mm512_shuffle_i32x4::<0xee>(d, e);
                columns[c] = _mm512_shuffle_i32x4::<0x88>(ab01, de01);
                columns[4 + c] = _mm512_shuffle_i32x4::<0xdd>(ab01, de01);
                columns[8 + c] = _mm512_shuffle_i32x4::<0x88>(ab23, de23);
                columns[12 + c] = _mm512_shuffle_i32x4::<0xdd>(ab23, de23);
            }
            columns
        })
    }
}
