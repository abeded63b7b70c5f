//! Whether a share p of the true values lies where the predictions put a share p.

use serde::Serialize;

/// Number of levels of a calibration curve: 5 %, 10 %, ..., 95 %.
pub const CALIBRATION_LEVELS: usize = 19;

/// A point of a calibration curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CalibrationPoint {
    /// The share of true values that the predictions announce.
    pub expected: f64,
    /// The share that was found; NaN if there are no examples.
    pub observed: f64,
}

/// Computes the calibration of quantiles (Kuleshov et al., "Accurate Uncertainties for Deep Learning
/// Using Calibrated Regression", ICML 2018): the share of true values below the predicted
/// quantile of each level. `chances` has for each example the cumulative distribution of its prediction
/// at the true value, 0 to 1.
pub fn quantile_calibration(chances: &[f64]) -> Vec<CalibrationPoint> {
    curve(chances, |chance| chance)
}

/// Computes the calibration of central intervals: the share of true values inside the interval of each
/// level. `chances` are those of [`quantile_calibration`].
pub fn interval_calibration(chances: &[f64]) -> Vec<CalibrationPoint> {
    // The smallest central interval that holds the value.
    curve(chances, |chance| (2.0 * chance - 1.0).abs())
}

/// Computes the calibration error (Kuleshov et al. 2018): the mean over the levels of
/// (expected - observed)², 0 to 1; lower is better. The paper leaves the weights of the levels open; here they
/// are equal and add up to 1. NaN if there are no points.
pub fn calibration_error(curve: &[CalibrationPoint]) -> f64 {
    let gaps = curve.iter().map(|point| point.expected - point.observed);
    gaps.map(|gap| gap * gap).sum::<f64>() / curve.len() as f64
}

fn curve(chances: &[f64], level: fn(f64) -> f64) -> Vec<CalibrationPoint> {
    let levels = (1..=CALIBRATION_LEVELS).map(|i| i as f64 / (CALIBRATION_LEVELS + 1) as f64);
    let point = |expected| {
        let below = chances.iter().filter(|chance| level(**chance) <= expected).count();
        CalibrationPoint { expected, observed: below as f64 / chances.len() as f64 }
    };
    levels.map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    #[test]
    fn even_chances_are_calibrated() {
        let chances: Vec<f64> = (0..2000).map(|i| (f64::from(i) + 0.5) / 2000.0).collect();
        for curve in [quantile_calibration(&chances), interval_calibration(&chances)] {
            assert_eq!(curve.len(), CALIBRATION_LEVELS);
            close(curve[0].expected, 0.05);
            close(curve[18].expected, 0.95);
            assert!(calibration_error(&curve) < 1e-6, "{curve:?}");
        }
    }

    #[test]
    fn too_sure_predictions_have_narrow_intervals() {
        // All true values far out: half below, half above.
        let chances = [0.0, 1.0, 0.001, 0.999];
        let quantiles = quantile_calibration(&chances);
        assert!(quantiles.iter().all(|point| point.observed == 0.5));
        let intervals = interval_calibration(&chances);
        assert!(intervals.iter().all(|point| point.observed == 0.0));
        // Mean of the squares of 1/20 ... 19/20.
        close(calibration_error(&intervals), 2470.0 / 400.0 / 19.0);
    }

    #[test]
    fn no_examples_have_no_error() {
        assert!(calibration_error(&quantile_calibration(&[])).is_nan());
    }
}
