//! The standard normal distribution, by `libm`: the same bits on every machine.

use core::f64::consts::{FRAC_1_SQRT_2, PI};

/// Computes the density: exp(-z² / 2) / sqrt(2 pi).
pub fn density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * PI)
}

/// Computes the chance of a value of at most `z`: erfc(-z / sqrt 2) / 2. The relative error is below
/// 1e-12, far down in the lower tail too.
pub fn cumulative(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// Computes the inverse of [`cumulative`]; the relative error is about 1e-16. Infinite at 0 and 1.
///
/// # Panics
/// When `p` is not between 0 and 1.
pub fn quantile(p: f64) -> f64 {
    assert!((0.0..=1.0).contains(&p), "{p} is not a probability");
    bayes8_core::head::normal::quantile(p)
}

/// Finds the first number from `lower` to `upper` for which `is_reached` holds. It must hold at `upper`,
/// and for every number after the first.
pub(super) fn first_where(mut lower: f64, mut upper: f64, is_reached: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = lower + (upper - lower) / 2.0;
        // No number lies between the two.
        if middle <= lower || middle >= upper {
            return upper;
        }
        if is_reached(middle) {
            upper = middle;
        } else {
            lower = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() <= 1e-12 * expected.abs().max(1e-300),
            "{found} {expected}"
        );
    }

    /// Values of `scipy.stats.norm`, version 1.17.
    #[test]
    fn matches_scipy() {
        let cumulatives = [
            (-37.5, 4.605353009581954e-308),
            (-8.0, 6.22096057427174e-16),
            (-2.5, 0.006209665325776132),
            (-1.0, 0.15865525393145707),
            (-0.3, 0.3820885778110474),
            (0.0, 0.5),
            (0.7, 0.758036347776927),
            (1.96, 0.9750021048517795),
            (5.0, 0.9999997133484281),
        ];
        for (z, expected) in cumulatives {
            near(cumulative(z), expected);
        }
        let quantiles = [
            (1e-300, -37.0470962993612),
            (1e-20, -9.262340089798409),
            (1e-06, -4.753424308822899),
            (0.025, -1.9599639845400545),
            (0.05, -1.6448536269514729),
            (0.25, -0.6744897501960817),
            (0.4999, -0.0002506628300880075),
            (0.75, 0.6744897501960817),
            (0.95, 1.6448536269514722),
            (0.975, 1.959963984540054),
            (0.999, 3.090232306167813),
        ];
        for (p, expected) in quantiles {
            near(quantile(p), expected);
        }
        near(density(0.0), 0.3989422804014327);
        near(density(1.0), 0.24197072451914337);
        near(density(-3.0), 0.0044318484119380075);
    }

    #[test]
    fn the_ends_are_infinite_and_the_middle_is_0() {
        assert_eq!([0.0, 0.5, 1.0].map(quantile), [f64::NEG_INFINITY, 0.0, f64::INFINITY]);
        // The smallest positive number still has a quantile.
        assert!((-39.0..-38.0).contains(&quantile(f64::from_bits(1))));
    }
}
