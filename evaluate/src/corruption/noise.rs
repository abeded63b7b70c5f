//! Noise in single channels of single pixels.

use std::f64::consts::TAU;

use ndarray::{Array3, ArrayView3};
use rand_chacha::{ChaCha8Rng, rand_core::Rng};

use super::pixels::{byte, share};

/// Standard deviations, as shares of white.
const GAUSSIAN_STD: [f64; 5] = [0.04, 0.06, 0.08, 0.09, 0.10];

/// Photons per white pixel.
const SHOT_PHOTONS: [f64; 5] = [500.0, 250.0, 100.0, 75.0, 50.0];

/// Share of values that are replaced.
const IMPULSE_SHARE: [f64; 5] = [0.01, 0.02, 0.03, 0.05, 0.07];

pub(super) fn gaussian(x: ArrayView3<'_, u8>, level: usize, random: &mut ChaCha8Rng) -> Array3<u8> {
    x.map(|&b| byte(share(b) + GAUSSIAN_STD[level] * normal(random)))
}

/// Poisson noise: each value becomes a random number of photons, whose mean the value stands for.
pub(super) fn shot(x: ArrayView3<'_, u8>, level: usize, random: &mut ChaCha8Rng) -> Array3<u8> {
    let photons = SHOT_PHOTONS[level];
    // There are only 256 means.
    let mut tables: Vec<Option<Poisson>> = (0..256).map(|_| None).collect();
    x.map(|&b| {
        let table = &mut tables[usize::from(b)];
        let table = table.get_or_insert_with(|| Poisson::new(share(b) * photons));
        byte(table.sample(random) as f64 / photons)
    })
}

/// Salt and pepper.
pub(super) fn impulse(x: ArrayView3<'_, u8>, level: usize, random: &mut ChaCha8Rng) -> Array3<u8> {
    x.map(|&b| {
        let (replaced, white) =
            (uniform(random) < IMPULSE_SHARE[level], random.next_u32() & 1 == 1);
        match (replaced, white) {
            (false, _) => b,
            (true, true) => u8::MAX,
            (true, false) => 0,
        }
    })
}

/// In `[0, 1)`, a multiple of 2^-53.
pub(super) fn uniform(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Standard normal, by the Box-Muller transform.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    // In (0, 1], so that the logarithm is finite.
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - uniform(random)));
    radius * libm::cos(TAU * uniform(random))
}

/// A Poisson distribution, by its cumulative probabilities.
struct Poisson {
    /// The chance of `first + i` or fewer.
    cumulative: Vec<f64>,
    first: usize,
}

impl Poisson {
    /// `mean` is from 0 to a few hundred, where no probability underflows.
    fn new(mean: f64) -> Self {
        // More than twelve standard deviations: the rest is below 2^-53.
        let reach = 12.0 * libm::sqrt(mean) + 20.0;
        let first = libm::floor(mean - reach).max(0.0) as usize;
        let last = libm::ceil(mean + reach) as usize;
        let mut log_probability = -mean;
        let mut cumulative = Vec::with_capacity(last + 1 - first);
        let mut sum = 0.0;
        for count in 0..=last {
            if count > 0 {
                log_probability += libm::log(mean / count as f64);
            }
            if count >= first {
                sum += libm::exp(log_probability);
                cumulative.push(sum);
            }
        }
        Self { cumulative, first }
    }

    fn sample(&self, random: &mut ChaCha8Rng) -> usize {
        let uniform = uniform(random);
        let index = self.cumulative.partition_point(|&chance| chance <= uniform);
        self.first + index.min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    fn mean_and_variance(values: impl Iterator<Item = f64>) -> (f64, f64) {
        let values: Vec<f64> = values.collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
        (mean, squares / values.len() as f64)
    }

    #[test]
    fn poisson_has_its_mean_as_variance() {
        let mut random = ChaCha8Rng::from_seed([1; 32]);
        for mean in [0.5, 7.0, 500.0] {
            let poisson = Poisson::new(mean);
            let samples = (0..40_000).map(|_| poisson.sample(&mut random) as f64);
            let (found, variance) = mean_and_variance(samples);
            // Five standard errors.
            assert!((found - mean).abs() < 5.0 * (mean / 40_000.0f64).sqrt(), "{mean}: {found}");
            assert!((variance / mean - 1.0).abs() < 0.06, "{mean}: {variance}");
        }
        assert_eq!(Poisson::new(0.0).sample(&mut random), 0);
    }

    #[test]
    fn noise_is_standard_normal() {
        let mut random = ChaCha8Rng::from_seed([2; 32]);
        let (mean, variance) = mean_and_variance((0..40_000).map(|_| normal(&mut random)));
        assert!(mean.abs() < 0.025 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }
}
