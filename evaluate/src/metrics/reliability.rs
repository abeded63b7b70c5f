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
    // Pictures, right ones, sum of confidences.
    let mut sums = [(0, 0, 0.0); ECE_BINS];
    for (p, label) in pairs(probabilities, labels) {
        let (class, confidence) = best(p);
        let bin = ((confidence * ECE_BINS as f64) as usize).min(ECE_BINS - 1);
        let (count, right, sum) = &mut sums[bin];
        *count += 1;
        *right += usize::from(class == label);
        *sum += confidence;
    }
    let edge = |bin: usize| bin as f64 / ECE_BINS as f64;
    let bins = sums.into_iter().enumerate().map(|(bin, (count, right, sum))| ReliabilityBin {
        lower: edge(bin),
        upper: edge(bin + 1),
        count,
        confidence: sum / count as f64,
        accuracy: right as f64 / count as f64,
    });
    bins.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;
    use ndarray::array;

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
