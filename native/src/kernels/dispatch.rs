//! Dispatches from an instruction set to the type of its kernel.

/// Evaluates `$with`, in which `$kernel` names the kernel of the instruction set `$isa`. For the
/// reference, evaluates `$portable` instead; for kernels that only x86-64 has, on other processors,
/// `$missing`.
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
            #[cfg(not(target_arch = "x86_64"))]
            _ => $missing,
        }
    };
}
pub(crate) use with_kernel;
