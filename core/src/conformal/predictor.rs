//! A conformal predictor: thresholds, and where they come from.

use super::class_set_map::ClassSetMap;
use super::class_sets::ClassScore;
use super::error::PredictorError;
use super::label_sets::LabelSet;
use super::method::Method;
use super::region::PredictionRegion;
use super::residuals::residual_interval;
use crate::head::classes::ClassUncertainty;
use crate::head::gaussian::TargetUncertainty;
use crate::head::labels::LabelUncertainty;
use crate::head::map::{ClassMapUncertainty, MapUncertainty};
use crate::head::{Head, MAX_SAMPLES, Uncertainty};
use alloc::{vec, vec::Vec};
use core::ops::Range;

/// Turns the figures of an output into prediction sets or intervals that hold the truth with a chance of at
/// least 1 - `alpha`.
///
/// `bayes8 evaluate --store` computes it from calibration examples and puts it into a model file;
/// [`QuantizedModel::with_conformal`](crate::model::QuantizedModel::with_conformal) takes one that was computed elsewhere. The promise holds for predictions with the
/// same samples. In JSON it has the fields of the same names, and those of RAPS besides; an infinite threshold is `null`.
///
/// # Examples
/// ```
/// use bayes8_core::conformal::{ClassScore, ConformalPredictor, Method, PredictionRegion};
/// use bayes8_core::head::Uncertainty;
/// use bayes8_core::head::classes::ClassUncertainty;
///
/// let predictor = ConformalPredictor {
///     method: Method::Classes(ClassScore::Lac),
///     alpha: 0.1,
///     thresholds: vec![0.7],
///     calibration_examples: 500,
///     samples: 32,
///     seed: 0,
/// };
/// let probabilities = vec![0.05, 0.55, 0.4];
/// let figures = Uncertainty::Classes(ClassUncertainty { probabilities, ..Default::default() });
/// assert_eq!(predictor.region(&figures), Some(PredictionRegion::ClassSet(vec![1, 2])));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConformalPredictor {
    /// The score.
    pub method: Method,
    /// The share of examples whose set or interval may miss the truth; between 0 and 1.
    pub alpha: f64,
    /// The threshold of the classes, or that of each label or target; 0 or above. An infinite one lets
    /// everything in.
    pub thresholds: Vec<f64>,
    /// Number of calibration examples; at least 1.
    pub calibration_examples: u64,
    /// Number of Monte-Carlo samples of each calibration example, from sample 0.
    pub samples: u32,
    /// Seed of the samples.
    pub seed: u64,
}

impl ConformalPredictor {
    /// Returns the prediction set or the intervals for these figures; `None` if they are those of a head
    /// that the method does not fit.
    pub fn region(&self, figures: &Uncertainty) -> Option<PredictionRegion> {
        match figures {
            Uncertainty::Classes(of) => self.class_set(of).map(PredictionRegion::ClassSet),
            Uncertainty::Labels(of) => self.label_sets(of).map(PredictionRegion::LabelSets),
            Uncertainty::Gaussian(of) => self.intervals(of).map(PredictionRegion::Intervals),
            Uncertainty::Map(MapUncertainty::Classes(of)) => {
                self.class_set_map(of).map(PredictionRegion::ClassSetMap)
            }
            Uncertainty::Map(_) => None,
        }
    }

    /// Returns the prediction set of classes, the most probable first; `None` for methods of other heads.
    pub fn class_set(&self, figures: &ClassUncertainty) -> Option<Vec<usize>> {
        match self.method {
            Method::Classes(score) => {
                Some(score.set(&figures.probabilities, *self.thresholds.first()?))
            }
            Method::Residuals => None,
        }
    }

    /// Returns the prediction set of each position of a map of classes; `None` for methods of other heads.
    pub fn class_set_map(&self, figures: &ClassMapUncertainty) -> Option<ClassSetMap> {
        let (Method::Classes(score), Some(&threshold)) = (self.method, self.thresholds.first())
        else {
            return None;
        };
        let classes = figures.classes;
        let mut members = vec![false; figures.probabilities.len()];
        let positions = figures.probabilities.chunks_exact(classes.max(1));
        let mut wide = Vec::with_capacity(classes);
        for (probabilities, members) in positions.zip(members.chunks_exact_mut(classes.max(1))) {
            wide.clear();
            wide.extend(probabilities.iter().map(|&p| f64::from(p)));
            score.set(&wide, threshold).into_iter().for_each(|class| members[class] = true);
        }
        Some(ClassSetMap { classes, members })
    }

    /// Returns the prediction set of each label; `None` for methods of other heads.
    pub fn label_sets(&self, figures: &LabelUncertainty) -> Option<Vec<LabelSet>> {
        let labels = figures.probabilities.iter().zip(&self.thresholds);
        match self.method {
            Method::Classes(ClassScore::Lac) => {
                Some(labels.map(|(&p, &t)| LabelSet::new(p, t)).collect())
            }
            _ => None,
        }
    }

    /// Returns the prediction interval of each target, in its unit; `None` for methods of other heads.
    pub fn intervals(&self, figures: &TargetUncertainty) -> Option<Vec<[f64; 2]>> {
        let targets = figures.mean.iter().zip(&figures.std).zip(&self.thresholds);
        match self.method {
            Method::Residuals => {
                Some(targets.map(|((&mean, &std), &t)| residual_interval(mean, std, t)).collect())
            }
            Method::Classes(_) => None,
        }
    }

    /// Returns whether a prediction from these samples has those that the promise is for.
    pub fn is_for(&self, samples: &Range<u32>, seed: u64) -> bool {
        *samples == (0..self.samples) && seed == self.seed
    }

    /// Checks every number, and that the predictor fits an output with `head`, or a map of it, as a model does.
    ///
    /// # Errors
    /// [`PredictorError`], which says what is wrong.
    pub fn check(&self, head: &Head, is_map: bool) -> Result<(), PredictorError> {
        self.method.check(head, is_map)?;
        if let Some((lambda, k_reg)) = self.method.raps() {
            ClassScore::raps(lambda, k_reg)?;
        }
        check_alpha(self.alpha)?;
        let expected = match head {
            Head::Classes(_) => 1,
            Head::Labels(_) | Head::Gaussian(_) => head.count(),
        };
        let found = self.thresholds.len();
        if found != expected {
            return Err(PredictorError::Count { found, expected });
        }
        let wrong = |&(_, threshold): &(usize, &f64)| threshold.is_nan() || *threshold < 0.0;
        if let Some((index, &value)) = self.thresholds.iter().enumerate().find(wrong) {
            return Err(PredictorError::Threshold { index, value });
        }
        if self.calibration_examples == 0 {
            return Err(PredictorError::Examples);
        }
        if !(1..=MAX_SAMPLES).contains(&self.samples) {
            return Err(PredictorError::Samples { found: self.samples, most: MAX_SAMPLES });
        }
        Ok(())
    }
}

/// Checks the share of examples that may be missed.
///
/// # Errors
/// [`PredictorError::Alpha`] when it does not lie between 0 and 1.
pub fn check_alpha(alpha: f64) -> Result<(), PredictorError> {
    if alpha > 0.0 && alpha < 1.0 { Ok(()) } else { Err(PredictorError::Alpha(alpha)) }
}
