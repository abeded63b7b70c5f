//! AVX-512 without VNNI, as Intel's servers have had it since Skylake: `vpmaddwd` sums two i16 x i16
//! products into each of 16 i32 lanes.
//!
//! Tile: up to 6 rows x 16 channels. Registers: 6 accumulators, 1 of weights, 1 broadcast of two
//! activations, 1 product.
//! Peak: 32 products per instruction; a step of a full tile is 6 `vpmaddwd` and 6 `vpaddd` on 7 loads.

mod lanes;

pub(crate) use lanes::Avx512;

use super::Peak;
use bayes8_core::simd::{Dot, DotPairs, Lanes, Pairs, Task};
use std::arch::{asm, x86_64::*};
use std::hint::black_box;

impl Dot<1> for Avx512 {
    const NAME: &'static str = "avx512bw";
    const ROWS: usize = 6;
    type Lanes = Self;
    type Activation = i16;
    type Weight = i16;
    type Step = [i16; 2];
    type Weights = [i16; 32];

    fn new() -> Option<Self> {
        Self::detect()
    }

    #[inline(always)]
    fn lanes(self) -> Self {
        self
    }

    fn run<T: Task>(self, task: T) -> T::Output {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
        fn compiled<T: Task>(task: T) -> T::Output {
            task.run()
        }
        // SAFETY: `self` proves that the processor has the features.
        unsafe { compiled(task) }
    }

    #[inline(always)]
    fn steps(activations: &[i16]) -> &[[i16; 2]] {
        activations.as_chunks().0
    }

    #[inline(always)]
    fn weight_steps(weights: &[i16]) -> &[[i16; 32]] {
        weights.as_chunks().0
    }

    #[inline(always)]
    fn splat_step(self, [a, b]: [i16; 2]) -> __m512i {
        self.splat(i32::from(a as u16) | i32::from(b) << 16)
    }

    #[inline(always)]
    fn dot(self, sum: __m512i, activations: __m512i, weights: __m512i) -> __m512i {
        lanes::avx512!(_mm512_add_epi32(sum, _mm512_madd_epi16(activations, weights)))
    }
}

impl DotPairs<1> for Avx512 {
    #[inline(always)]
    fn widen_codes(self, from: &[u8]) -> __m512i {
        let from: &[u8; 32] = from.first_chunk().expect(WORDS);
        // SAFETY: 32 bytes, at any address; `self` proves AVX-512 F and BW.
        unsafe { _mm512_cvtepu8_epi16(_mm256_loadu_si256(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn widen_weights(self, from: &[i8]) -> __m512i {
        let from: &[i8; 32] = from.first_chunk().expect(WORDS);
        // SAFETY: 32 bytes, at any address; `self` proves AVX-512 F and BW.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn load_words(self, from: &[i16]) -> __m512i {
        let from: &[i16; 32] = from.first_chunk().expect(WORDS);
        // SAFETY: 64 bytes, at any address; `self` proves AVX-512 F.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_words(self, to: &mut [i16], words: __m512i) {
        let to: &mut [i16; 32] = to.first_chunk_mut().expect(WORDS);
        // SAFETY: 64 bytes, at any address; `self` proves AVX-512 F.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), words) }
    }

    #[inline(always)]
    fn add_words(self, a: __m512i, b: __m512i) -> __m512i {
        lanes::avx512!(_mm512_add_epi16(a, b))
    }

    #[inline(always)]
    fn subtract_words(self, a: __m512i, b: __m512i) -> __m512i {
        lanes::avx512!(_mm512_sub_epi16(a, b))
    }
}

const WORDS: &str = "32 words";

impl Peak for Pairs<Avx512, 1> {
    fn peak(self, rounds: u64) -> (u64, i32) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { peak(rounds) }
    }
}

/// # Safety
/// The processor must have the features named.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn peak(rounds: u64) -> (u64, i32) {
    const ACCUMULATORS: usize = 12;
    let mut sums = [_mm512_setzero_si512(); ACCUMULATORS];
    // Unknown to the compiler, so that it cannot compute the sums in advance.
    let x = _mm512_set1_epi32(black_box(0x0001_0001));
    let mut w = _mm512_set1_epi32(black_box(1));
    for _ in 0..rounds {
        for sum in &mut sums {
            // SAFETY: no instruction at all. It hides from the compiler that the product is always
            // the same; otherwise it would be moved out of the loop.
            unsafe { asm!("/* {0} */", inout(zmm_reg) w, options(pure, nomem, nostack)) };
            *sum = _mm512_add_epi32(*sum, _mm512_madd_epi16(x, w));
        }
    }
    let total = sums.into_iter().fold(_mm512_setzero_si512(), |a, b| _mm512_add_epi32(a, b));
    (rounds * ACCUMULATORS as u64 * 32, _mm512_reduce_add_epi32(total))
}
