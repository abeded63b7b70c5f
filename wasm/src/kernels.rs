//! The WebAssembly implementations of [`Kernel`], one instruction set per file. Engines validate a
//! module as a whole, so each build has one of them. All code around them is safe code in
//! [`bayes8_core::simd`].

mod epilogue;
mod sampler;

#[cfg(not(target_feature = "relaxed-simd"))]
mod simd128;
#[cfg(not(target_feature = "relaxed-simd"))]
pub(crate) use simd128::Simd128 as BestKernel;

#[cfg(target_feature = "relaxed-simd")]
mod relaxed;
#[cfg(target_feature = "relaxed-simd")]
pub(crate) use relaxed::Relaxed as BestKernel;

use bayes8_core::simd::{Block, BlockOutput, Kernel, NoiseMultipliers, PANEL, stream_groups};
