//! SIMD128: `i32x4.dot_i16x8_s` sums two i16 x i16 products into each of 4 i32 lanes.
//!
//! Products of bytes by `i16x8.extmul` would need no widening, but LLVM 22 turns the sum of their
//! even and odd lanes into a relaxed instruction, which saturates and which engines without relaxed
//! SIMD refuse.
//! Tile: up to 2 rows x 16 channels. Locals: 8 sums, 4 of weights, 2 splats of two activations, 1
//! product; V8 on x86-64 has 15 registers for them. It moves all loads of a loop to its beginning,
//! so an unrolled loop would not fit.
//! Peak: 8 products per instruction; a step of a full tile is 8 dot products and 8 additions on 6
//! loads.

use super::lanes::Simd128;
use bayes8_core::simd::{Dot, DotPairs, Lanes, Task};
use core::arch::wasm32::*;

impl Dot<4> for Simd128 {
    const NAME: &'static str = "simd128";
    const ROWS: usize = 2;
    type Lanes = Self;
    type Activation = i16;
    type Weight = i16;
    type Step = [i16; 2];
    type Weights = [i16; 32];

    fn new() -> Option<Self> {
        Some(Self)
    }

    #[inline(always)]
    fn lanes(self) -> Self {
        self
    }

    fn run<T: Task>(self, task: T) -> T::Output {
        task.run()
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
    fn splat_step(self, [a, b]: [i16; 2]) -> v128 {
        self.splat(i32::from(a as u16) | i32::from(b) << 16)
    }

    #[inline(always)]
    fn dot(self, sum: v128, activations: v128, weights: v128) -> v128 {
        i32x4_add(sum, i32x4_dot_i16x8(activations, weights))
    }
}

impl DotPairs<4> for Simd128 {
    #[inline(always)]
    fn widen_codes(self, from: &[u8]) -> v128 {
        let from: &[u8; 8] = from.first_chunk().expect(WORDS);
        // SAFETY: 8 bytes, at any address.
        unsafe { u16x8_load_extend_u8x8(from.as_ptr()) }
    }

    #[inline(always)]
    fn widen_weights(self, from: &[i8]) -> v128 {
        let from: &[i8; 8] = from.first_chunk().expect(WORDS);
        // SAFETY: 8 bytes, at any address.
        unsafe { i16x8_load_extend_i8x8(from.as_ptr()) }
    }

    #[inline(always)]
    fn pair_codes(self, a: &[u8; 16], b: &[u8; 16]) -> [v128; 4] {
        // SAFETY: 16 bytes each, at any address.
        let (a, b) = unsafe { (v128_load(a.as_ptr().cast()), v128_load(b.as_ptr().cast())) };
        let low = i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b);
        let high =
            i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b);
        [
            u16x8_extend_low_u8x16(low),
            u16x8_extend_high_u8x16(low),
            u16x8_extend_low_u8x16(high),
            u16x8_extend_high_u8x16(high),
        ]
    }

    #[inline(always)]
    fn load_words(self, from: &[i16]) -> v128 {
        let from: &[i16; 8] = from.first_chunk().expect(WORDS);
        // SAFETY: 16 bytes, at any address.
        unsafe { v128_load(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_words(self, to: &mut [i16], words: v128) {
        let to: &mut [i16; 8] = to.first_chunk_mut().expect(WORDS);
        // SAFETY: 16 bytes, at any address.
        unsafe { v128_store(to.as_mut_ptr().cast(), words) }
    }

    #[inline(always)]
    fn add_words(self, a: v128, b: v128) -> v128 {
        i16x8_add(a, b)
    }

    #[inline(always)]
    fn subtract_words(self, a: v128, b: v128) -> v128 {
        i16x8_sub(a, b)
    }
}

const WORDS: &str = "8 words";
