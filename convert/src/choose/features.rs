//! What each draw of the pool predicts at each site.

use super::sites::{Kind, Site, Sites};

/// Weight of entropies among the features, in nats for a probability. Mean entropies then come nearer to those of
/// the pool too, and with them the mutual information.
const ENTROPY: f64 = 0.3;

/// Weight of a target's standard deviation among the features, for its mean.
const TARGET: f64 = 0.125;

/// The features of all draws of a pool.
#[derive(Debug)]
pub(super) struct Features {
    sites: Sites,
    /// `[draws][pictures][features]`: probabilities and entropies, means and variances.
    values: Vec<f32>,
    /// The number of draws of each picture that are there.
    filled: Vec<usize>,
}

impl Features {
    /// Makes room for the features of `pool` draws.
    pub(super) fn new(sites: Sites, pool: usize) -> Self {
        let values = vec![0.0; pool * sites.pictures() * sites.features()];
        let filled = vec![0; sites.pictures()];
        Self { sites, values, filled }
    }

    /// Adds the numbers of the next draw for a picture.
    pub(super) fn add(&mut self, picture: usize, numbers: &[f32]) {
        let draw = self.filled[picture];
        self.filled[picture] += 1;
        let start = self.start(draw, picture);
        for site in self.sites.of_picture() {
            let count = site.kind.features();
            let values = &mut self.values[start + site.feature..][..count];
            match site.kind {
                Kind::Classes(count) => classes(&numbers[site.first..][..count], values),
                Kind::Label => {
                    let p = 1.0 / (1.0 + libm::exp(-f64::from(numbers[site.first])));
                    let h = plogp(p) + plogp(1.0 - p);
                    values.copy_from_slice(&[p as f32, h as f32]);
                }
                Kind::Target(variance) => {
                    let variance = numbers.get(site.variance).map_or(0.0, |&x| variance.of(x));
                    values.copy_from_slice(&[numbers[site.first], variance as f32]);
                }
            }
        }
    }

    fn start(&self, draw: usize, picture: usize) -> usize {
        (draw * self.sites.pictures() + picture) * self.sites.features()
    }

    /// The number of draws.
    pub(super) fn pool(&self) -> usize {
        let row = self.sites.pictures() * self.sites.features();
        self.values.len().checked_div(row).unwrap_or(0)
    }

    /// The sites.
    pub(super) fn sites(&self) -> &Sites {
        &self.sites
    }

    /// The features of a site for a draw and a picture.
    pub(super) fn of(&self, draw: usize, picture: usize, site: &Site) -> &[f32] {
        &self.values[self.start(draw, picture) + site.feature..][..site.kind.features()]
    }

    /// The means over some draws of the features of a site.
    pub(super) fn means(&self, draws: &[usize], picture: usize, site: &Site) -> Vec<f64> {
        let mut sums = vec![0.0; site.kind.features()];
        for &draw in draws {
            for (sum, &x) in sums.iter_mut().zip(self.of(draw, picture, site)) {
                *sum += f64::from(x);
            }
        }
        sums.iter().map(|sum| sum / draws.len() as f64).collect()
    }

    /// The features of a site for each draw, as distances from their means over the pool, in units in which they
    /// are compared: `[draws][features]`.
    pub(super) fn distances(&self, picture: usize, site: &Site) -> Vec<f64> {
        let pool = self.pool();
        let count = site.kind.features();
        let all = || (0..pool).map(|draw| self.of(draw, picture, site));
        let mut distances: Vec<f64> = all().flatten().map(|&x| f64::from(x)).collect();
        centre(&mut distances, count);
        match site.kind {
            Kind::Classes(_) | Kind::Label => {
                distances.chunks_mut(count).for_each(|row| row[count - 1] *= ENTROPY);
            }
            Kind::Target(_) => {
                // The second moment about the mean of the pool takes the place of the variance.
                distances.chunks_mut(count).for_each(|row| row[1] += row[0] * row[0]);
                centre(&mut distances, count);
                for (feature, weight) in [TARGET, TARGET * ENTROPY].into_iter().enumerate() {
                    let squares = distances.iter().skip(feature).step_by(count).map(|x| x * x);
                    let std = (squares.sum::<f64>() / pool as f64).sqrt();
                    let factor = if std > 0.0 { weight / std } else { 0.0 };
                    distances.iter_mut().skip(feature).step_by(count).for_each(|x| *x *= factor);
                }
            }
        }
        distances
    }
}

/// Subtracts the mean of each of `count` columns.
fn centre(rows: &mut [f64], count: usize) {
    for column in 0..count {
        let sum: f64 = rows.iter().skip(column).step_by(count).sum();
        let mean = sum / (rows.len() / count) as f64;
        rows.iter_mut().skip(column).step_by(count).for_each(|x| *x -= mean);
    }
}

/// Writes the probabilities of logits, and then their entropy.
fn classes(logits: &[f32], values: &mut [f32]) {
    let largest = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let e = |logit: f32| libm::exp(f64::from(logit) - f64::from(largest));
    let sum: f64 = logits.iter().map(|&logit| e(logit)).sum();
    let mut entropy = 0.0;
    for (value, &logit) in values.iter_mut().zip(logits) {
        let p = e(logit) / sum;
        entropy += plogp(p);
        *value = p as f32;
    }
    values[logits.len()] = entropy as f32;
}

/// -p ln p.
pub(super) fn plogp(p: f64) -> f64 {
    if p > 0.0 { -p * libm::log(p) } else { 0.0 }
}
