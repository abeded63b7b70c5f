//! How many sets and intervals hold the truth, and how large they are.

use bayes8_core::conformal::{ClassScore, LabelSet, residual_interval, residual_score};
use ndarray::ArrayView2;
use serde::Serialize;

use crate::metrics::pairs;

/// Sets or intervals of test examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// Number of test examples.
    pub examples: usize,
    /// How many of them have a set or an interval that holds the truth.
    pub covered: usize,
    /// Their share; NaN if there are no examples.
    pub coverage: f64,
    /// Mean number of classes or answers in a set, or mean width of an interval in the units of the
    /// target.
    pub mean_size: f64,
}

impl Coverage {
    /// Counts over the examples: whether each is covered, and its size.
    fn new(examples: impl Iterator<Item = (bool, f64)>) -> Self {
        let (mut count, mut covered, mut size) = (0, 0, 0.0);
        for (is_covered, example_size) in examples {
            count += 1;
            covered += usize::from(is_covered);
            size += example_size;
        }
        let all = count as f64;
        Self { examples: count, covered, coverage: covered as f64 / all, mean_size: size / all }
    }

    /// Computes the coverage of sets of classes, from mean probabilities `[examples, classes]`.
    ///
    /// # Panics
    /// When the counts differ or a label is not a class.
    pub fn of_classes(
        score: ClassScore,
        threshold: f64,
        probabilities: ArrayView2<'_, f64>,
        labels: &[i64],
    ) -> Self {
        Self::new(pairs(probabilities, labels).map(|(p, label)| {
            let set = score.set(&p.to_vec(), threshold);
            (set.contains(&label), set.len() as f64)
        }))
    }

    /// Computes the coverage of the sets of one label.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn of_label(threshold: f64, probabilities: &[f64], present: &[bool]) -> Self {
        assert_eq!(probabilities.len(), present.len(), "one probability for every example");
        Self::new(probabilities.iter().zip(present).map(|(&p, &present)| {
            let set = LabelSet::new(p, threshold);
            (set.contains(present), set.size() as f64)
        }))
    }

    /// Computes the coverage of the intervals of a target. As the scores decide, a true value at an end
    /// is inside whatever way the end was rounded.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn of_residuals(threshold: f64, means: &[f64], stds: &[f64], truth: &[f64]) -> Self {
        assert_eq!(means.len(), truth.len(), "one mean for every true value");
        assert_eq!(stds.len(), truth.len(), "one standard deviation for every true value");
        let predictions = means.iter().zip(stds).zip(truth);
        Self::new(predictions.map(|((&mean, &std), &y)| {
            let [lower, upper] = residual_interval(mean, std, threshold);
            (residual_score(y, mean, std) <= threshold, upper - lower)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;
    use ndarray::array;

    #[test]
    fn sets_of_classes_are_counted() {
        let p = array![[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.25, 0.25, 0.5]];
        let found = Coverage::of_classes(ClassScore::Aps, 0.75, p.view(), &[0, 2, 2]);
        // {0, 1}, {1}, {2, 0}.
        assert_eq!((found.examples, found.covered), (3, 2));
        close(found.coverage, 2.0 / 3.0);
        close(found.mean_size, 5.0 / 3.0);
        let empty = Coverage::of_classes(ClassScore::Lac, 0.1, p.view(), &[0, 2, 2]);
        assert_eq!((empty.covered, empty.mean_size), (0, 0.0));
    }

    #[test]
    fn answers_and_intervals_are_counted() {
        let found = Coverage::of_label(0.25, &[0.875, 0.125, 0.5], &[true, true, false]);
        assert_eq!((found.covered, found.examples), (1, 3));
        close(found.mean_size, 2.0 / 3.0);
        let found = Coverage::of_residuals(1.5, &[0.0, 0.0], &[1.0, 2.0], &[-1.5, 3.1]);
        assert_eq!((found.covered, found.mean_size), (1, 4.5));
        assert!(Coverage::of_residuals(1.5, &[], &[], &[]).coverage.is_nan());
    }
}
