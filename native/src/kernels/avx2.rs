//! AVX2 without VNNI: `vpmaddwd` sums two i16 x i16 products into each of 8 i32 lanes.
//!
//! Tile: up to 6 rows x 16 channels. Registers: 12 accumulators, 2 of weights, 1 broadcast of two
//! activations, 1 product.
//! Peak: 16 products per instruction; a step of a full tile is 12 `vpmaddwd` and 12 `vpaddd` on 8
//! loads. The roof is the rate of these pairs: on Zen 3, whose four vector pipes they fill, about 26
//! products per cycle instead of the 32 of `vpmaddwd` alone.

mod lanes;

pub(crate) use lanes::Avx2;

use super::Peak;
use bayes8_core::simd::{Dot, DotPairs, Lanes, Pairs, Task};
use std::arch::{asm, x86_64::*};
use std::hint::black_box;

impl Dot<2> for Avx2 {
    const NAME: &'static str = "avx2";
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
        #[target_feature(enable = "avx2")]
        fn compiled<T: Task>(task: T) -> T::Output {
            task.run()
        }
        // SAFETY: `self` proves that the processor has AVX2.
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
    fn splat_step(self, [a, b]: [i16; 2]) -> __m256i {
        self.splat(i32::from(a as u16) | i32::from(b) << 16)
    }

    #[inline(always)]
    fn dot(self, sum: __m256i, activations: __m256i, weights: __m256i) -> __m256i {
        lanes::avx2!(_mm256_add_epi32(sum, _mm256_madd_epi16(activations, weights)))
    }
}

impl DotPairs<2> for Avx2 {
    #[inline(always)]
    fn widen_codes(self, from: &[u8]) -> __m256i {
        let from: &[u8; 16] = from.first_chunk().expect(WORDS);
        // SAFETY: 16 bytes, at any address; `self` proves AVX2.
        unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn widen_weights(self, from: &[i8]) -> __m256i {
        let from: &[i8; 16] = from.first_chunk().expect(WORDS);
        // SAFETY: 16 bytes, at any address; `self` proves AVX2.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn load_words(self, from: &[i16]) -> __m256i {
        let from: &[i16; 16] = from.first_chunk().expect(WORDS);
        // SAFETY: 32 bytes, at any address; `self` proves AVX2.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_words(self, to: &mut [i16], words: __m256i) {
        let to: &mut [i16; 16] = to.first_chunk_mut().expect(WORDS);
        // SAFETY: 32 bytes, at any address; `self` proves AVX2.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), words) }
    }

    #[inline(always)]
    fn add_words(self, a: __m256i, b: __m256i) -> __m256i {
        lanes::avx2!(_mm256_add_epi16(a, b))
    }

    #[inline(always)]
    fn subtract_words(self, a: __m256i, b: __m256i) -> __m256i {
        lanes::avx2!(_mm256_sub_epi16(a, b))
    }
}

const WORDS: &str = "16 words";

impl Peak for Pairs<Avx2, 2> {
    fn peak(self, rounds: u64) -> (u64, i32) {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { peak(rounds) }
    }
}

/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn peak(rounds: u64) -> (u64, i32) {
    const ACCUMULATORS: usize = 12;
    let mut sums = [_mm256_setzero_si256(); ACCUMULATORS];
    // Unknown to the compiler, so that it cannot compute the sums in advance.
    let x = _mm256_set1_epi32(black_box(0x0001_0001));
    let mut w = _mm256_set1_epi32(black_box(1));
    for _ in 0..rounds {
        for sum in &mut sums {
            // SAFETY: no instruction at all. It hides from the compiler that the product is always
            // the same; otherwise it would be moved out of the loop.
            unsafe { asm!("/* {0} */", inout(ymm_reg) w, options(pure, nomem, nostack)) };
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, w));
        }
    }
    (rounds * ACCUMULATORS as u64 * 16, total(&sums))
}

/// Returns the sum of all lanes.
#[target_feature(enable = "avx2")]
pub(super) fn total(sums: &[__m256i]) -> i32 {
    let total = sums.iter().fold(_mm256_setzero_si256(), |a, &b| _mm256_add_epi32(a, b));
    let mut lanes = [0i32; 8];
    // SAFETY: `lanes` has 32 bytes.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), total) };
    lanes.iter().fold(0, |a, &b| a.wrapping_add(b))
}
