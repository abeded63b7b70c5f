//! The dot product of Armv8.2 and later, `sdot`: it sums four i8 x i8 products into each of 4 i32
//! lanes. Processors since Cortex-A76, Neoverse N1 and Apple A13 have it.
//!
//! It multiplies signed bytes, so the top bit of the activations is flipped, which subtracts 128.
//!
//! Tile: up to 6 rows x 16 channels. Registers: 24 accumulators, 6 of 16 activations each, 2 of
//! weights.
//! Peak: 16 products per instruction. 16 activations of a row take 16 `sdot` and 1 flip: 94 % of the
//! peak.

use super::elements::{self, Elements};
use super::lanes::Neon;
use crate::isa::Isa;
use crate::kernels::Peak;
use bayes8_core::simd::{Dot, Lanes, Quads, Task};
use std::arch::{aarch64::int32x4_t, asm, is_aarch64_feature_detected};
use std::hint::black_box;

/// Proof that the processor has NEON with dot products.
#[derive(Clone, Copy)]
pub(crate) struct DotProd(Neon);

impl Dot<4> for DotProd {
    const NAME: &'static str = "dotprod";
    const ROWS: usize = 6;
    const ACTIVATION_OFFSET: i32 = 128;
    type Lanes = Neon;
    type Activation = u8;
    type Weight = i8;
    type Step = [u8; 4];
    type Weights = [i8; 64];

    fn new() -> Option<Self> {
        let has_it = !Isa::DotProd.is_hidden() && is_aarch64_feature_detected!("dotprod");
        has_it.then(Neon::detect).flatten().map(Self)
    }

    #[inline(always)]
    fn lanes(self) -> Neon {
        self.0
    }

    fn run<T: Task>(self, task: T) -> T::Output {
        #[target_feature(enable = "neon,dotprod")]
        fn compiled<T: Task>(task: T) -> T::Output {
            task.run()
        }
        // SAFETY: `self` proves that the processor has the features.
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
        self.0.splat_step(step)
    }

    #[inline(always)]
    fn dot(self, mut sum: int32x4_t, activations: int32x4_t, weights: int32x4_t) -> int32x4_t {
        // SAFETY: one instruction on registers; `self` proves that the processor has it.
        unsafe {
            asm!(
                "sdot {sum:v}.4s, {weights:v}.16b, {activations:v}.16b",
                sum = inout(vreg) sum,
                weights = in(vreg) weights,
                activations = in(vreg) activations,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sum
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

impl Elements for DotProd {
    type Sums = int32x4_t;

    #[inline(always)]
    fn start(self, sums: int32x4_t) -> int32x4_t {
        sums
    }

    #[inline(always)]
    fn total(self, sums: int32x4_t) -> int32x4_t {
        sums
    }

    #[inline(always)]
    fn dot_element<const I: i32>(
        self,
        mut sums: int32x4_t,
        activations: int32x4_t,
        weights: int32x4_t,
    ) -> int32x4_t {
        // Rust 1.95 does not have the intrinsic.
        // SAFETY: one instruction on registers; `self` proves that the processor has it.
        unsafe {
            asm!(
                "sdot {sums:v}.4s, {weights:v}.16b, {activations:v}.4b[{step}]",
                sums = inout(vreg) sums,
                weights = in(vreg) weights,
                activations = in(vreg) activations,
                step = const I,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sums
    }
}

impl Peak for Quads<DotProd, 4> {
    fn peak(self, rounds: u64) -> (u64, i32) {
        // SAFETY: the kernel proves that the processor has the features.
        unsafe { peak(self.0, rounds) }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn peak(set: DotProd, rounds: u64) -> (u64, i32) {
    const ACCUMULATORS: usize = 24;
    let mut sums = [set.0.splat(0); ACCUMULATORS];
    let (x, w) = (set.0.splat(black_box(0x0101_0101)), set.0.splat(black_box(1)));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = set.dot_element::<0>(*sum, x, w);
        }
    }
    (rounds * ACCUMULATORS as u64 * 16, set.0.sum(&sums))
}
