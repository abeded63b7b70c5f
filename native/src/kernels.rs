//! The kernels of x86-64 and AArch64, one implementation of [`Kernel`] per file. Everything around
//! them is safe code in [`bayes8_core::simd`].

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512bw;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512vnni;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avxvnni;
mod dispatch;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
mod peak;

#[cfg(target_arch = "x86_64")]
use bayes8_core::simd::DepthwiseBlock;
#[cfg(test)]
pub(crate) use bayes8_core::simd::NoiseMultipliers;
#[cfg(target_arch = "x86_64")]
pub(crate) use bayes8_core::simd::Pairs;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use bayes8_core::simd::Quads;
pub(crate) use bayes8_core::simd::{Block, BlockOutput, Drawing, Kernel, PANEL};
pub(crate) use dispatch::with_kernel;
pub(crate) use peak::Peak;

#[cfg(target_arch = "x86_64")]
use bayes8_core::simd::PANEL_PAIR;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use bayes8_core::simd::row_tiles;
