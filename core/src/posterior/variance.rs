//! The exact variance of the weights that the integer sampler draws.
//!
//! The noise has only 65,536 equally likely outcomes, so the distribution of a sampled weight
//! around its mean code can be enumerated; nothing here is an estimate. The converter uses it to
//! pick sigma codes, and the fidelity report quotes it. Saturation at the ends of i8 is left out,
//! since it depends on the mean code too.

use crate::posterior::gaussian::{NOISE_MAX, NOISE_TABLES, mulhrs};

const VALUES: usize = 2 * NOISE_MAX as usize + 1;

/// The number of times that each value of the noise occurs among its 65,536 outcomes.
#[derive(Clone, Debug)]
pub struct NoiseDistribution {
    counts: [u32; VALUES],
}

impl NoiseDistribution {
    /// Computes the distribution of the sum of the four tables' entries.
    pub fn new() -> Self {
        let mut counts = [0; VALUES];
        counts[NOISE_MAX as usize] = 1;
        for table in &NOISE_TABLES {
            let mut sum = [0; VALUES];
            for (i, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
                for &entry in table {
                    sum[(i as i32 + i32::from(entry)) as usize] += count;
                }
            }
            counts = sum;
        }
        Self { counts }
    }

    /// Iterates over every value of the noise, with the number of outcomes that give it.
    pub fn outcomes(&self) -> impl Iterator<Item = (i8, u32)> {
        self.counts.iter().enumerate().map(|(i, &count)| ((i as i32 - NOISE_MAX) as i8, count))
    }

    /// Computes the variance, in squared weight steps, of a weight with this sigma code and noise
    /// multiplier.
    pub fn variance(&self, sigma: u8, multiplier: i16) -> f64 {
        let (mut sum, mut squares) = (0i64, 0i64);
        for (noise, count) in self.outcomes() {
            let spread = i64::from(mulhrs(i16::from(noise) * i16::from(sigma), multiplier));
            sum += spread * i64::from(count);
            squares += spread * spread * i64::from(count);
        }
        let mean = sum as f64 / 65_536.0;
        squares as f64 / 65_536.0 - mean * mean
    }

    /// Computes the share of a weight's draws that saturate: that would leave i8.
    pub fn saturation(&self, mu: i8, sigma: u8, multiplier: i16) -> f64 {
        let sum =
            |noise: i8| i16::from(mu) + mulhrs(i16::from(noise) * i16::from(sigma), multiplier);
        let leaves = |&(noise, _): &(i8, u32)| i8::try_from(sum(noise)).is_err();
        // Most weights never saturate.
        if [NOISE_MAX, -NOISE_MAX].iter().all(|&end| !leaves(&(end as i8, 0))) {
            return 0.0;
        }
        let count: u32 = self.outcomes().filter(leaves).map(|(_, count)| count).sum();
        f64::from(count) / 65_536.0
    }

    /// Computes [`NoiseDistribution::variance`] for all 256 sigma codes. It never falls from one
    /// code to the next.
    pub fn variances(&self, multiplier: i16) -> [f64; 256] {
        core::array::from_fn(|sigma| self.variance(sigma as u8, multiplier))
    }
}

impl Default for NoiseDistribution {
    fn default() -> Self {
        Self::new()
    }
}
