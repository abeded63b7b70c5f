//! Whether the largest errors have the largest standard deviations.

use serde::Serialize;

/// Sparsification: the examples of the largest standard deviation are left out, and the error of the
/// others should fall as fast as if those of the largest error had been left out (Ilg et al., "Uncertainty
/// Estimates and Multi-Hypotheses Networks for Optical Flow", ECCV 2018).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sparsification {
    /// Area under the sparsification error, AUSE: mean distance of curve and oracle when 0, 1, ..., all but
    /// one of the examples are left out. A share of the RMSE of all examples; 0 is perfect. NaN if there are
    /// no examples, or no errors.
    pub ause: f64,
    /// RMSE of the others, as a share of the RMSE of all, when 0 %, 1 %, ..., 99 % of the examples with
    /// the largest standard deviations are left out.
    pub curve: Vec<f64>,
    /// The same with the largest errors left out: the lowest curve that there can be.
    pub oracle: Vec<f64>,
}

impl Sparsification {
    /// Sparsifies by `uncertainty`, such as total standard deviations; `errors` are differences of
    /// prediction and true value. Examples of equal uncertainty count with their mean squared error, so
    /// the order of the examples does not matter.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn new(errors: &[f64], uncertainty: &[f64]) -> Self {
        assert_eq!(errors.len(), uncertainty.len(), "one uncertainty for every error");
        let magnitudes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
        let (by_uncertainty, oracle) = (kept(errors, uncertainty), kept(errors, &magnitudes));
        let gaps = by_uncertainty.iter().zip(&oracle).map(|(curve, oracle)| curve - oracle);
        let ause = gaps.sum::<f64>() / errors.len() as f64;
        Self { ause, curve: percents(&by_uncertainty), oracle: percents(&oracle) }
    }
}

/// RMSE without 0, 1, ... of the examples with the largest `keys`, as a share of the RMSE of all.
fn kept(errors: &[f64], keys: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..errors.len()).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    let (mut sum, mut rmse) = (0.0, Vec::with_capacity(errors.len()));
    for equal in order.chunk_by(|&a, &b| keys[a] == keys[b]) {
        let squares = equal.iter().map(|&i| errors[i] * errors[i]);
        let mean = squares.sum::<f64>() / equal.len() as f64;
        for _ in equal {
            sum += mean;
            rmse.push(libm::sqrt(sum / (rmse.len() + 1) as f64));
        }
    }
    rmse.reverse();
    let all = rmse.first().copied().unwrap_or(f64::NAN);
    rmse.into_iter().map(|rmse| rmse / all).collect()
}

/// The values when 0 %, 1 %, ..., 99 % are left out.
fn percents(kept: &[f64]) -> Vec<f64> {
    let at = |percent: usize| kept.get(percent * kept.len() / 100).copied().unwrap_or(f64::NAN);
    (0..100).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    #[test]
    fn matches_values_computed_by_hand() {
        // Left out in the order 1, -3, 2: of the squares 1, 9, 4 remain the means 14 / 3, 13 / 2, 4.
        // The oracle leaves out -3, 2, 1: 14 / 3, 5 / 2, 1.
        let figures = Sparsification::new(&[1.0, -3.0, 2.0], &[0.9, 0.5, 0.1]);
        let share = |mean: f64| (mean / (14.0 / 3.0)).sqrt();
        close(figures.ause, (share(6.5) + share(4.0) - share(2.5) - share(1.0)) / 3.0);
        assert_eq!((figures.curve.len(), figures.oracle.len()), (100, 100));
        close(figures.curve[33], 1.0);
        close(figures.curve[34], share(6.5));
        close(figures.curve[99], share(4.0));
        close(figures.oracle[99], share(1.0));
    }

    #[test]
    fn the_order_of_the_errors_is_perfect() {
        let errors = [0.5, -2.0, 1.0, -0.1];
        let figures = Sparsification::new(&errors, &[5.0, 7.0, 6.0, 1.0]);
        assert_eq!(figures.ause, 0.0);
        assert_eq!(figures.curve, figures.oracle);
    }

    #[test]
    fn equal_uncertainties_leave_the_error_as_it_is() {
        for errors in [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]] {
            let figures = Sparsification::new(&errors, &[0.5; 3]);
            figures.curve.iter().for_each(|&share| close(share, 1.0));
        }
    }

    #[test]
    fn nothing_to_sparsify_is_not_a_number() {
        assert!(Sparsification::new(&[], &[]).ause.is_nan());
        assert!(Sparsification::new(&[0.0, 0.0], &[1.0, 2.0]).ause.is_nan());
    }
}
