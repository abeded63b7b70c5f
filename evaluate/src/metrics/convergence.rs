//! Figures by the number of Monte-Carlo samples, to see how many are enough.

use bayes8_core::head::Accumulator;
use bayes8_core::head::classes::ClassSums;
use serde::Serialize;

use super::labels::check_labels;
use super::scores::NLL_FLOOR;

/// Least number of ranges for a standard error.
const FEWEST_RANGES: usize = 4;

/// Figures over all pictures of predictions with 1, 2, 4, ... samples.
///
/// The sums of sample ranges merge exactly, so S samples hold S / n disjoint ranges of n samples. Each
/// range is an independent prediction, and their spread is the standard error of one of them.
#[derive(Clone, Debug)]
pub struct Convergence {
    labels: Vec<usize>,
    classes: usize,
    /// For each picture: samples added, and the sums of ranges that wait for their second half.
    pictures: Vec<(usize, Vec<ClassSums>)>,
    /// For ranges of 1, 2, 4, ... samples: sums over the pictures, per range.
    levels: Vec<Vec<[f64; 3]>>,
}

/// Figures of predictions with one number of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ConvergencePoint {
    /// Monte-Carlo samples per prediction.
    pub samples: usize,
    /// Number of disjoint ranges of this length.
    pub ranges: usize,
    /// Mean negative log-likelihood, in nats.
    pub nll: Estimate,
    /// Mean total uncertainty, in nats.
    pub predictive_entropy: Estimate,
    /// Mean epistemic uncertainty, in nats. With S samples it is too small by about 1 / S of itself.
    pub mutual_information: Estimate,
}

/// A figure and its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Mean over the ranges.
    pub value: f64,
    /// Standard deviation of the figure of one range: over the ranges if there are at least four,
    /// otherwise extrapolated from shorter ranges, as it falls with the root of the number of samples.
    /// NaN if there are too few samples for either.
    pub standard_error: f64,
}

impl Convergence {
    /// Begins with pictures of these labels, and `samples` samples per picture.
    ///
    /// # Panics
    /// When a label is not a class ([`check_labels`]).
    pub fn new(labels: &[i64], classes: usize, samples: usize) -> Self {
        if let Err(error) = check_labels(labels, classes) {
            panic!("{error}");
        }
        let levels = (0..usize::BITS).map(|level| samples >> level).take_while(|&n| n > 0);
        Self {
            labels: labels.iter().map(|&label| label as usize).collect(),
            classes,
            pictures: vec![(0, Vec::new()); labels.len()],
            levels: levels.map(|ranges| vec![[0.0; 3]; ranges]).collect(),
        }
    }

    /// Adds the next sample of a picture. Samples beyond the announced number are ignored.
    ///
    /// # Panics
    /// When the picture does not exist, or the logits are not one per class.
    pub fn add(&mut self, picture: usize, logits: &[f32]) {
        let (count, waiting) = &mut self.pictures[picture];
        let mut sums = ClassSums::new(self.classes);
        sums.add(logits);
        for (level, ranges) in self.levels.iter_mut().enumerate() {
            let index = *count >> level;
            let Some(range) = ranges.get_mut(index) else { break };
            let u = sums.finish();
            let nll = -u.probabilities[self.labels[picture]].max(NLL_FLOOR).ln();
            let figures = [nll, u.predictive_entropy, u.mutual_information];
            range.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
            match waiting.pop() {
                // The second half of a longer range.
                Some(half) if index % 2 == 1 => sums.merge(&half),
                other => {
                    waiting.extend(other);
                    waiting.push(sums);
                    break;
                }
            }
        }
        *count += 1;
    }

    /// Returns the figures for 1, 2, 4, ... samples.
    pub fn points(&self) -> Vec<ConvergencePoint> {
        let mut points: Vec<ConvergencePoint> = Vec::new();
        for (level, ranges) in self.levels.iter().enumerate() {
            let before: Option<&ConvergencePoint> = points.last();
            let estimate = |figure: usize, before: Option<Estimate>| {
                let of = |range: &[f64; 3]| range[figure] / self.labels.len() as f64;
                let count = ranges.len() as f64;
                let value = ranges.iter().map(of).sum::<f64>() / count;
                let squares = ranges.iter().map(|range| (of(range) - value).powi(2)).sum::<f64>();
                let standard_error = match ranges.len() {
                    FEWEST_RANGES.. => (squares / (count - 1.0)).sqrt(),
                    _ => before.map_or(f64::NAN, |e| e.standard_error / 2f64.sqrt()),
                };
                Estimate { value, standard_error }
            };
            points.push(ConvergencePoint {
                samples: 1 << level,
                ranges: ranges.len(),
                nll: estimate(0, before.map(|point| point.nll)),
                predictive_entropy: estimate(1, before.map(|point| point.predictive_entropy)),
                mutual_information: estimate(2, before.map(|point| point.mutual_information)),
            });
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    /// Samples of two pictures, neither equal nor ordered.
    fn logits(picture: usize, sample: usize) -> [f32; 2] {
        [((7 * sample + 3 * picture) % 5) as f32, 1.5]
    }

    #[test]
    fn ranges_are_those_of_the_sums() {
        let labels = [0, 1];
        let mut convergence = Convergence::new(&labels, 2, 9);
        for sample in 0..9 {
            (0..2).for_each(|picture| convergence.add(picture, &logits(picture, sample)));
        }
        let points = convergence.points();
        let shapes: Vec<_> = points.iter().map(|point| (point.samples, point.ranges)).collect();
        assert_eq!(shapes, [(1, 9), (2, 4), (4, 2), (8, 1)]);
        for point in &points {
            let n = point.samples;
            let nll = |range: usize, picture: usize| {
                let mut sums = ClassSums::new(2);
                (range * n..(range + 1) * n).for_each(|s| sums.add(&logits(picture, s)));
                -sums.finish().probabilities[labels[picture] as usize].ln()
            };
            let nlls: Vec<f64> =
                (0..point.ranges).map(|range| (nll(range, 0) + nll(range, 1)) / 2.0).collect();
            let mean = nlls.iter().sum::<f64>() / nlls.len() as f64;
            close(point.nll.value, mean);
            if n == 2 {
                let variance = nlls.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 3.0;
                close(point.nll.standard_error, variance.sqrt());
            }
        }
        close(points[3].nll.standard_error, points[1].nll.standard_error / 2.0);
        // Apart from rounding in the integer sums.
        assert!(points[0].mutual_information.value < 1e-8);
    }

    #[test]
    fn three_samples_have_no_standard_error() {
        let mut convergence = Convergence::new(&[0], 2, 3);
        (0..3).for_each(|sample| convergence.add(0, &logits(0, sample)));
        assert!(convergence.points()[0].nll.standard_error.is_nan());
    }
}
