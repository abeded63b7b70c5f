//! How prediction sets and intervals are presented.

use super::block::Line;
use bayes8_evaluate::style::printable;
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
    pub(super) region: R,
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

    /// A line that begins with `set of 90 %`.
    pub(super) fn line(&self, what: &str, figures: String) -> Line {
        Line { name: self.title(what), figures, bar: None }
    }

    /// What is promised, such as `set of 90 %`.
    pub(super) fn title(&self, what: &str) -> String {
        format!("{what} of {} %", percent(1.0 - self.predictor.alpha))
    }
}

/// A probability in percent, such as 95: 0.95 is not exactly 95 hundredths.
pub(super) fn percent(probability: f64) -> f64 {
    (probability * 1e10).round() / 1e8
}

/// The names of the classes in a set: those that fit, and how many more there are.
pub(super) fn listed(names: &[String]) -> String {
    let mut text = match names {
        [] => return "empty".into(),
        [first, ..] => printable(first),
    };
    for (left, name) in (1..names.len()).rev().zip(names[1..].iter().map(|name| printable(name))) {
        if text.chars().count() + 2 + name.chars().count() > WIDTH {
            return format!("{text}, and {left} more");
        }
        text = text + ", " + &name;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_set_says_how_many_classes_it_does_not_show() {
        let names: Vec<String> = (0..1000).map(|class| format!("class {class}")).collect();
        let text = listed(&names);
        assert!(text.starts_with("class 0, class 1, "), "{text}");
        let shown = text.matches("class ").count();
        assert!(text.ends_with(&format!(", and {} more", 1000 - shown)), "{text}");
        assert!(shown > 10 && text.chars().count() < WIDTH + 20, "{text}");
        assert_eq!(listed(&names[..2]), "class 0, class 1");
        assert_eq!((listed(&names[..1]), listed(&[])), ("class 0".into(), "empty".into()));
    }
}
