//! Whether two models rank pictures alike.

use bayes8_core::head::classes::ClassUncertainty;

/// Computes Spearman's rank correlation; equal values share the mean of their ranks. NaN if one side is
/// constant or has fewer than two values.
///
/// # Panics
/// When the lengths differ.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "pairs of values");
    let (a, b) = (ranks(a), ranks(b));
    // The mean rank; ties do not change it.
    let middle = (a.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum()
    };
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// The most mutual information, in nats, that equal samples can have: their sums are rounded to 2^-30.
const ROUNDING: f64 = 1e-7;

/// The mutual information of each picture, in nats. All are 0 if they are only rounding, as with a
/// deterministic model or a single sample: their order means nothing.
pub(super) fn mutual_information(predictions: &[ClassUncertainty]) -> Vec<f64> {
    let values: Vec<f64> = predictions.iter().map(|u| u.mutual_information).collect();
    without_rounding(values, ROUNDING)
}

/// Values of mutual information; 0 if none reaches `rounding`.
pub(crate) fn without_rounding(values: Vec<f64>, rounding: f64) -> Vec<f64> {
    let is_rounding = values.iter().all(|&value| value < rounding);
    if is_rounding { vec![0.0; values.len()] } else { values }
}

/// The rank of every value, from 0; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|&(_, i)| ranks[i] = rank);
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    #[test]
    fn spearman_matches_values_computed_by_hand() {
        close(spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 21.0]), 1.0);
        close(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        // Without ties: 1 - 6 * sum d^2 / (n (n^2 - 1)) with d = 1, 1, 0, 0.
        close(spearman(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 3.0, 4.0]), 0.8);
        // Ranks 0, 1.5, 1.5, 3 and 0, 1, 2, 3: 4.5 / sqrt(4.5 * 5).
        close(spearman(&[1.0, 2.0, 2.0, 9.0], &[1.0, 2.0, 3.0, 4.0]), 4.5 / 22.5f64.sqrt());
        assert!(spearman(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
        assert!(spearman(&[], &[]).is_nan());
    }
}
