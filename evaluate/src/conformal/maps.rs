//! Conformal prediction of maps of classes: a threshold from calibration pictures, coverage of test pictures.
//!
//! The positions of a picture depend on each other, so pictures are what is exchangeable, and each of them counts
//! the same. The promise is about the share of a picture's positions whose set misses the class: it is at most alpha
//! on average (Angelopoulos et al., "Conformal Risk Control", ICLR 2024; Lee et al., "Distribution-Free Inference
//! with Hierarchical Data", 2023). With one position in each picture this is split conformal prediction.

use std::collections::BTreeMap;

use bayes8_core::conformal::{ClassScore, check_alpha};
use bayes8_core::head::map::ClassMapUncertainty;
use serde::Serialize;

use super::bounds::CONFIDENCE;
use super::error::ConformalError;
use super::threshold::{ROUNDING, needed};
use crate::metrics::regression::normal::quantile;

/// Thresholds are multiples of 1 / `STEPS`, so that the scores of many pictures take little memory.
const STEPS: f64 = 65_536.0;

/// The scores of the classes of calibration pictures.
#[derive(Clone, Debug)]
pub(super) struct MapScores {
    score: ClassScore,
    pictures: usize,
    /// The numbers of pictures whose scores are at most a multiple of 1 / [`STEPS`] and above the one before,
    /// where a picture counts by the share of its positions.
    shares: BTreeMap<u64, f64>,
}

/// How many positions of test pictures have sets that hold their class, and how large the sets are. Each picture
/// counts the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MapCoverage {
    /// The threshold.
    pub threshold: f64,
    /// Number of test pictures with a class at some position.
    pub examples: usize,
    /// Mean share of the positions of a picture whose set holds the class.
    pub coverage: f64,
    /// Mean number of classes in the set of a position.
    pub mean_size: f64,
    /// Lowest coverage that chance allows: by the normal approximation, a right method falls below it with a
    /// probability of about half of what [`CONFIDENCE`] leaves, or less. The variance is that of the pictures'
    /// coverage; of fewer than 30 test pictures it is the largest possible one, as if sets covered all of a
    /// picture or nothing.
    pub lower: f64,
}

/// The fewest test pictures from which a variance is estimated.
const FEWEST: usize = 30;

/// Sums over test pictures, whose sets come from a score and a threshold.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapSums {
    score: ClassScore,
    threshold: f64,
    pictures: usize,
    coverage: f64,
    squares: f64,
    size: f64,
}

impl MapScores {
    pub(super) fn new(score: ClassScore) -> Self {
        Self { score, pictures: 0, shares: BTreeMap::new() }
    }

    /// Number of pictures with a class at some position.
    pub(super) fn pictures(&self) -> usize {
        self.pictures
    }

    /// Adds a picture, with the class of each position. A picture without classes changes nothing.
    pub(super) fn add(&mut self, map: &ClassMapUncertainty, truth: &[Option<u16>]) {
        let mut counts = BTreeMap::new();
        for (probabilities, class) in known(map, truth) {
            let score = self.score.score(&probabilities, class);
            // Scores are finite, 0 or above; a step is a power of two, so nothing is rounded before the ceiling.
            *counts.entry(libm::ceil(score * STEPS) as u64).or_insert(0usize) += 1;
        }
        let positions: usize = counts.values().sum();
        self.pictures += usize::from(positions > 0);
        for (step, count) in counts {
            *self.shares.entry(step).or_insert(0.0) += count as f64 / positions as f64;
        }
    }

    /// Returns the least threshold with at most `alpha (n + 1) - 1` of n pictures above it.
    ///
    /// # Errors
    /// When `alpha` does not lie between 0 and 1, or there are too few pictures.
    pub(super) fn calibrate(&self, alpha: f64) -> Result<f64, ConformalError> {
        check_alpha(alpha)?;
        let (found, needed) = (self.pictures, needed(alpha)?);
        if found < needed {
            return Err(ConformalError::TooFew { found, needed, alpha });
        }
        let mut allowed = alpha * (found + 1) as f64 - 1.0 + ROUNDING;
        for (&step, &share) in self.shares.iter().rev() {
            allowed -= share;
            if allowed < 0.0 {
                // Penalties may be larger than any step.
                let threshold = if step < u64::MAX { step as f64 / STEPS } else { f64::INFINITY };
                return Ok(threshold);
            }
        }
        // Not with alpha below 1.
        Ok(0.0)
    }
}

impl MapSums {
    /// No pictures.
    pub(super) fn new(score: ClassScore, threshold: f64) -> Self {
        Self { score, threshold, pictures: 0, coverage: 0.0, squares: 0.0, size: 0.0 }
    }

    /// Adds a picture, with the class of each position. A picture without classes changes nothing.
    pub(super) fn add(&mut self, map: &ClassMapUncertainty, truth: &[Option<u16>]) {
        let (mut positions, mut covered, mut size) = (0usize, 0usize, 0usize);
        for (probabilities, class) in known(map, truth) {
            let set = self.score.set(&probabilities, self.threshold);
            positions += 1;
            covered += usize::from(set.contains(&class));
            size += set.len();
        }
        if positions > 0 {
            let share = covered as f64 / positions as f64;
            self.pictures += 1;
            self.coverage += share;
            self.squares += share * share;
            self.size += size as f64 / positions as f64;
        }
    }

    /// Computes the coverage with a threshold from `calibration` pictures, and what chance allows: their coverage
    /// varies as that of test pictures does.
    pub(super) fn finish(&self, calibration: usize, alpha: f64) -> MapCoverage {
        let (calibration, pictures) = (calibration as f64, self.pictures as f64);
        let coverage = self.coverage / pictures;
        let variance = match self.pictures {
            FEWEST.. => (self.squares / pictures - coverage * coverage).max(0.0),
            _ => alpha * (1.0 - alpha),
        };
        let error = (variance * (1.0 / calibration + 1.0 / pictures)).sqrt();
        let slack = quantile((1.0 + CONFIDENCE) / 2.0) * error;
        MapCoverage {
            threshold: self.threshold,
            examples: self.pictures,
            coverage,
            mean_size: self.size / pictures,
            lower: (1.0 - alpha - slack).max(0.0),
        }
    }
}

/// The probabilities of the positions that have a class, and the class.
fn known<'a>(
    map: &'a ClassMapUncertainty,
    truth: &'a [Option<u16>],
) -> impl Iterator<Item = (Vec<f64>, usize)> + 'a {
    let positions = map.probabilities.chunks_exact(map.classes.max(1)).zip(truth);
    positions.filter_map(|(probabilities, &class)| {
        let wide = probabilities.iter().map(|&p| f64::from(p)).collect();
        Some((wide, class?.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformal::threshold::threshold;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// A map of two classes with these probabilities of the first.
    fn map(first: &[f32]) -> ClassMapUncertainty {
        let probabilities = first.iter().flat_map(|&p| [p, 1.0 - p]).collect();
        ClassMapUncertainty { classes: 2, probabilities, ..Default::default() }
    }

    #[test]
    fn pictures_of_one_position_have_the_threshold_of_split_conformal_prediction() {
        let of = |n: usize| (7 * n % 64) as f32 / 64.0;
        for alpha in [0.05, 0.1, 0.29, 0.5, 0.9] {
            let mut scores = MapScores::new(ClassScore::Lac);
            (0..40).for_each(|n| scores.add(&map(&[of(n)]), &[Some(0)]));
            let all: Vec<f64> = (0..40).map(|n| 1.0 - f64::from(of(n))).collect();
            assert_eq!(scores.calibrate(alpha).unwrap(), threshold(&all, alpha).unwrap());
        }
    }

    #[test]
    fn a_picture_counts_once_however_many_positions_have_a_class() {
        let mut scores = MapScores::new(ClassScore::Lac);
        // Scores of 0.75, and of 0.25 at three positions; one has no class.
        scores.add(&map(&[0.25, 0.0]), &[Some(0), None]);
        scores.add(&map(&[0.75; 3]), &[Some(0); 3]);
        scores.add(&map(&[0.5]), &[None]);
        assert_eq!(scores.pictures(), 2);
        // Of 3 * 0.7 - 1 = 1.1 pictures that may be missed, the first is one.
        assert_eq!(scores.calibrate(0.7), Ok(0.25));
        assert_eq!(scores.calibrate(0.6), Ok(0.75));
        let error = ConformalError::TooFew { found: 2, needed: 3, alpha: 0.3 };
        assert_eq!(scores.calibrate(0.3), Err(error));
    }

    #[test]
    fn thresholds_are_rounded_up() {
        let mut scores = MapScores::new(ClassScore::Lac);
        (0..9).for_each(|_| scores.add(&map(&[0.9]), &[Some(0)]));
        let threshold = scores.calibrate(0.1).unwrap();
        let score = 1.0 - f64::from(0.9f32);
        assert!(threshold >= score && threshold - score < 1.0 / STEPS, "{threshold}");
    }

    #[test]
    fn scores_beyond_all_steps_let_everything_in() {
        let mut scores = MapScores::new(ClassScore::Raps { lambda: 1e300, k_reg: 0 });
        (0..9).for_each(|_| scores.add(&map(&[0.5]), &[Some(0)]));
        assert_eq!(scores.calibrate(0.1), Ok(f64::INFINITY));
    }

    #[test]
    fn coverage_is_the_mean_over_pictures() {
        let mut sums = MapSums::new(ClassScore::Lac, 0.5);
        sums.add(&map(&[0.75, 0.25, 0.25, 0.25]), &[Some(0), Some(0), None, Some(1)]);
        sums.add(&map(&[0.5]), &[Some(1)]);
        sums.add(&map(&[0.5]), &[None]);
        let found = sums.finish(9, 0.1);
        assert_eq!((found.examples, found.threshold), (2, 0.5));
        assert!((found.coverage - (2.0 / 3.0 + 1.0) / 2.0).abs() < 1e-12);
        // Sets of one class in the first picture, of both in the second.
        assert!((found.mean_size - 1.5).abs() < 1e-12);
        // Two pictures say nothing of their variance.
        let slack = quantile(0.9995) * (0.09f64 * (1.0 / 9.0 + 0.5)).sqrt();
        assert!((found.lower - (0.9 - slack)).abs() < 1e-12);
    }

    /// Pictures of 60 positions with two classes, whose difficulty is that of the picture: positions are far
    /// from independent.
    fn pictures(
        random: &mut ChaCha8Rng,
        count: usize,
    ) -> Vec<(ClassMapUncertainty, Vec<Option<u16>>)> {
        let mut uniform = || f64::from(random.next_u32()) / f64::from(u32::MAX);
        let picture = |_| {
            let wrong = uniform() * uniform();
            let first: Vec<f32> = (0..60).map(|_| uniform() as f32).collect();
            let class = |&p: &f32| Some(u16::from((p < 0.5) != (uniform() < wrong)));
            let truth = first.iter().map(class).collect();
            (map(&first), truth)
        };
        (0..count).map(picture).collect()
    }

    #[test]
    fn the_share_of_positions_that_are_missed_is_alpha_on_average() {
        let score = ClassScore::Lac;
        for alpha in [0.1, 0.2, 0.3] {
            let (mut sum, mut below) = (0.0, 0);
            for seed in 0..200 {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                let mut scores = MapScores::new(score);
                pictures(&mut random, 30).iter().for_each(|(map, truth)| scores.add(map, truth));
                let threshold = scores.calibrate(alpha).unwrap();
                let mut sums = MapSums::new(score, threshold);
                for (map, truth) in pictures(&mut random, 40) {
                    sums.add(&map, &truth);
                }
                let found = sums.finish(scores.pictures(), alpha);
                sum += found.coverage;
                below += usize::from(found.coverage < found.lower);
            }
            let mean = sum / 200.0;
            // The largest excess is 1 / 31 and what scores in steps add; the mean of 200 is off by 0.004.
            assert!(mean > 1.0 - alpha - 0.01 && mean < 1.0 - alpha + 0.06, "{alpha}: {mean}");
            assert!(below <= 1, "{alpha}: {below} of 200 below the bound");
        }
    }
}
