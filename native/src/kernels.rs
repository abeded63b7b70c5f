//! The x86-64 kernels, one implementation of [`Kernel`] per file. Everything around them is safe
//! code in [`bayes8_core::simd`].

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512vnni;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avxvnni;
mod dispatch;
mod peak;

pub(crate) use bayes8_core::simd::{Block, BlockOutput, Drawing, Kernel, NoiseMultipliers, PANEL};
#[cfg(target_arch = "x86_64")]
pub(crate) use bayes8_core::simd::{Pairs, Quads};
pub(crate) use dispatch::with_kernel;
pub(crate) use peak::Peak;

#[cfg(target_arch = "x86_64")]
use bayes8_core::simd::{PANEL_PAIR, row_tiles, stream_groups};
