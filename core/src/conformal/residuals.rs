//! Scores and intervals of a regression target. An interval takes IEEE-754 operations alone, so it is the
//! same on every machine.

/// Computes the normalized residual of a true value: |y - mean| / std, with the total standard deviation
/// of the prediction (Lei et al., "Distribution-Free Predictive Inference for Regression", JASA 2018).
/// Without unit, 0 or above. Without deviation it is 0 for the mean itself, and infinite for other values.
pub fn residual_score(y: f64, mean: f64, std: f64) -> f64 {
    let distance = (y - mean).abs();
    if distance == 0.0 { 0.0 } else { distance / std }
}

/// Returns the interval of a prediction: mean - threshold std to mean + threshold std, in the units of
/// the target. All numbers for an infinite threshold.
pub fn residual_interval(mean: f64, std: f64, threshold: f64) -> [f64; 2] {
    if threshold == f64::INFINITY {
        return [f64::NEG_INFINITY, f64::INFINITY];
    }
    let half = threshold * std;
    [mean - half, mean + half]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals_are_in_standard_deviations() {
        assert_eq!(residual_score(1.0, 4.0, 2.0), 1.5);
        assert_eq!(residual_score(7.0, 4.0, 2.0), 1.5);
        assert_eq!(residual_interval(4.0, 2.0, 1.5), [1.0, 7.0]);
    }

    #[test]
    fn no_deviation_is_a_certain_value() {
        assert_eq!(residual_score(4.0, 4.0, 0.0), 0.0);
        assert_eq!(residual_score(4.5, 4.0, 0.0), f64::INFINITY);
        assert_eq!(residual_interval(4.0, 0.0, 3.0), [4.0, 4.0]);
        let everything = [f64::NEG_INFINITY, f64::INFINITY];
        assert_eq!(residual_interval(4.0, 0.0, f64::INFINITY), everything);
    }
}
