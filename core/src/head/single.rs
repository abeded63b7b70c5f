//! The exponential function and the logarithm in f32, of single IEEE-754 operations, which any
//! language has and compilers vectorize. Each operation rounds once; none is fused with another.

/// ln 2 in two parts, of which the first has few bits, so that its product with an exponent is exact.
const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];

/// Adding this to |x| < 2^22 rounds x to an integer, half to even, in the low bits of the sum.
const MAGIC: f32 = 12_582_912.0;

/// The least number whose exponential is computed; those of smaller ones are taken to be equal.
pub(super) const LEAST: f32 = -86.0;

/// The coefficients of r^6 to r^0 of a polynomial that is near e^r.
#[expect(clippy::excessive_precision, reason = "the digits of docs/NUMERICS.md")]
const EXPONENTIAL: [f32; 7] = [
    0.001_381_458_248_943,
    0.008_368_724_957_108,
    0.041_668_388_992_548,
    0.166_665_211_319_923,
    0.499_999_940_395_355,
    1.0,
    1.0,
];

/// The coefficients of f^7 to f^0 of a polynomial that is near (ln(1 + f) - f + f^2 / 2) / f^3.
#[expect(clippy::excessive_precision, reason = "the digits of docs/NUMERICS.md")]
const LOGARITHM: [f32; 8] = [
    -0.076_345_011_591_911,
    0.127_615_764_737_129,
    -0.131_601_795_554_161,
    0.142_017_573_118_210,
    -0.166_233_569_383_621,
    0.200_012_266_635_895,
    -0.250_008_195_638_657,
    0.333_333_313_465_118,
];

/// Returns the larger number; `b` if `a` is NaN. A compiler calls a function for `f32::max` where the processor has no
/// instruction that leaves out a NaN on either side, as in WebAssembly.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Returns the smaller number; `b` if `a` is NaN.
#[inline(always)]
pub(super) fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// Returns e^`x` for an `x` of at most 0, with a relative error of at most 2 * 2^-24. e^-86 is that of
/// anything below -86, and of NaN.
#[inline(always)]
pub(super) fn exponential(x: f32) -> f32 {
    let x = larger(x, LEAST);
    let sum = x * core::f32::consts::LOG2_E + MAGIC;
    let k = sum - MAGIC;
    let rest = (x - k * LN_2[0]) - k * LN_2[1];
    let power = EXPONENTIAL.into_iter().reduce(|sum, term| sum * rest + term).unwrap_or(1.0);
    // 2^k: the low bits of the sum are k, and become the exponent of 1.0.
    power * f32::from_bits((sum.to_bits() << 23).wrapping_add(1.0f32.to_bits()))
}

/// Returns ln `x` for a normal positive `x`, with a relative error of at most 2 * 2^-24.
#[inline(always)]
pub(super) fn logarithm(x: f32) -> f32 {
    // The bits of sqrt(1/2): x is 2^k (1 + f) with 1 + f from there to sqrt(2).
    const HALF_ROOT: u32 = 0x3f35_04f3;
    let k = (x.to_bits().wrapping_sub(HALF_ROOT) as i32) >> 23;
    let f = f32::from_bits(x.to_bits().wrapping_sub((k << 23) as u32)) - 1.0;
    let k = k as f32;
    let square = f * f;
    let sum = LOGARITHM.into_iter().reduce(|sum, term| sum * f + term).unwrap_or(0.0);
    let low = (f * square * sum + k * LN_2[1]) - 0.5 * square;
    (f + low) + k * LN_2[0]
}

/// Returns -`p` ln `p`; 0 for a `p` of 0.
#[inline(always)]
pub(super) fn surprise(p: f32) -> f32 {
    if p > 0.0 { -(p * logarithm(p)) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest relative error in units of 2^-24, over `numbers`.
    fn error(
        numbers: impl Iterator<Item = f32>,
        found: fn(f32) -> f32,
        expected: fn(f64) -> f64,
    ) -> f64 {
        let relative = |x: f32| {
            let expected = expected(f64::from(x));
            (f64::from(found(x)) - expected).abs() / expected.abs().max(1e-30)
        };
        numbers.map(relative).fold(0.0, f64::max) * f64::from(1 << 24)
    }

    #[test]
    fn the_exponential_is_within_two_units() {
        let steps = (0..=860_000).map(|i| -(i as f32) / 10_000.0);
        let tiny = (0..100_000).map(|i| -f32::from_bits(i * 10_000));
        assert!(error(steps.chain(tiny), exponential, libm::exp) < 2.0);
        assert_eq!((exponential(0.0), exponential(-0.0)), (1.0, 1.0));
        for x in [f32::NEG_INFINITY, -1e30, f32::NAN] {
            assert_eq!(exponential(x), exponential(-86.0), "{x}");
        }
    }

    #[test]
    fn the_logarithm_is_within_two_units() {
        let near_one = (0..400_000).map(|i| 0.6 + i as f32 / 400_000.0);
        let all = (0x0080_0000..0x7f80_0000).step_by(2_111).map(f32::from_bits);
        assert!(error(near_one.chain(all), logarithm, libm::log) < 2.0);
        assert_eq!(logarithm(1.0), 0.0);
    }
}
