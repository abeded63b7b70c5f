//! AVX-VNNI: the 256-bit `vpdpbusd` of Intel's client processors and E-cores since Alder Lake, and
//! of AMD's processors since Zen 5, sums four u8 x i8 products into each of 8 i32 lanes.
//!
//! Tile: up to 6 rows x 16 channels. Registers: 12 accumulators, 2 of weights, 1 broadcast of four
//! activations.
//! Peak: 32 products per instruction; a step of a full tile is 12 `vpdpbusd` on 8 loads.

use super::Peak;
use super::avx2::{Avx2, total};
use crate::isa::Isa;
use bayes8_core::simd::{Depthwise, DepthwiseBlock, Dot, Lanes, Quads, Task};
use std::arch::x86_64::*;
use std::hint::black_box;

/// Proof that the processor has AVX2 and AVX-VNNI.
#[derive(Clone, Copy)]
pub(crate) struct AvxVnni(Avx2);

impl Dot<2> for AvxVnni {
    const NAME: &'static str = "avxvnni";
    const ROWS: usize = 6;
    const DEPTHWISE: Option<fn(Self, DepthwiseBlock<'_, '_>)> =
        Some(|set, block| set.0.run(Depthwise { set: set.0, block }));
    type Lanes = Avx2;
    type Activation = u8;
    type Weight = i8;
    type Step = [u8; 4];
    type Weights = [i8; 64];

    fn new() -> Option<Self> {
        let has_it = !Isa::AvxVnni.is_hidden() && is_x86_feature_detected!("avxvnni");
        has_it.then(Avx2::new).flatten().map(Self)
    }

    #[inline(always)]
    fn lanes(self) -> Avx2 {
        self.0
    }

    fn run<T: Task>(self, task: T) -> T::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,avxvnni")]
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
    fn splat_step(self, step: [u8; 4]) -> __m256i {
        self.0.splat(i32::from_ne_bytes(step))
    }

    #[inline(always)]
    fn dot(self, sum: __m256i, activations: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { _mm256_dpbusd_avx_epi32(sum, activations, weights) }
    }
}

impl Peak for Quads<AvxVnni, 2> {
    fn peak(self, rounds: u64) -> (u64, i32) {
        // SAFETY: `self` proves that the processor has the features.
        unsafe { peak(rounds) }
    }
}

/// # Safety
/// The processor must have the features named.
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn peak(rounds: u64) -> (u64, i32) {
    const ACCUMULATORS: usize = 12;
    let mut sums = [_mm256_setzero_si256(); ACCUMULATORS];
    // Unknown to the compiler, so that it cannot compute the sums in advance.
    let (x, w) = (_mm256_set1_epi32(black_box(0x0101_0101)), _mm256_set1_epi32(black_box(1)));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_dpbusd_avx_epi32(*sum, x, w);
        }
    }
    (rounds * ACCUMULATORS as u64 * 32, total(&sums))
}
