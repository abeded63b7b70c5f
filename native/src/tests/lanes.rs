//! Compares the registers of instruction sets with scalar code.

use super::not_here;
use crate::kernels::{avx2::Avx2, avxvnni::AvxVnni};
use bayes8_conformance::lanes::{check_dot, check_pairs};
use bayes8_core::simd::Dot;

fn check<D: Dot<P>, const P: usize>(check: impl FnOnce(D)) {
    match D::new() {
        Some(set) => check(set),
        None => not_here(D::NAME),
    }
}

#[test]
fn lanes_compute_what_scalar_code_does() {
    check::<Avx2, 2>(|set| {
        check_dot(set, u8::MAX);
        check_pairs(set);
    });
    check::<AvxVnni, 2>(|set| check_dot(set, u8::MAX));
}
