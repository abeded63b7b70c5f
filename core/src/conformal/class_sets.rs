//! Scores and sets of classes. A set takes IEEE-754 operations alone, so it is the same on every machine.

use super::error::PredictorError;
use crate::head::classes::by_probability;
use alloc::vec::Vec;

/// How strange a class looks for an example.
///
/// Classes are ordered by falling probability, equal ones by their index, and sums go over the classes in
/// that order, in `f64`. A larger threshold adds the next classes of that order.
///
/// No score is randomized, so that a set is a function of the probabilities. The guarantee does not need
/// randomness; without it sets cover more than they have to where many scores are equal. With APS, the
/// least probable class has a score of 1 in every example: with two classes, all wrong predictions share it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClassScore {
    /// 1 - probability of the class (Sadinle et al., "Least Ambiguous Set-Valued Classifiers With Bounded
    /// Error Levels", JASA 2019). Between 0 and 1. The sets are the smallest on average; that of a hard
    /// example may be empty.
    Lac,
    /// Sum of the probabilities down to the class, with its own (Romano et al., "Classification with
    /// Valid and Adaptive Coverage", NeurIPS 2020). Between 0 and 1, apart from rounding. Hard examples have
    /// larger sets.
    Aps,
    /// APS with a penalty for long sets: `lambda` for each place of the class after the first `k_reg`
    /// (Angelopoulos et al., "Uncertainty Sets for Image Classifiers using Conformal Prediction", ICLR
    /// 2021). 0 or above.
    Raps {
        /// The penalty of a place; finite, 0 or above.
        lambda: f64,
        /// Places without penalty.
        k_reg: u32,
    },
}

impl ClassScore {
    /// Returns RAPS with a checked penalty.
    ///
    /// # Errors
    /// When `lambda` is negative or not finite.
    pub fn raps(lambda: f64, k_reg: u32) -> Result<Self, PredictorError> {
        if lambda.is_finite() && lambda >= 0.0 {
            Ok(Self::Raps { lambda, k_reg })
        } else {
            Err(PredictorError::Lambda(lambda))
        }
    }

    /// Computes the score of `class` for an example with these mean probabilities.
    ///
    /// # Panics
    /// When the class does not exist.
    pub fn score(&self, probabilities: &[f64], class: usize) -> f64 {
        let mut ranked = self.ranked(probabilities);
        let found = ranked.find(|&(other, _)| other == class);
        found.expect("the class is one of the probabilities").1
    }

    /// Returns the set of an example: the classes with a score of at most `threshold`, the most
    /// probable first. All classes for an infinite threshold.
    pub fn set(&self, probabilities: &[f64], threshold: f64) -> Vec<usize> {
        // The scores never fall.
        let inside = self.ranked(probabilities).take_while(|&(_, score)| score <= threshold);
        inside.map(|(class, _)| class).collect()
    }

    /// The classes, the most probable first, with their scores.
    fn ranked(&self, probabilities: &[f64]) -> impl Iterator<Item = (usize, f64)> {
        let (score, mut sum) = (*self, 0.0);
        by_probability(probabilities).into_iter().enumerate().map(
            move |(place, (class, probability))| {
                sum += probability;
                let score = match score {
                    Self::Lac => 1.0 - probability,
                    Self::Aps => sum,
                    Self::Raps { lambda, k_reg } => {
                        sum + lambda * (place + 1).saturating_sub(k_reg as usize) as f64
                    }
                };
                (class, score)
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: [f64; 4] = [0.125, 0.5, 0.125, 0.25];

    fn scores(score: ClassScore) -> [f64; 4] {
        [0, 1, 2, 3].map(|class| score.score(&P, class))
    }

    #[test]
    fn scores_are_those_of_their_formulas() {
        assert_eq!(scores(ClassScore::Lac), [0.875, 0.5, 0.875, 0.75]);
        // In the order 1, 3, 0, 2: the first of equal classes comes first.
        assert_eq!(scores(ClassScore::Aps), [0.875, 0.5, 1.0, 0.75]);
        let raps = ClassScore::raps(0.25, 1).unwrap();
        assert_eq!(scores(raps), [1.375, 0.5, 1.75, 1.0]);
        assert_eq!(scores(ClassScore::raps(0.5, 4).unwrap()), scores(ClassScore::Aps));
        let at_once = ClassScore::raps(0.25, 0).unwrap();
        assert_eq!(at_once.score(&P, 1), 0.75);
    }

    #[test]
    fn sets_grow_in_the_order_of_probability() {
        let set = |score: ClassScore, threshold| score.set(&P, threshold);
        assert!(set(ClassScore::Aps, 0.49).is_empty());
        assert_eq!(set(ClassScore::Aps, 0.5), [1]);
        assert_eq!(set(ClassScore::Aps, 0.9), [1, 3, 0]);
        assert_eq!(set(ClassScore::Aps, 1.0), [1, 3, 0, 2]);
        // Equal probabilities have equal scores here, and enter together.
        assert_eq!(set(ClassScore::Lac, 0.8), [1, 3]);
        assert_eq!(set(ClassScore::Lac, 0.875), [1, 3, 0, 2]);
        let raps = ClassScore::raps(10.0, 2).unwrap();
        assert_eq!(set(raps, 1.0), [1, 3]);
        for score in [ClassScore::Lac, ClassScore::Aps, raps] {
            assert_eq!(set(score, f64::INFINITY), [1, 3, 0, 2]);
        }
    }

    #[test]
    fn a_penalty_is_not_negative() {
        for lambda in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(ClassScore::raps(lambda, 0).is_err());
        }
    }
}
