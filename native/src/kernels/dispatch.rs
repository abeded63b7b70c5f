//! Dispatches from an instruction set to the type of its kernel.

/// Evaluates `$with`, in which `$kernel` names the kernel of the instruction set `$isa`. For the
/// reference, evaluates `$portable` instead; for kernels of another architecture, `$missing`.
macro_rules! with_kernel {
    ($isa:expr, $kernel:ident => $with:expr, portable => $portable:expr, missing => $missing:expr) => {
        match $isa {
            $crate::isa::Isa::Portable => $portable,
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx2 => {
                type $kernel = $crate::kernels::Pairs<$crate::kernels::avx2::Avx2, 2>;
                $with
            }
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx512Bw => {
                type $kernel = $crate::kernels::Pairs<$crate::kernels::avx512bw::Avx512, 1>;
                $with
            }
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::AvxVnni => {
                type $kernel = $crate::kernels::Quads<$crate::kernels::avxvnni::AvxVnni, 2>;
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
            #[cfg(target_arch = "aarch64")]
            $crate::isa::Isa::Neon => {
                type $kernel = $crate::kernels::Quads<$crate::kernels::neon::Neon, 4>;
                $with
            }
            #[cfg(target_arch = "aarch64")]
            $crate::isa::Isa::DotProd => {
                type $kernel = $crate::kernels::Quads<$crate::kernels::neon::dotprod::DotProd, 4>;
                $with
            }
            #[cfg(target_arch = "aarch64")]
            $crate::isa::Isa::I8mm => {
                type $kernel = $crate::kernels::neon::i8mm::I8mm;
                $with
            }
            _ => $missing,
        }
    };
}
pub(crate) use with_kernel;
