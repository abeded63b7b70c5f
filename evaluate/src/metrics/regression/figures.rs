//! All figures of the predictions for one target.

use rayon::prelude::*;
use serde::Serialize;

use super::calibration::{
    CalibrationPoint, calibration_error, interval_calibration, quantile_calibration,
};
use super::intervals::{INTERVAL_LEVELS, IntervalFigures, ends};
use super::mixture::{Mixture, Moments};
use super::point::{mae, rmse};
use super::sparsification::Sparsification;

/// Most samples of a mixture whose CRPS is computed: the time grows with their square.
pub const MOST_CRPS_SAMPLES: usize = 1024;

/// Predictions of every sample for one target.
#[derive(Clone, Copy, Debug)]
pub struct Predictions<'a> {
    /// Means `[examples, samples]`, in the units of the target.
    pub means: &'a [f64],
    /// Variances `[examples, samples]`, in the square of these units; 0 for a network that predicts the
    /// mean alone.
    pub variances: &'a [f64],
    /// Number of samples, at least 1.
    pub samples: usize,
}

/// Figures of the predictions for one target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegressionFigures {
    /// Root mean squared error of the means.
    pub rmse: f64,
    /// Mean absolute error of the means.
    pub mae: f64,
    /// Scores of the mixture.
    pub mixture: Scores,
    /// Scores of the moment-matched Gaussian.
    pub gaussian: Scores,
    /// Calibration error of the mixture's quantiles, 0 to 1.
    pub calibration_error: f64,
    /// Calibration of the mixture's quantiles.
    pub quantile_calibration: Vec<CalibrationPoint>,
    /// Calibration of the mixture's central intervals.
    pub interval_calibration: Vec<CalibrationPoint>,
    /// Sparsification by total standard deviation.
    pub sparsification: Sparsification,
    /// Mean noise of the data, as a standard deviation.
    pub mean_aleatoric: f64,
    /// Mean doubt of the model, as a standard deviation.
    pub mean_epistemic: f64,
    /// Mean total standard deviation.
    pub mean_total: f64,
}

/// Proper scores and intervals of one form of the predictive distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Mean negative logarithm of the density at the true values, in nats; another unit of the target adds
    /// a constant. `None` if a prediction has no density, as a standard deviation is 0.
    pub nll: Option<f64>,
    /// Mean continuous ranked probability score, in the units of the target. `None` for a mixture of more
    /// than [`MOST_CRPS_SAMPLES`].
    pub crps: Option<f64>,
    /// Central intervals of the levels [`INTERVAL_LEVELS`].
    pub intervals: [IntervalFigures; INTERVAL_LEVELS.len()],
}

/// What one form of the predictive distribution says of one example.
struct Scored {
    log_density: Option<f64>,
    crps: Option<f64>,
    intervals: [[f64; 2]; INTERVAL_LEVELS.len()],
}

/// What is known of one example: all that is left of its samples.
pub(crate) struct Example {
    pub(crate) moments: Moments,
    mixture: Scored,
    gaussian: Scored,
    /// Cumulative distribution of the mixture at the true value.
    chance: f64,
}

impl RegressionFigures {
    /// Computes the figures of `predictions` for examples of these true values; NaN if there are none.
    ///
    /// # Panics
    /// When the counts differ, or a mean or a variance is refused by [`Mixture::new`].
    pub fn new(predictions: &Predictions<'_>, truth: &[f64]) -> Self {
        let &Predictions { means, variances, samples } = predictions;
        assert_eq!(means.len(), truth.len() * samples, "every sample predicts every example");
        assert_eq!(variances.len(), means.len(), "one variance for every mean");
        let rows = means.par_chunks_exact(samples).zip(variances.par_chunks_exact(samples));
        let examples: Vec<Example> = rows
            .zip(truth)
            .map(|((means, variances), &y)| Example::new(&Mixture::new(means, variances), y))
            .collect();
        Self::of(&examples, truth)
    }

    /// Returns the coverage of the mixture's 95 % intervals.
    pub fn coverage_95(&self) -> f64 {
        let [.., widest] = self.mixture.intervals;
        widest.coverage
    }

    /// Computes the figures of examples with these true values.
    pub(crate) fn of(examples: &[Example], truth: &[f64]) -> Self {
        let part = |of: fn(&Example) -> f64| examples.iter().map(of).collect::<Vec<f64>>();
        let (predicted, total) = (part(|e| e.moments.mean), part(|e| e.moments.total));
        let errors: Vec<f64> = predicted.iter().zip(truth).map(|(mean, y)| mean - y).collect();
        let chances = part(|e| e.chance);
        let quantiles = quantile_calibration(&chances);
        Self {
            rmse: rmse(&predicted, truth),
            mae: mae(&predicted, truth),
            mixture: Scores::new(examples, |e| &e.mixture, truth),
            gaussian: Scores::new(examples, |e| &e.gaussian, truth),
            calibration_error: calibration_error(&quantiles),
            quantile_calibration: quantiles,
            interval_calibration: interval_calibration(&chances),
            sparsification: Sparsification::new(&errors, &total),
            mean_aleatoric: mean(&part(|e| e.moments.aleatoric)),
            mean_epistemic: mean(&part(|e| e.moments.epistemic)),
            mean_total: mean(&total),
        }
    }
}

impl Example {
    pub(crate) fn new(mixture: &Mixture<'_>, y: f64) -> Self {
        let gaussian = mixture.gaussian();
        let crps = (mixture.samples() <= MOST_CRPS_SAMPLES).then(|| mixture.crps(y));
        Self {
            moments: mixture.moments(),
            mixture: Scored {
                log_density: mixture.log_density(y),
                crps,
                intervals: INTERVAL_LEVELS.map(|level| ends(level).map(|p| mixture.quantile(p))),
            },
            gaussian: Scored {
                log_density: gaussian.log_density(y),
                crps: Some(gaussian.crps(y)),
                intervals: INTERVAL_LEVELS.map(|level| ends(level).map(|p| gaussian.quantile(p))),
            },
            chance: mixture.cumulative(y),
        }
    }
}

impl Scores {
    fn new(examples: &[Example], form: fn(&Example) -> &Scored, truth: &[f64]) -> Self {
        let all = |of: fn(&Scored) -> Option<f64>| {
            let values = examples.iter().map(|example| of(form(example)));
            values.collect::<Option<Vec<f64>>>().map(|values| mean(&values))
        };
        Self {
            nll: all(|scored| scored.log_density.map(|log| -log)),
            crps: all(|scored| scored.crps),
            intervals: std::array::from_fn(|i| {
                let intervals = examples.iter().map(|example| form(example).intervals[i]);
                let intervals: Vec<[f64; 2]> = intervals.collect();
                IntervalFigures::new(INTERVAL_LEVELS[i], &intervals, truth)
            }),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::regression::gaussian::Gaussian;
    use crate::metrics::samples::close;

    const MEANS: [f64; 6] = [1.0, 2.0, 4.0, 4.5, -1.0, 0.0];
    const VARIANCES: [f64; 6] = [0.5, 0.25, 0.1, 0.2, 1.0, 2.0];
    const TRUTH: [f64; 3] = [1.2, 6.0, -0.5];

    #[test]
    fn every_figure_is_that_of_its_part() {
        let predictions = Predictions { means: &MEANS, variances: &VARIANCES, samples: 2 };
        let figures = RegressionFigures::new(&predictions, &TRUTH);
        close(figures.rmse, ((0.3f64 * 0.3 + 1.75 * 1.75 + 0.0) / 3.0).sqrt());
        close(figures.mae, (0.3 + 1.75) / 3.0);
        let mixture = |n: usize| Mixture::new(&MEANS[2 * n..][..2], &VARIANCES[2 * n..][..2]);
        let over = |of: &dyn Fn(usize) -> f64| (0..3).map(of).sum::<f64>() / 3.0;
        let nll = over(&|n| -mixture(n).log_density(TRUTH[n]).unwrap());
        close(figures.mixture.nll.unwrap(), nll);
        close(figures.mixture.crps.unwrap(), over(&|n| mixture(n).crps(TRUTH[n])));
        let gaussian = |n: usize| -> Gaussian { mixture(n).gaussian() };
        let nll = over(&|n| -gaussian(n).log_density(TRUTH[n]).unwrap());
        close(figures.gaussian.nll.unwrap(), nll);
        close(figures.gaussian.crps.unwrap(), over(&|n| gaussian(n).crps(TRUTH[n])));
        close(figures.mean_total, over(&|n| gaussian(n).std));
        close(figures.mean_epistemic, (0.5 + 0.25 + 0.5) / 3.0);
        let [_, _, widest] = figures.gaussian.intervals;
        assert_eq!(widest.level, 0.95);
        // The second example lies far outside.
        close(widest.coverage, 2.0 / 3.0);
        close(widest.width, 2.0 * 1.959963984540054 * figures.mean_total);
        let [_, _, widest] = figures.mixture.intervals;
        let width = |n| mixture(n).quantile(0.975) - mixture(n).quantile(0.025);
        close(widest.width, over(&width));
        close(
            figures.calibration_error,
            calibration_error(&quantile_calibration(
                &[0, 1, 2].map(|n| mixture(n).cumulative(TRUTH[n])),
            )),
        );
        // The largest error has the smallest standard deviation.
        assert!(figures.sparsification.ause > 0.1);
    }

    #[test]
    fn what_is_undefined_is_none() {
        let none = [0.0; 6];
        let points = Predictions { means: &MEANS, variances: &none, samples: 2 };
        let figures = RegressionFigures::new(&points, &TRUTH);
        // Two different means have a standard deviation, but no density.
        assert!(figures.mixture.nll.is_none() && figures.gaussian.nll.is_some());
        let single = Predictions { samples: 1, means: &MEANS[..3], variances: &none[..3] };
        assert!(RegressionFigures::new(&single, &TRUTH).gaussian.nll.is_none());
        let many = vec![0.5; MOST_CRPS_SAMPLES + 1];
        let many = Predictions { means: &many, variances: &many, samples: many.len() };
        let figures = RegressionFigures::new(&many, &[0.5]);
        assert!(figures.mixture.crps.is_none() && figures.gaussian.crps.is_some());
    }

    #[test]
    fn no_examples_have_no_figures() {
        let empty = Predictions { means: &[], variances: &[], samples: 4 };
        let figures = RegressionFigures::new(&empty, &[]);
        assert!(figures.rmse.is_nan() && figures.calibration_error.is_nan());
    }
}
