//! One Gaussian as the prediction of a target.

use core::f64::consts::PI;

use serde::Serialize;

use super::normal;

/// A Gaussian, in the units of the target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gaussian {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, 0 or above. With 0 the mean is certain.
    pub std: f64,
}

impl Gaussian {
    /// Computes the logarithm of the density at `y`: -ln(std sqrt(2 pi)) - (y - mean)² / (2 std²), in
    /// nats; another unit of the target adds a constant. `None` if `std` is 0: there is then no density.
    pub fn log_density(&self, y: f64) -> Option<f64> {
        let z = (y - self.mean) / self.std;
        (self.std > 0.0).then(|| -libm::log(self.std) - 0.5 * libm::log(2.0 * PI) - 0.5 * z * z)
    }

    /// Computes the chance of a value of at most `y`.
    pub fn cumulative(&self, y: f64) -> f64 {
        if self.std > 0.0 {
            normal::cumulative((y - self.mean) / self.std)
        } else if y < self.mean {
            0.0
        } else {
            1.0
        }
    }

    /// Computes the value below which a share `p` lies: the inverse of [`cumulative`](Self::cumulative).
    ///
    /// # Panics
    /// When `p` is not between 0 and 1.
    pub fn quantile(&self, p: f64) -> f64 {
        let z = normal::quantile(p);
        if self.std > 0.0 { self.mean + self.std * z } else { self.mean }
    }

    /// Computes the continuous ranked probability score of `y`, in the units of the target. 0 is
    /// perfect: std (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)) with z = (y - mean) / std (Gneiting and
    /// Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", JASA 2007, section 4.2).
    pub fn crps(&self, y: f64) -> f64 {
        Self { mean: y - self.mean, std: self.std }.expected_magnitude() - self.std / libm::sqrt(PI)
    }

    /// Computes the expected absolute value: 2 std phi(z) + mean (2 Phi(z) - 1) with z = mean / std.
    pub(super) fn expected_magnitude(&self) -> f64 {
        let Self { mean, std } = *self;
        let z = mean / std;
        if std > 0.0 {
            2.0 * std * normal::density(z) + mean * (2.0 * normal::cumulative(z) - 1.0)
        } else {
            mean.abs()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    /// Values of scipy 1.17 and of `properscoring.crps_gaussian`.
    #[test]
    fn matches_scipy_and_properscoring() {
        let gaussian = Gaussian { mean: 1.5, std: 0.4 };
        close(gaussian.log_density(2.2).unwrap(), -1.5338978013305185);
        close(gaussian.cumulative(2.2), 0.959940843136183);
        close(gaussian.quantile(0.95), 2.157941450780589);
        close(gaussian.crps(2.2), 0.4872632020327631);
        close(gaussian.crps(1.5), 0.09347799090204366);
    }

    #[test]
    fn no_deviation_is_a_certain_value() {
        let certain = Gaussian { mean: 2.0, std: 0.0 };
        assert_eq!(certain.log_density(2.0), None);
        assert_eq!([1.9, 2.0, 2.1].map(|y| certain.cumulative(y)), [0.0, 1.0, 1.0]);
        assert_eq!([0.0, 0.3, 1.0].map(|p| certain.quantile(p)), [2.0; 3]);
        close(certain.crps(2.5), 0.5);
    }
}
