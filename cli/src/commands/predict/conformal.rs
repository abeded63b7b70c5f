//! How prediction sets and intervals are presented.

use super::block::Line;
use crate::style::shorten;
use bayes8_native::core::conformal::{ConformalPredictor, LabelSet};
use serde::Serialize;

/// Width of the names in a set.
const WIDTH: usize = 160;

/// A prediction set or intervals as JSON.
#[derive(Serialize)]
pub(super) struct ConformalAnswer<R> {
    method: &'static str,
    alpha: f64,
    calibration_examples: u64,
    /// Whether the prediction has the samples that the thresholds are for.
    as_calibrated: bool,
    #[serde(flatten)]
    region: R,
}

/// The classes of a set, the most probable first.
#[derive(Serialize)]
pub(super) struct ClassSet {
    pub(super) set: Vec<SetClass>,
}

/// A class of a set.
#[derive(Serialize)]
pub(super) struct SetClass {
    pub(super) class: usize,
    pub(super) name: String,
}

/// The answers to each label.
#[derive(Serialize)]
pub(super) struct LabelSets {
    pub(super) sets: Vec<LabelSet>,
}

/// The interval of each target. An infinite end is `null`.
#[derive(Serialize)]
pub(super) struct Intervals {
    pub(super) intervals: Vec<[f64; 2]>,
}

/// The predictor of an output.
#[derive(Clone, Copy)]
pub(super) struct Conformal<'a> {
    pub(super) predictor: &'a ConformalPredictor,
    pub(super) as_calibrated: bool,
}

impl Conformal<'_> {
    pub(super) fn json<R>(&self, region: R) -> ConformalAnswer<R> {
        let &ConformalPredictor { method, alpha, calibration_examples, .. } = self.predictor;
        let (method, as_calibrated) = (method.name(), self.as_calibrated);
        ConformalAnswer { method, alpha, calibration_examples, as_calibrated, region }
    }

    /// A line such as `set of 90 %`.
    pub(super) fn line(&self, what: &str, figures: String) -> Line {
        let level = percent(1.0 - self.predictor.alpha);
        Line { name: format!("{what} of {level} %"), figures, bar: None }
    }
}

/// A probability in percent, such as 95: 0.95 is not exactly 95 hundredths.
pub(super) fn percent(probability: f64) -> f64 {
    (probability * 1e10).round() / 1e8
}

/// The names of what is in a set.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => "empty".into(),
        names => shorten(&names.join(", "), WIDTH),
    }
}
