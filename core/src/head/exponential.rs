//! The exponential function of single IEEE-754 operations, which any language has and compilers
//! vectorize.

/// ln 2 in two parts, of which the first has few bits, so that its product with an exponent is exact.
const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];

/// 1 / n! for n from 7 down to 0, and that for 8.
const TERMS: [f64; 8] =
    [1.0 / 5_040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
const FIRST: f64 = 1.0 / 40_320.0;

/// Returns e^`x` with a relative error below 3e-10; e^-700 and e^700 beyond these.
pub(super) fn exponential(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let exponent = rounded(x * core::f64::consts::LOG2_E);
    let k = exponent as f64;
    let rest = (x - k * LN_2[0]) - k * LN_2[1];
    let sum = TERMS.into_iter().fold(FIRST, |sum, term| sum * rest + term);
    // At most 1010.
    sum * power_of_two(exponent as i32)
}

/// Returns 2^`exponent`, for exponents from -1022 to 1023.
pub(super) fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// Rounds to the nearest integer, half to even. |x| is at most 2^62.
pub(super) fn rounded(x: f64) -> i64 {
    // Below 2^51, adding 1.5 * 2^52 leaves no fraction bits, so the addition itself rounds half to even
    // and leaves the integer in the low bits of the sum. From there on, `rint` is slow where the
    // processor is not known to have an instruction for it.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    const LARGE: f64 = 2_251_799_813_685_248.0;
    if x.abs() < LARGE {
        (x + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits()) as i64
    } else {
        libm::rint(x) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_that_of_libm() {
        for i in -70_000..=70_000 {
            let x = f64::from(i) / 100.0;
            let (found, expected) = (exponential(x), libm::exp(x));
            assert!((found / expected - 1.0).abs() < 3e-10, "{x}: {found}, {expected}");
        }
        assert_eq!(exponential(1e30), exponential(700.0));
        assert_eq!(exponential(-1e30), exponential(-700.0));
        assert_eq!((exponential(0.0), exponential(-0.0)), (1.0, 1.0));
    }

    #[test]
    fn halves_round_to_even_at_all_sizes() {
        for x in [0.5, 1.5, 2.5, -0.5, -1.5, 2.4e15 + 0.5, 1e18, 0.499_999_999_999_999_94] {
            assert_eq!(rounded(x), libm::rint(x) as i64, "{x}");
        }
    }
}
