//! Compares the registers of instruction sets with scalar code.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::not_here;
#[cfg(target_arch = "aarch64")]
use crate::kernels::neon::Neon;
#[cfg(target_arch = "x86_64")]
use crate::kernels::{avx2::Avx2, avx512bw::Avx512, avxvnni::AvxVnni};
#[cfg(target_arch = "x86_64")]
use bayes8_conformance::lanes::check_pairs;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use {bayes8_conformance::lanes::check_dot, bayes8_core::simd::Dot};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn check<D: Dot<P>, const P: usize>(check: impl FnOnce(D)) {
    match D::new() {
        Some(set) => check(set),
        None => not_here(D::NAME),
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn lanes_compute_what_scalar_code_does() {
    check::<Avx2, 2>(|set| {
        check_dot(set, u8::MAX);
        check_pairs(set);
    });
    check::<Avx512, 1>(|set| {
        check_dot(set, u8::MAX);
        check_pairs(set);
    });
    check::<AvxVnni, 2>(|set| check_dot(set, u8::MAX));
}

#[test]
#[cfg(target_arch = "aarch64")]
fn lanes_compute_what_scalar_code_does() {
    check::<Neon, 4>(|set| check_dot(set, u8::MAX));
}
