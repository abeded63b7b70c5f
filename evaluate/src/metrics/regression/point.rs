//! Errors of the predicted means.

/// Computes the root of the mean squared error, in the units of the target. NaN if there are no examples.
///
/// # Panics
/// When the lengths differ.
pub fn rmse(means: &[f64], truth: &[f64]) -> f64 {
    libm::sqrt(mean_error(means, truth, |error| error * error))
}

/// Computes the mean absolute error, in the units of the target. NaN if there are no examples.
///
/// # Panics
/// When the lengths differ.
pub fn mae(means: &[f64], truth: &[f64]) -> f64 {
    mean_error(means, truth, f64::abs)
}

fn mean_error(means: &[f64], truth: &[f64], cost: fn(f64) -> f64) -> f64 {
    assert_eq!(means.len(), truth.len(), "one prediction for every true value");
    let costs = means.iter().zip(truth).map(|(mean, y)| cost(mean - y));
    costs.sum::<f64>() / truth.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    #[test]
    fn matches_values_computed_by_hand() {
        let (means, truth) = ([1.0, 2.0, 4.0, 0.0], [2.0, 2.0, 1.0, -0.5]);
        close(rmse(&means, &truth), (10.25f64 / 4.0).sqrt());
        close(mae(&means, &truth), 4.5 / 4.0);
        assert!(rmse(&[], &[]).is_nan() && mae(&[], &[]).is_nan());
    }
}
