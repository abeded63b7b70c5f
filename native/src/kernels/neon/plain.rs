//! NEON without dot products, which every AArch64 processor has: `smull` makes 8 i8 x i8 products,
//! `sadalp` sums pairs of them into 4 i32 lanes.
//!
//! Both multiply signed bytes, so the top bit of the activations is flipped, which subtracts 128. Two
//! products may exceed i16 (2 * 128 * 128), so `sadalp` follows every `smull` and nothing saturates.
//!
//! Tile: up to 2 rows x 16 channels. Registers: 16 accumulators, since the four products of a channel
//! end in two lanes, which are added at the end of a piece; 2 of 16 activations each, 1 of four
//! activations in every lane, 4 of weights, products.
//! Peak: 8 products per pair of instructions. Cortex-A72 and Neoverse N1 start one pair per cycle, each
//! instruction on one of their two vector pipes. 16 activations of a row take 32 pairs, 4 broadcasts
//! and 1 flip: 93 % of the peak.
//!
//! Products of i16 (`smlal`) would have half of this peak. Transformed convolutions, which need them,
//! take 2.25 times fewer products, but only for windows of 3 x 3.

use super::elements::{self, Elements};
use super::lanes::{Neon, neon};
use crate::kernels::Peak;
use bayes8_core::simd::{Dot, Lanes, Quads, Task};
use std::arch::{aarch64::*, asm};
use std::hint::black_box;

impl Dot<4> for Neon {
    const NAME: &'static str = "neon";
    const ROWS: usize = 2;
    const ACTIVATION_OFFSET: i32 = 128;
    type Lanes = Self;
    type Activation = u8;
    type Weight = i8;
    type Step = [u8; 4];
    type Weights = [i8; 64];

    fn new() -> Option<Self> {
        Self::detect()
    }

    #[inline(always)]
    fn lanes(self) -> Self {
        self
    }

    fn run<T: Task>(self, task: T) -> T::Output {
        #[target_feature(enable = "neon")]
        fn compiled<T: Task>(task: T) -> T::Output {
            task.run()
        }
        // SAFETY: `self` proves that the processor has NEON.
        unsafe { compiled(task) }
    }

    #[inline(always)]
    fn steps(activations: &[u8]) -> &[[u8; 4]] {
        activations.as_chunks().0
    }

    #[inline(always)]
    fn weight_steps(weights: &[i8]) -> &[[i8; 64]] {
        weights.as_chunks().0
    }

    #[inline(always)]
    fn splat_step(self, step: [u8; 4]) -> int32x4_t {
        self.flip(self.splat(i32::from_ne_bytes(step)))
    }

    #[inline(always)]
    fn dot(self, sum: int32x4_t, activations: int32x4_t, weights: int32x4_t) -> int32x4_t {
        self.total(self.add_pairs(self.start(sum), activations, weights))
    }

    #[inline(always)]
    fn add_products<const R: usize>(
        self,
        rows: [&[[u8; 4]]; R],
        weights: &[[i8; 64]],
        sums: &mut [[int32x4_t; 4]; R],
    ) {
        elements::add_products(self, rows, weights, sums);
    }
}

impl Elements for Neon {
    /// Two sums of each of four channels, side by side: channels 0 and 1, then 2 and 3.
    type Sums = [int32x4_t; 2];

    #[inline(always)]
    fn start(self, sums: int32x4_t) -> [int32x4_t; 2] {
        let zero = self.splat(0);
        neon!([vzip1q_s32(sums, zero), vzip2q_s32(sums, zero)])
    }

    #[inline(always)]
    fn total(self, [low, high]: [int32x4_t; 2]) -> int32x4_t {
        neon!(vpaddq_s32(low, high))
    }

    #[inline(always)]
    fn dot_element<const I: i32>(
        self,
        sums: [int32x4_t; 2],
        activations: int32x4_t,
        weights: int32x4_t,
    ) -> [int32x4_t; 2] {
        self.add_pairs(sums, neon!(vdupq_laneq_s32::<I>(activations)), weights)
    }
}

impl Neon {
    /// Adds the products of signed bytes, two to each lane.
    #[inline(always)]
    fn add_pairs(
        self,
        [low, high]: [int32x4_t; 2],
        activations: int32x4_t,
        weights: int32x4_t,
    ) -> [int32x4_t; 2] {
        neon!({
            let activations = vreinterpretq_s8_s32(activations);
            let weights = vreinterpretq_s8_s32(weights);
            let first = vmull_s8(vget_low_s8(activations), vget_low_s8(weights));
            let second = vmull_high_s8(activations, weights);
            [vpadalq_s16(low, first), vpadalq_s16(high, second)]
        })
    }
}

impl Peak for Quads<Neon, 4> {
    fn peak(self, rounds: u64) -> (u64, i32) {
        const ACCUMULATORS: usize = 16;
        let neon = self.0;
        let mut sums = [neon.splat(0); ACCUMULATORS];
        // Unknown to the compiler, so that it cannot compute the sums in advance.
        let x = neon!(vdup_n_s8(black_box(1)));
        let mut w = x;
        for _ in 0..rounds {
            for sum in &mut sums {
                // SAFETY: no instruction at all. It hides from the compiler that the product is
                // always the same; otherwise it would be moved out of the loop.
                unsafe { asm!("/* {0:v} */", inout(vreg) w, options(pure, nomem, nostack)) };
                *sum = neon!(vpadalq_s16(*sum, vmull_s8(x, w)));
            }
        }
        (rounds * ACCUMULATORS as u64 * 8, neon.sum(&sums))
    }
}
