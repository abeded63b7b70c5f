//! The coverage that chance allows: a gate for a method that is right.

use bayes8_core::conformal::check_alpha;
use serde::Serialize;

use super::coverage::Coverage;
use super::error::ConformalError;
use super::threshold::rank;

/// The chance, in all parts together, that a right method is within its bounds.
pub const CONFIDENCE: f64 = 0.999;

/// Bounds for the number of covered test examples.
///
/// With n exchangeable calibration examples of different scores, the coverage of all examples there could
/// be has the distribution Beta(r, n + 1 - r), where r is the rank of the threshold (Vovk, "Conditional
/// Validity of Inductive Conformal Predictors", ACML 2012). So the covered ones of m test examples have the
/// beta-binomial distribution BetaBinomial(m, r, n + 1 - r), which is computed exactly. Equal scores only
/// raise coverage: the lower bound then holds as it is, the upper one does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CoverageBounds {
    /// Fewest covered test examples that are allowed.
    pub lower: usize,
    /// Most covered test examples that are allowed.
    pub upper: usize,
}

impl CoverageBounds {
    /// Computes the bounds for a threshold from `calibration` examples and `test` other ones. Fewer than
    /// `lower` examples have a chance of at most (1 - confidence) / 2, and so have more than `upper`.
    ///
    /// # Errors
    /// When `alpha` or `confidence` does not lie between 0 and 1.
    pub fn new(
        calibration: usize,
        test: usize,
        alpha: f64,
        confidence: f64,
    ) -> Result<Self, ConformalError> {
        check_alpha(alpha)?;
        if !(confidence > 0.0 && confidence < 1.0) {
            return Err(ConformalError::Confidence(confidence));
        }
        let tail = (1.0 - confidence) / 2.0;
        let rank = rank(calibration, alpha);
        let chances = beta_binomial(test, rank, calibration + 1 - rank);
        // How many counts from one end have a chance of at most `tail` together.
        let skipped = |chances: &mut dyn Iterator<Item = &f64>| {
            let sums = chances.scan(0.0, |sum, chance| {
                *sum += chance;
                Some(*sum)
            });
            sums.take_while(|&sum| sum <= tail).count()
        };
        let lower = skipped(&mut chances.iter());
        Ok(Self { lower, upper: test - skipped(&mut chances.iter().rev()) })
    }

    /// Returns whether a coverage lies inside, ends included.
    pub fn contains(&self, coverage: &Coverage) -> bool {
        (self.lower..=self.upper).contains(&coverage.covered)
    }
}

/// The chances of 0, 1, ..., `test` successes, if their share has the distribution Beta(a, b). With a `b` of
/// 0 all succeed.
fn beta_binomial(test: usize, a: usize, b: usize) -> Vec<f64> {
    if b == 0 {
        return (0..=test).map(|k| f64::from(k == test)).collect();
    }
    let (a, b, m) = (a as f64, b as f64, test as f64);
    // Logarithms of the chances, up to a constant, from the ratio of neighbours.
    let mut log = 0.0;
    let mut logs = vec![log];
    for k in (0..test).map(|k| k as f64) {
        log += libm::log((m - k) / (k + 1.0) * ((k + a) / (m - k - 1.0 + b)));
        logs.push(log);
    }
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.into_iter().map(|log| libm::exp(log - largest)).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    /// Values of `scipy.stats.betabinom`, version 1.17.
    #[test]
    fn matches_scipy() {
        close(beta_binomial(200, 90, 10)[180], 0.05375826866111011);
        close(beta_binomial(1000, 476, 25)[950], 0.03328965927413301);
        let bounds = |calibration, test, alpha, confidence| {
            let bounds = CoverageBounds::new(calibration, test, alpha, confidence).unwrap();
            (bounds.lower, bounds.upper)
        };
        assert_eq!(bounds(99, 200, 0.1, 0.99), (158, 195));
        assert_eq!(bounds(99, 200, 0.1, 0.95), (164, 192));
        assert_eq!(bounds(500, 1000, 0.05, 0.99), (915, 976));
        assert_eq!(bounds(500, 1000, 0.05, 0.95), (925, 971));
        assert_eq!(bounds(40, 30, 0.2, 0.99), (16, 30));
        assert_eq!(bounds(40, 30, 0.2, 0.95), (18, 29));
    }

    #[test]
    fn an_infinite_threshold_covers_everything() {
        let bounds = CoverageBounds::new(5, 100, 0.1, 0.99).unwrap();
        assert_eq!(bounds, CoverageBounds { lower: 100, upper: 100 });
    }

    #[test]
    fn chances_of_many_examples_add_up() {
        let chances = beta_binomial(100_000, 9001, 1000);
        let mean: f64 = chances.iter().enumerate().map(|(k, chance)| k as f64 * chance).sum();
        assert!((mean / (100_000.0 * 9001.0 / 10_001.0) - 1.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(CoverageBounds::new(9, 9, 1.0, 0.9).is_err());
        for confidence in [0.0, 1.0, f64::NAN] {
            assert!(CoverageBounds::new(9, 9, 0.1, confidence).is_err());
        }
    }
}
