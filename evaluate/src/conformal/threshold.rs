//! The threshold of split conformal prediction.

use super::error::ConformalError;
use bayes8_core::conformal::check_alpha;

/// Products within this distance of an integer count as it: alpha is meant as the decimal fraction, which
/// most often lies between two numbers.
pub(super) const ROUNDING: f64 = 1e-9;

/// Returns the threshold of split conformal prediction: the ceil((n + 1) (1 - alpha))-th smallest of n
/// calibration scores (Vovk et al., "Algorithmic Learning in a Random World", 2005; Lei et al.,
/// "Distribution-Free Predictive Inference for Regression", JASA 2018). What has a score of at most
/// the threshold belongs to the set of an example. If calibration and test examples are exchangeable, the
/// sets hold the truth with a chance of at least 1 - alpha, and of at most 1 - alpha + 1 / (n + 1) if no
/// two scores are equal. Infinite if there are fewer scores than that rank; [`calibrate`] refuses this.
///
/// # Errors
/// When `alpha` does not lie between 0 and 1, or a score is NaN.
pub fn threshold(scores: &[f64], alpha: f64) -> Result<f64, ConformalError> {
    check_alpha(alpha)?;
    if let Some(example) = scores.iter().position(|score| score.is_nan()) {
        return Err(ConformalError::Score(example));
    }
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(sorted.get(rank(scores.len(), alpha) - 1).copied().unwrap_or(f64::INFINITY))
}

/// Returns the [`threshold`], and refuses too few scores and infinite ones.
///
/// # Errors
/// Those of [`threshold`]; [`ConformalError::TooFew`], which says how many examples are needed;
/// [`ConformalError::NoDeviation`].
pub fn calibrate(scores: &[f64], alpha: f64) -> Result<f64, ConformalError> {
    let (found, needed) = (scores.len(), needed(alpha)?);
    if found < needed {
        return Err(ConformalError::TooFew { found, needed, alpha });
    }
    let threshold = threshold(scores, alpha)?;
    if threshold.is_infinite() {
        let without = scores.iter().filter(|score| score.is_infinite()).count();
        return Err(ConformalError::NoDeviation { without, found });
    }
    Ok(threshold)
}

/// Returns the least number of calibration examples that have a finite threshold: ceil(1 / alpha) - 1,
/// and at least 1.
///
/// # Errors
/// When `alpha` does not lie between 0 and 1.
pub fn needed(alpha: f64) -> Result<usize, ConformalError> {
    check_alpha(alpha)?;
    Ok((libm::ceil((1.0 - ROUNDING) / alpha) as usize - 1).max(1))
}

/// ceil((n + 1) (1 - alpha)), which may be n + 1. It is at least 1.
pub(super) fn rank(calibration: usize, alpha: f64) -> usize {
    let all = calibration + 1;
    let above = libm::floor(all as f64 * alpha + ROUNDING) as usize;
    (all - above).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bayes8_core::conformal::PredictorError;

    #[test]
    fn residuals_without_deviations_are_refused() {
        let mut scores = vec![f64::INFINITY; 3];
        scores.extend([1.0; 17]);
        // ceil(21 * 0.8) = 17, ceil(21 * 0.85) = 18.
        assert_eq!(calibrate(&scores, 0.2), Ok(1.0));
        let error = ConformalError::NoDeviation { without: 3, found: 20 };
        assert_eq!(calibrate(&scores, 0.15), Err(error));
    }

    #[test]
    fn the_threshold_is_the_score_of_that_rank() {
        // 0.1 to 1.9, not in order.
        let scores: Vec<f64> = (0..19).map(|i| f64::from((7 * i) % 19 + 1) / 10.0).collect();
        // ceil(20 * 0.9) = 18, ceil(20 * 0.95) = 19, ceil(20 * 0.5) = 10, ceil(20 * 0.96) = 20.
        assert_eq!(threshold(&scores, 0.1), Ok(1.8));
        assert_eq!(threshold(&scores, 0.05), Ok(1.9));
        assert_eq!(threshold(&scores, 0.5), Ok(1.0));
        assert_eq!(threshold(&scores, 0.04), Ok(f64::INFINITY));
        assert_eq!(threshold(&[], 0.1), Ok(f64::INFINITY));
    }

    /// 100 * 0.29 is 28.999999999999996 in floats; ceil(100 * 0.71) is 71.
    #[test]
    fn alpha_is_a_decimal_fraction() {
        assert_eq!(rank(99, 0.29), 71);
        for percent in 1..100 {
            let found = rank(99, f64::from(percent) / 100.0);
            assert_eq!(found, 100 - percent as usize);
        }
    }

    #[test]
    fn too_few_examples_are_told_how_many_are_needed() {
        for (alpha, expected) in
            [(0.1, 9), (0.05, 19), (0.2, 4), (0.3, 3), (0.5, 1), (0.99, 1), (1.0 - 1e-12, 1)]
        {
            assert_eq!(needed(alpha), Ok(expected));
            assert!(rank(expected, alpha) <= expected && rank(expected - 1, alpha) == expected);
        }
        let scores = [0.5; 18];
        let error = calibrate(&scores, 0.05).unwrap_err();
        assert_eq!(error, ConformalError::TooFew { found: 18, needed: 19, alpha: 0.05 });
        assert_eq!(
            error.to_string(),
            "18 calibration examples for alpha 0.05, expected at least 19"
        );
        assert_eq!(calibrate(&scores, 0.1), Ok(0.5));
        // Any number of examples is too few for this.
        assert!(calibrate(&scores, f64::MIN_POSITIVE).is_err());
    }

    #[test]
    fn bad_input_is_refused() {
        for alpha in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
            let refused = threshold(&[0.5], alpha).unwrap_err();
            assert!(
                matches!(refused, ConformalError::Predictor(PredictorError::Alpha(_))),
                "{refused}"
            );
            assert!(calibrate(&[0.5], alpha).is_err() && needed(alpha).is_err());
        }
        assert_eq!(threshold(&[0.5, f64::NAN], 0.5), Err(ConformalError::Score(1)));
    }
}
