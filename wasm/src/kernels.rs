//! The WebAssembly implementations of [`Kernel`](bayes8_core::simd::Kernel), one instruction set per
//! file. Engines validate a module as a whole, so each build has one of them. All code around them is
//! safe code in [`bayes8_core::simd`].

mod lanes;

// Relaxed SIMD has these instructions too; depthwise convolutions take them.
mod simd128;
#[cfg(not(target_feature = "relaxed-simd"))]
pub(crate) type BestKernel = bayes8_core::simd::Pairs<lanes::Simd128, 4>;

#[cfg(target_feature = "relaxed-simd")]
mod relaxed;
#[cfg(target_feature = "relaxed-simd")]
pub(crate) use relaxed::Relaxed as BestKernel;

#[cfg(test)]
mod tests {
    use bayes8_conformance::lanes::check_dot;

    #[test]
    fn lanes_compute_what_scalar_code_does() {
        check_dot(super::lanes::Simd128, u8::MAX);
        bayes8_conformance::lanes::check_pairs(super::lanes::Simd128);
    }

    #[cfg(target_feature = "relaxed-simd")]
    #[test]
    fn relaxed_products_are_what_scalar_code_computes() {
        check_dot(super::relaxed::RelaxedDot, 127);
    }
}
