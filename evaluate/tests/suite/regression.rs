//! Properties of the measures of a regression, and second implementations of them.

use bayes8_evaluate::metrics::regression::{
    Gaussian, Mixture, Predictions, RegressionFigures, Sparsification, normal,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Means and variances.
type Samples = (Vec<f64>, Vec<f64>);

/// Up to eight samples.
fn samples() -> impl Strategy<Value = Samples> {
    vec((-5.0..5.0f64, 0.01..4.0f64), 1..9).prop_map(|samples| samples.into_iter().unzip())
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{found} {expected}");
}

/// The definition of the score: the integral of (F(x) - [x >= y])², by the midpoint rule.
fn integrated_crps(mixture: &Mixture<'_>, y: f64) -> f64 {
    const STEPS: usize = 4000;
    let part = |from: f64, to: f64, is_above: f64| {
        let step = (to - from) / STEPS as f64;
        let at = |i: usize| mixture.cumulative(from + (i as f64 + 0.5) * step) - is_above;
        (0..STEPS).map(|i| at(i).powi(2)).sum::<f64>() * step
    };
    part(-20.0, y, 0.0) + part(y, 20.0, 1.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.min(64)))]

    #[test]
    fn quantile_and_distribution_are_inverse(
        (means, variances) in samples(),
        p in 0.001..0.999f64,
    ) {
        let mixture = Mixture::new(&means, &variances);
        let quantile = mixture.quantile(p);
        near(mixture.cumulative(quantile), p, 1e-12);
        near(normal::cumulative(normal::quantile(p)), p, 1e-12);
        prop_assert!(mixture.quantile(p / 2.0) < quantile);
    }

    #[test]
    fn a_mixture_of_one_or_of_equal_samples_is_the_gaussian(
        (mean, variance, y) in (-5.0..5.0f64, 0.01..4.0f64, -9.0..9.0f64),
        (count, p) in (1usize..6, 0.001..0.999f64),
    ) {
        let (means, variances) = (vec![mean; count], vec![variance; count]);
        let mixture = Mixture::new(&means, &variances);
        let gaussian = Gaussian { mean, std: variance.sqrt() };
        near(mixture.log_density(y).unwrap(), gaussian.log_density(y).unwrap(), 1e-12);
        near(mixture.cumulative(y), gaussian.cumulative(y), 1e-12);
        near(mixture.quantile(p), gaussian.quantile(p), 1e-11);
        near(mixture.crps(y), gaussian.crps(y), 1e-12);
        near(mixture.gaussian().std, gaussian.std, 1e-12);
        near(mixture.moments().epistemic, 0.0, 1e-12);
    }

    #[test]
    fn the_score_of_a_mixture_is_the_integral(
        (means, variances) in samples(),
        y in -9.0..9.0f64,
    ) {
        let mixture = Mixture::new(&means, &variances);
        let crps = mixture.crps(y);
        prop_assert!(crps >= 0.0);
        near(crps, integrated_crps(&mixture, y), 1e-3);
    }

    #[test]
    fn the_order_of_samples_and_their_repetition_mean_nothing(
        (means, variances) in samples(),
        (y, p) in (-9.0..9.0f64, 0.001..0.999f64),
    ) {
        let twice = |values: &[f64]| -> Vec<f64> {
            values.iter().rev().chain(values).copied().collect()
        };
        let (more_means, more_variances) = (twice(&means), twice(&variances));
        let mixture = Mixture::new(&means, &variances);
        let more = Mixture::new(&more_means, &more_variances);
        near(more.log_density(y).unwrap(), mixture.log_density(y).unwrap(), 1e-12);
        near(more.crps(y), mixture.crps(y), 1e-12);
        near(more.quantile(p), mixture.quantile(p), 1e-11);
        near(more.moments().total, mixture.moments().total, 1e-12);
    }

    #[test]
    fn wider_intervals_cover_more(
        rows in vec((samples().prop_filter("two or more", |s| s.0.len() > 1), -9.0..9.0f64), 1..6),
    ) {
        let part = |of: fn(&Samples) -> &[f64]| -> Vec<f64> {
            rows.iter().flat_map(|(samples, _)| of(samples)[..2].to_vec()).collect()
        };
        let (means, variances) = (part(|s| &s.0), part(|s| &s.1));
        let truth: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let predictions = Predictions { means: &means, variances: &variances, samples: 2 };
        let figures = RegressionFigures::new(&predictions, &truth);
        for scores in [figures.mixture, figures.gaussian] {
            for pair in scores.intervals.windows(2) {
                prop_assert!(pair[0].coverage <= pair[1].coverage);
                prop_assert!(pair[0].width < pair[1].width);
            }
        }
        prop_assert!(figures.mae <= figures.rmse + 1e-12);
        prop_assert!((0.0..=1.0).contains(&figures.calibration_error));
        let observed = figures.interval_calibration.windows(2);
        prop_assert!(observed.into_iter().all(|pair| pair[0].observed <= pair[1].observed));
    }

    /// Of examples of different uncertainty: leave out, and compute from scratch.
    #[test]
    fn sparsification_is_leaving_out(errors in vec(-3.0..3.0f64, 2..20)) {
        let uncertainty: Vec<f64> = (0..errors.len()).map(|i| (i * 7 % 23) as f64).collect();
        let rmse_without = |left_out: usize, by: &dyn Fn(usize) -> f64| {
            let mut order: Vec<usize> = (0..errors.len()).collect();
            order.sort_by(|&a, &b| by(b).total_cmp(&by(a)));
            let kept = &order[left_out..];
            (kept.iter().map(|&i| errors[i].powi(2)).sum::<f64>() / kept.len() as f64).sqrt()
        };
        let (by_uncertainty, by_error) = (|i: usize| uncertainty[i], |i: usize| errors[i].abs());
        let all = rmse_without(0, &by_error);
        let gap = |k| (rmse_without(k, &by_uncertainty) - rmse_without(k, &by_error)) / all;
        let ause = (0..errors.len()).map(gap).sum::<f64>() / errors.len() as f64;
        let figures = Sparsification::new(&errors, &uncertainty);
        near(figures.ause, ause, 1e-9);
        prop_assert!(figures.ause >= -1e-12);
        let oracle = figures.oracle.windows(2);
        prop_assert!(oracle.into_iter().all(|pair| pair[1] <= pair[0] + 1e-12));
    }
}
