//! Whether a model is right in 80 % of the cases in which it says 80 %.

use ndarray::ArrayView2;
use serde::Serialize;

use super::labels::{best, pairs};

/// Number of bins of [`reliability`] and of the expected calibration error.
pub const ECE_BINS: usize = 15;

/// One bar of a reliability diagram (Guo et al., "On Calibration of Modern Neural Networks", ICML
/// 2017): the pictures whose largest probability lies in `[lower, upper)`; the last bin includes `upper`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Lower end of the confidence.
    pub lower: f64,
    /// Upper end of the confidence.
    pub upper: f64,
    /// Number of pictures.
    pub count: usize,
    /// Mean of the largest probabilities; NaN for an empty bin.
    pub confidence: f64,
    /// Share of predictions that are right; NaN for an empty bin.
    pub accuracy: f64,
}

/// Computes the [`ECE_BINS`] bins of a reliability diagram, of equal width.
///
/// # Panics
/// When the counts differ or a label is not a class.
pub fn reliability(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> Vec<ReliabilityBin> {
    let mut bins = Bins::default();
    for (p, label) in pairs(probabilities, labels) {
        let (class, confidence) = best(p);
        bins.add(confidence, class == label);
    }
    bins.finish()
}

/// Computes the bins of independent labels, all labels together: whether an example has a label in 80 % of the
/// cases in which its probability is 80 %. `confidence` is then the mean probability of the label, and `accuracy` the share of
/// cases in which it is present.
///
/// # Panics
/// When the shapes differ.
pub fn label_reliability(
    probabilities: ArrayView2<'_, f64>,
    present: ArrayView2<'_, bool>,
) -> Vec<ReliabilityBin> {
    assert_eq!(probabilities.dim(), present.dim(), "one probability for every label");
    let mut bins = Bins::default();
    probabilities.iter().zip(present).for_each(|(&p, &is_present)| bins.add(p, is_present));
    bins.finish()
}

/// The expected calibration error of all bins; NaN without predictions.
pub(crate) fn calibration_error(bins: &[ReliabilityBin]) -> f64 {
    let count: usize = bins.iter().map(|bin| bin.count).sum();
    let bins = bins.iter().filter(|bin| bin.count > 0);
    let gaps = bins.map(|bin| bin.count as f64 * (bin.accuracy - bin.confidence).abs());
    gaps.sum::<f64>() / count as f64
}

/// Predictions, counted by their confidence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bins {
    /// Of each bin: predictions, right ones, sum of confidences.
    sums: [(usize, usize, f64); ECE_BINS],
}

impl Bins {
    /// Adds a prediction, whose largest probability is `confidence`.
    pub(crate) fn add(&mut self, confidence: f64, is_right: bool) {
        let bin = ((confidence * ECE_BINS as f64) as usize).min(ECE_BINS - 1);
        let (count, right, sum) = &mut self.sums[bin];
        *count += 1;
        *right += usize::from(is_right);
        *sum += confidence;
    }

    pub(crate) fn finish(&self) -> Vec<ReliabilityBin> {
        let edge = |bin: usize| bin as f64 / ECE_BINS as f64;
        let sums = self.sums.iter().enumerate();
        let bins = sums.map(|(bin, &(count, right, sum))| ReliabilityBin {
            lower: edge(bin),
            upper: edge(bin + 1),
            count,
            confidence: sum / count as f64,
            accuracy: right as f64 / count as f64,
        });
        bins.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;
    use ndarray::array;

    #[test]
    fn a_label_is_in_the_bin_of_its_probability_whether_present_or_not() {
        let p = array![[0.01, 0.99], [0.02, 1.0]];
        let bins = label_reliability(p.view(), array![[false, true], [true, true]].view());
        assert_eq!((bins[0].count, bins[14].count), (2, 2));
        assert!(bins[1..14].iter().all(|bin| bin.count == 0 && bin.accuracy.is_nan()));
        close(bins[0].confidence, 0.015);
        close(bins[0].accuracy, 0.5);
        close(bins[14].accuracy, 1.0);
    }

    #[test]
    fn each_picture_is_in_its_bin() {
        let p = array![[0.82, 0.18], [0.84, 0.16], [0.0, 1.0]];
        let bins = reliability(p.view(), &[0, 1, 1]);
        assert_eq!(bins.len(), ECE_BINS);
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), 3);
        let bin = bins[12];
        assert_eq!((bin.count, bin.accuracy), (2, 0.5));
        close(bin.lower, 0.8);
        close(bin.confidence, 0.83);
        // 1 belongs to the last bin.
        assert_eq!((bins[14].count, bins[14].confidence, bins[14].accuracy), (1, 1.0, 1.0));
        assert!(bins[0].count == 0 && bins[0].accuracy.is_nan());
    }
}
