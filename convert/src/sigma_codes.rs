//! Variance-preserving sigma codes: the reason why the posterior's spread survives INT8.
//!
//! Rounding `mu + sigma * eps` to a grid of step s changes its spread: below s / 4 most of it is
//! lost, above it is inflated. But the variance that the integer sampler produces for a code and a
//! multiplier is known exactly ([`NoiseDistribution`]), so the code is chosen by that variance. The
//! remaining rounding errors are then evened out over each row, so that the row's total variance,
//! which is what its sums see, is right too.

use std::collections::HashMap;

use bayes8_core::posterior::variance::NoiseDistribution;

/// Chooses codes, and remembers the variances of every multiplier so far.
pub(crate) struct SigmaCoder {
    noise: NoiseDistribution,
    variances: HashMap<i16, [f64; 256]>,
}

impl SigmaCoder {
    pub(crate) fn new() -> Self {
        Self { noise: NoiseDistribution::new(), variances: HashMap::new() }
    }

    /// The smallest multiplier for which code 255 reaches `variance` (in squared steps); 0 if the
    /// variance is 0.
    pub(crate) fn multiplier(&self, variance: f64) -> i16 {
        if variance <= 0.0 {
            return 0;
        }
        let (mut low, mut high) = (1, i16::MAX);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.noise.variance(255, middle) >= variance {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// The code of each weight of a row whose variances should be `targets`, in squared steps.
    pub(crate) fn codes(&mut self, targets: &[f64], multiplier: i16) -> Vec<u8> {
        let noise = &self.noise;
        let variances =
            self.variances.entry(multiplier).or_insert_with(|| noise.variances(multiplier));
        let mut codes: Vec<u8> = targets.iter().map(|&t| nearest(variances, t)).collect();
        even_out(variances, targets, &mut codes);
        codes
    }
}

/// The code whose variance is nearest; the smallest of several.
fn nearest(variances: &[f64; 256], target: f64) -> u8 {
    let above = variances.partition_point(|&v| v < target).min(255);
    let below = above.saturating_sub(1);
    let code = if target - variances[below] <= variances[above] - target { below } else { above };
    // Codes of equal variance are adjacent: take the first of them.
    variances.partition_point(|&v| v < variances[code]) as u8
}

/// Moves codes to the other neighbour of their target while that brings the sum of the variances
/// nearer to the sum of the targets. Weights closest to the middle between two codes move first:
/// it costs them least.
fn even_out(variances: &[f64; 256], targets: &[f64], codes: &mut [u8]) {
    let own = |i: usize, code: u8| targets[i] - variances[usize::from(code)];
    let mut missing: f64 = codes.iter().enumerate().map(|(i, &code)| own(i, code)).sum();
    let up = missing > 0.0;
    let mut moves = Vec::new();
    for (i, &code) in codes.iter().enumerate() {
        let residual = own(i, code);
        let Some(other) = neighbour(variances, code, up) else { continue };
        let change = variances[usize::from(other)] - variances[usize::from(code)];
        // Only to the code on the other side of the target.
        if residual != 0.0 && (residual > 0.0) == up {
            moves.push(((change - 2.0 * residual).abs() / change.abs(), i, other, change));
        }
    }
    moves.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for (_, i, other, change) in moves {
        if (missing - change).abs() < missing.abs() {
            codes[i] = other;
            missing -= change;
        }
    }
}

/// The next code up or down with another variance.
fn neighbour(variances: &[f64; 256], code: u8, up: bool) -> Option<u8> {
    let own = variances[usize::from(code)];
    if up {
        let next = variances.partition_point(|&v| v <= own);
        (next < 256).then_some(next as u8)
    } else {
        let first = variances.partition_point(|&v| v < own);
        first.checked_sub(1).map(|below| variances.partition_point(|&v| v < variances[below]) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Standard deviations of the codes of one row, divided by the targets.
    fn ratios(sigmas: &[f64]) -> (Vec<f64>, f64) {
        let mut coder = SigmaCoder::new();
        let targets: Vec<f64> = sigmas.iter().map(|s| s * s).collect();
        let largest = targets.iter().copied().fold(0.0, f64::max);
        let multiplier = coder.multiplier(largest);
        let codes = coder.codes(&targets, multiplier);
        let variance = |&code: &u8| coder.noise.variance(code, multiplier);
        let total: f64 = codes.iter().map(variance).sum();
        let each = codes.iter().zip(&targets).map(|(c, t)| (variance(c) / t).sqrt()).collect();
        (each, (total / targets.iter().sum::<f64>()).sqrt())
    }

    /// Below a tenth of a step only the tail of the noise reaches a neighbouring code, and the
    /// outcomes of the tail are few: the spread comes in coarser steps there.
    #[test]
    fn the_largest_sigma_of_a_channel_is_kept_from_far_below_a_step_to_many_steps() {
        for i in 0..400 {
            let sigma = 0.01 * 4000f64.powf(f64::from(i) / 399.0);
            let tolerance = [(0.02, 0.09), (0.06, 0.05), (0.12, 0.03), (f64::MAX, 0.02)];
            let (_, tolerance) = tolerance.into_iter().find(|&(up_to, _)| sigma < up_to).unwrap();
            let (each, _) = ratios(&[sigma]);
            assert!((each[0] - 1.0).abs() < tolerance, "sigma {sigma}: ratio {}", each[0]);
        }
    }

    #[test]
    fn smaller_sigmas_keep_their_spread_and_the_row_its_total() {
        for largest in [0.05, 0.3, 1.0, 7.0, 40.0] {
            let sigmas: Vec<f64> =
                (0..300).map(|i| largest * 30f64.powf(-f64::from(i) / 299.0)).collect();
            let (each, total) = ratios(&sigmas);
            assert!((total - 1.0).abs() < 1e-3, "largest {largest}: total ratio {total}");
            // Down to a fifth of the largest: what lies below adds next to nothing.
            let worst = each[..140].iter().map(|r| (r - 1.0).abs()).fold(0.0, f64::max);
            // For sigmas below a step only the total can be right.
            assert!(largest < 1.0 || worst < 0.05, "largest {largest}: off by {worst}");
        }
    }

    /// A single code for hundreds of weights must not leave all of them off in the same direction.
    #[test]
    fn a_row_of_one_sigma_keeps_its_total() {
        for sigma in [0.0105, 0.0385, 0.11, 0.5, 3.3] {
            let (_, total) = ratios(&[sigma; 288]);
            assert!((total - 1.0).abs() < 2e-3, "sigma {sigma}: total ratio {total}");
        }
    }

    #[test]
    fn no_sigma_takes_no_noise() {
        let mut coder = SigmaCoder::new();
        assert_eq!(coder.multiplier(0.0), 0);
        assert_eq!(coder.codes(&[0.0, 0.0], 0), [0, 0]);
        assert_eq!(coder.codes(&[0.0, 1.0], coder.multiplier(1.0))[0], 0);
    }

    #[test]
    fn the_multiplier_is_the_smallest_that_reaches() {
        let coder = SigmaCoder::new();
        for variance in [1e-6, 0.03, 0.5, 9.0, 1600.0] {
            let m = coder.multiplier(variance);
            assert!(coder.noise.variance(255, m) >= variance);
            assert!(m == 1 || coder.noise.variance(255, m - 1) < variance);
        }
    }
}
