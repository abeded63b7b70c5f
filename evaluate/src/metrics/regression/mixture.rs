//! The predictive distribution of a target: a mixture of one Gaussian per sample.

use serde::Serialize;

use super::gaussian::Gaussian;
use super::normal;

/// A mixture of Gaussians of equal weight, one per Monte-Carlo sample. All sums go over the samples in
/// their order, in `f64`.
#[derive(Clone, Copy, Debug)]
pub struct Mixture<'a> {
    means: &'a [f64],
    variances: &'a [f64],
}

/// The mean of a prediction and its standard deviations, in the units of the target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moments {
    /// Mean of the samples' means.
    pub mean: f64,
    /// Noise of the data: root of the mean variance.
    pub aleatoric: f64,
    /// Doubt of the model: standard deviation of the samples' means, with their number as divisor.
    pub epistemic: f64,
    /// Standard deviation of the mixture: total² = aleatoric² + epistemic².
    pub total: f64,
}

impl<'a> Mixture<'a> {
    /// Returns the mixture of samples with these means and variances. A network that predicts the mean
    /// alone has variances of 0.
    ///
    /// # Panics
    /// When there are none, their numbers differ, one is not finite or a variance is negative.
    pub fn new(means: &'a [f64], variances: &'a [f64]) -> Self {
        assert_eq!(means.len(), variances.len(), "one variance for every mean");
        assert!(!means.is_empty(), "a mixture has at least one sample");
        assert!(means.iter().all(|mean| mean.is_finite()), "means are finite");
        let is_variance = |variance: &f64| variance.is_finite() && *variance >= 0.0;
        assert!(variances.iter().all(is_variance), "variances are finite, 0 or above");
        Self { means, variances }
    }

    /// Returns the number of samples.
    pub fn samples(&self) -> usize {
        self.means.len()
    }

    /// Computes mean and standard deviations. The variances add up (law of total variance; Kendall and
    /// Gal, "What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?", NeurIPS
    /// 2017).
    pub fn moments(&self) -> Moments {
        let count = self.means.len() as f64;
        let mean = self.means.iter().sum::<f64>() / count;
        let epistemic = self.means.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>() / count;
        let aleatoric = self.variances.iter().sum::<f64>() / count;
        Moments {
            mean,
            aleatoric: libm::sqrt(aleatoric),
            epistemic: libm::sqrt(epistemic),
            total: libm::sqrt(aleatoric + epistemic),
        }
    }

    /// Returns the moment-matched Gaussian: that with the mean and the variance of the mixture.
    pub fn gaussian(&self) -> Gaussian {
        let Moments { mean, total, .. } = self.moments();
        Gaussian { mean, std: total }
    }

    /// Computes the logarithm of the density at `y`, ln(sum of the samples' densities / their number),
    /// from the largest one so that none is lost. In nats; another unit of the target adds a constant. `None`
    /// if a sample has variance 0: there is then no density.
    pub fn log_density(&self, y: f64) -> Option<f64> {
        let logs: Vec<f64> =
            self.components().map(|gaussian| gaussian.log_density(y)).collect::<Option<_>>()?;
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if largest == f64::NEG_INFINITY {
            return Some(largest);
        }
        let sum: f64 = logs.iter().map(|log| libm::exp(log - largest)).sum();
        Some(largest + libm::log(sum / logs.len() as f64))
    }

    /// Computes the chance of a value of at most `y`: the mean of the samples' chances.
    pub fn cumulative(&self, y: f64) -> f64 {
        self.components().map(|gaussian| gaussian.cumulative(y)).sum::<f64>()
            / self.means.len() as f64
    }

    /// Computes the quantile of the mixture ([`mixture_quantile`]).
    ///
    /// # Panics
    /// When `p` is not between 0 and 1.
    pub fn quantile(&self, p: f64) -> f64 {
        let z = normal::quantile(p);
        if z.is_infinite() && self.variances.iter().any(|&variance| variance > 0.0) {
            return z;
        }
        // The quantile of the mixture lies between those of its samples.
        let at = |Gaussian { mean, std }| if std > 0.0 { mean + std * z } else { mean };
        let (lowest, highest) = self
            .components()
            .map(at)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), q| (a.min(q), b.max(q)));
        if self.cumulative(lowest) >= p {
            return lowest;
        }
        normal::first_where(lowest, highest, |y| self.cumulative(y) >= p)
    }

    /// Computes the continuous ranked probability score of `y`, in the units of the target. 0 is
    /// perfect. With E the expected absolute value of a Gaussian, it is the mean of E(y - mean, variance)
    /// over the samples, less half of the mean of E(difference of means, sum of variances) over all pairs
    /// (Grimit et al., "The continuous ranked probability score for circular variables and its
    /// application to mesoscale forecast ensemble verification", QJRMS 2006). The time grows
    /// with the square of the number of samples.
    pub fn crps(&self, y: f64) -> f64 {
        let count = self.means.len() as f64;
        let (mut to_target, mut between) = (0.0, 0.0);
        for (i, (&mean, &variance)) in self.means.iter().zip(self.variances).enumerate() {
            to_target += expected_distance(y - mean, variance);
            between += 0.5 * expected_distance(0.0, 2.0 * variance);
            // Both orders of a pair at once.
            for (other, other_variance) in self.means[..i].iter().zip(self.variances) {
                between += expected_distance(mean - other, variance + other_variance);
            }
        }
        to_target / count - between / (count * count)
    }

    fn components(&self) -> impl Iterator<Item = Gaussian> {
        let pairs = self.means.iter().zip(self.variances);
        pairs.map(|(&mean, &variance)| Gaussian { mean, std: libm::sqrt(variance) })
    }
}

fn expected_distance(mean: f64, variance: f64) -> f64 {
    Gaussian { mean, std: libm::sqrt(variance) }.expected_magnitude()
}

/// Computes the quantile of a mixture of Gaussians of equal weight: the smallest number at which its
/// cumulative distribution reaches `p`, apart from rounding. Bisection between the smallest and the largest
/// quantile of a sample narrows it down to neighbouring numbers, so it is the same on every machine.
/// Infinite at 0 and 1, unless all variances are 0.
///
/// # Panics
/// When `p` is not between 0 and 1, or [`Mixture::new`] does.
pub fn mixture_quantile(means: &[f64], variances: &[f64], p: f64) -> f64 {
    Mixture::new(means, variances).quantile(p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    const MEANS: [f64; 4] = [1.0, 1.5, -0.25, 3.0];
    const VARIANCES: [f64; 4] = [0.25, 1.0, 0.5, 0.04];

    #[test]
    fn variances_add_up() {
        let moments = Mixture::new(&MEANS, &VARIANCES).moments();
        close(moments.mean, 5.25 / 4.0);
        close(moments.aleatoric, (1.79f64 / 4.0).sqrt());
        // Squared distances from 1.3125.
        let epistemic = (0.09765625 + 0.03515625 + 2.44140625 + 2.84765625) / 4.0;
        close(moments.epistemic, f64::sqrt(epistemic));
        close(moments.total, f64::sqrt(1.79 / 4.0 + epistemic));
    }

    /// Values of scipy 1.17: `norm` and `logsumexp` for the density, `brentq` for the quantile, `quad`
    /// over (F(x) - [x >= y])² for the CRPS.
    #[test]
    fn matches_scipy() {
        let mixture = Mixture::new(&MEANS, &VARIANCES);
        let points = [
            (-1.0, -2.4672784567947357, 0.03766587993521293, 1.571355564971616),
            (1.2, -1.2149964828778146, 0.5043394580600252, 0.3627524560415175),
            (2.9, -0.7388426606579985, 0.8069260830856582, 0.9072619342542458),
            (6.0, -12.43023289432418, 0.9999991505817188, 3.919143992214032),
        ];
        for (y, log_density, cumulative, crps) in points {
            close(mixture.log_density(y).unwrap(), log_density);
            close(mixture.cumulative(y), cumulative);
            close(mixture.crps(y), crps);
        }
        let quantiles = [
            (0.01, -1.4991867890277195),
            (0.05, -0.868242092601276),
            (0.5, 1.1854340636203298),
            (0.9, 3.080843672315283),
            (0.975, 3.303821010466556),
        ];
        for (p, expected) in quantiles {
            close(mixture.quantile(p), expected);
            close(mixture_quantile(&MEANS, &VARIANCES, p), expected);
        }
    }

    #[test]
    fn far_from_all_samples_the_density_is_not_lost() {
        let log = Mixture::new(&[0.0, 1.0], &[1.0, 1.0]).log_density(200.0).unwrap();
        // The sample at 1 has all the weight.
        close(log, Gaussian { mean: 1.0, std: 1.0 }.log_density(200.0).unwrap() - 2f64.ln());
        let beyond = Mixture::new(&[0.0, 1.0], &[1.0, 1.0]).log_density(1e300);
        assert_eq!(beyond, Some(f64::NEG_INFINITY));
    }

    #[test]
    fn without_noise_of_the_data_samples_are_points() {
        let (means, none) = ([3.0, 1.0, 2.0, 2.0], [0.0; 4]);
        let mixture = Mixture::new(&means, &none);
        assert_eq!(mixture.log_density(1.0), None);
        assert_eq!([0.0, 1.0, 2.0, 3.5].map(|y| mixture.cumulative(y)), [0.0, 0.25, 0.75, 1.0]);
        let quantiles = [0.0, 0.25, 0.26, 0.75, 0.76, 1.0].map(|p| mixture.quantile(p));
        assert_eq!(quantiles, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        // |y - x| is 2, 0, 1, 1; pairs are 2, 1, 1, 1, 1, 0 apart.
        close(mixture.crps(1.0), 1.0 - 6.0 / 16.0);
        assert_eq!(Mixture::new(&[5.0], &[0.0]).quantile(0.5), 5.0);
    }

    #[test]
    fn the_ends_are_infinite() {
        let mixture = Mixture::new(&MEANS, &VARIANCES);
        assert_eq!([0.0, 1.0].map(|p| mixture.quantile(p)), [f64::NEG_INFINITY, f64::INFINITY]);
    }
}
