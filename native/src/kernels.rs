//! The x86-64 kernels behind [`Kernel`], one instruction set a file. Everything around them is safe
//! code in [`bayes8_core::simd`].

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512vnni;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avxvnni;

pub(crate) use bayes8_core::simd::{Block, BlockOutput, Kernel, Multipliers, PANEL};
#[cfg(target_arch = "x86_64")]
use bayes8_core::simd::{PANEL_PAIR, groups, row_tiles};

/// What a kernel is measured against.
pub(crate) trait Peak: Kernel {
    /// The dot-product instruction and nothing else, on registers: `rounds` times on enough
    /// accumulators to hide its latency. Returns the number of products and the accumulators' sum.
    fn peak(self, rounds: u64) -> (u64, i32);
}

/// Evaluates `$with` with `$kernel` naming the kernel of the instruction set `$isa`, or else
/// `$portable` for the reference, and `$missing` on other processors than x86-64.
macro_rules! with_kernel {
    ($isa:expr, $kernel:ident => $with:expr, portable => $portable:expr, missing => $missing:expr) => {
        match $isa {
            $crate::isa::Isa::Portable => $portable,
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx2 => {
                type $kernel = $crate::kernels::avx2::Avx2;
                $with
            }
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::AvxVnni => {
                type $kernel = $crate::kernels::avxvnni::AvxVnni;
                $with
            }
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx512Vnni => {
                type $kernel = $crate::kernels::avx512vnni::Avx512Vnni;
                $with
            }
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Amx => {
                type $kernel = $crate::kernels::amx::Amx;
                $with
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => $missing,
        }
    };
}
pub(crate) use with_kernel;
