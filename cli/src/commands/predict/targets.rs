//! How the targets of a regression are presented: in their units, with an interval and the two parts of the
//! standard deviation.

use super::block::{Block, LONGEST_NAME, Line};
use super::conformal::{Conformal, ConformalAnswer, Intervals, percent};
use crate::style::shorten;
use bayes8_evaluate::style::printable;
use bayes8_native::core::head::gaussian::{Gaussian, Target, TargetUncertainty};
use serde::Serialize;

/// Presents targets.
pub(super) struct TargetView<'a> {
    /// Name of the output.
    output: &'a str,
    pub(super) targets: &'a [Target],
    /// The probability with which an interval holds a target.
    level: f64,
    conformal: Option<Conformal<'a>>,
}

/// The figures as JSON.
#[derive(Serialize)]
pub(super) struct TargetAnswer<'a> {
    head: &'static str,
    /// Names of the targets, in the order of the figures.
    names: Vec<String>,
    /// Units of the targets; empty where a target has none.
    units: Vec<&'a str>,
    #[serde(flatten)]
    figures: &'a TargetUncertainty,
    level: f64,
    interval: Vec<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conformal: Option<ConformalAnswer<Intervals>>,
}

impl<'a> TargetView<'a> {
    pub(super) fn new(
        output: &'a str,
        gaussian: &'a Gaussian,
        level: f64,
        conformal: Option<Conformal<'a>>,
    ) -> Self {
        Self { output, targets: &gaussian.targets, level, conformal }
    }

    pub(super) fn json(&self, figures: &'a TargetUncertainty) -> TargetAnswer<'a> {
        let targets = 0..self.targets.len();
        TargetAnswer {
            head: "gaussian",
            names: targets.clone().map(|target| self.name(target)).collect(),
            units: self.targets.iter().map(|target| target.unit.as_str()).collect(),
            figures,
            level: self.level,
            interval: targets.map(|target| figures.interval(target, self.level)).collect(),
            conformal: self.conformal.and_then(|conformal| {
                let intervals = conformal.predictor.intervals(figures)?;
                Some(conformal.json(Intervals { intervals }))
            }),
        }
    }

    pub(super) fn block(&self, figures: &TargetUncertainty) -> Block {
        let line = |target| Line {
            name: shorten(&self.name(target), LONGEST_NAME),
            figures: self.sentence(figures, target),
            bar: None,
        };
        let lines = (0..self.targets.len())
            .flat_map(|target| [Some(line(target)), self.guaranteed(figures, target)]);
        Block { verdict: None, lines: lines.flatten().collect() }
    }

    /// A line with the conformal interval of a target.
    fn guaranteed(&self, figures: &TargetUncertainty, target: usize) -> Option<Line> {
        let conformal = self.conformal?;
        let [low, high] = *conformal.predictor.intervals(figures)?.get(target)?;
        let text = match low.is_finite() && high.is_finite() {
            true => {
                let end = |end| rounded(end, spread(figures, target));
                format!("{} to {}{}", end(low), end(high), self.unit(target))
            }
            false => "all numbers".into(),
        };
        Some(conformal.line("interval", text))
    }

    /// The unit of a target after a space; empty if it has none.
    pub(super) fn unit(&self, target: usize) -> String {
        match &self.targets[target].unit[..] {
            "" => String::new(),
            unit => format!(" {}", printable(unit)),
        }
    }

    pub(super) fn name(&self, target: usize) -> String {
        match &self.targets[target].name[..] {
            "" if self.targets.len() == 1 => self.output.into(),
            "" => format!("target {target}"),
            name => name.into(),
        }
    }

    fn sentence(&self, figures: &TargetUncertainty, target: usize) -> String {
        let (mean, std) = (figures.mean[target], figures.std[target]);
        let unit = self.unit(target);
        if std == 0.0 {
            let mean = rounded(mean, spread(figures, target));
            return format!("{mean}{unit}, without uncertainty");
        }
        let [low, high] = figures.interval(target, self.level).map(|end| rounded(end, std));
        let level = percent(self.level);
        let part = |std: f64| rounded(std, std);
        let error = figures.standard_errors.as_ref().map(|of| of.mean[target]);
        let error = error.map_or(String::new(), |error| format!(" ({})", part(error)));
        format!(
            "{}{unit}{error}, {level} % between {low} and {high}; {} from the data, {} from the model",
            rounded(mean, std),
            part(figures.aleatoric_std[target]),
            part(figures.epistemic_std[target])
        )
    }
}

/// The number that says how many digits of a target are shown: its standard deviation, if it has one.
fn spread(figures: &TargetUncertainty, target: usize) -> f64 {
    match figures.std[target] {
        0.0 => figures.mean[target].abs() / 1e4,
        std => std,
    }
}

/// Rounds a number to the second significant digit of its spread.
pub(super) fn rounded(number: f64, spread: f64) -> String {
    if number == 0.0 || spread <= 0.0 || !number.is_finite() || !spread.is_finite() {
        return format!("{number}");
    }
    let places = 1.0 - spread.log10().floor();
    let text = if places > 6.0 || number.abs() >= 1e9 {
        let digits = (number.abs().log10().floor() + places).clamp(0.0, 16.0);
        format!("{number:.*e}", digits as usize)
    } else {
        format!("{number:.*}", places.max(0.0) as usize)
    };
    // What rounds to zero has no sign.
    let is_zero = text.parse() == Ok(0.0);
    text.strip_prefix('-').filter(|_| is_zero).map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bayes8_native::core::conformal::{ConformalPredictor, Method};
    use bayes8_native::core::head::errors::TargetErrors;

    #[test]
    fn numbers_show_two_digits_of_their_spread() {
        for (number, spread, expected) in [
            (31.234_567, 3.2, "31.2"),
            (31.234_567, 0.32, "31.23"),
            (31.234_567, 32.0, "31"),
            (12_345.678, 1234.0, "12346"),
            (-0.04, 3.2, "0.0"),
            (0.0, 3.2, "0"),
            (4.1, 4.1, "4.1"),
            (0.02, 0.02, "0.020"),
            (1.234_567e-9, 2e-11, "1.235e-9"),
            (5e-13, 2e-11, "5e-13"),
            (1.234_567e12, 2e10, "1.235e12"),
            (1.0, 0.0, "1"),
        ] {
            assert_eq!(rounded(number, spread), expected, "{number} ± {spread}");
        }
    }

    fn strength() -> Target {
        Target {
            name: "strength".into(),
            unit: "MPa".into(),
            scale: 16.0,
            offset: 35.0,
            noise: 0.0,
            exponent: -24,
        }
    }

    #[test]
    fn both_intervals_of_a_target_show_the_same_digits() {
        let target = strength();
        let head = Gaussian { variance: Default::default(), targets: vec![target] };
        let predictor = |threshold| ConformalPredictor {
            method: Method::Residuals,
            alpha: 0.1,
            thresholds: vec![threshold],
            calibration_examples: 50,
            samples: 2,
            seed: 0,
        };
        let figures = TargetUncertainty {
            samples: 2,
            mean: vec![31.234_567_891],
            std: vec![6.4],
            aleatoric_std: vec![6.4],
            epistemic_std: vec![0.0],
            standard_errors: None,
        };
        for (threshold, expected) in
            [(2.0, "18.4 to 44.0 MPa"), (0.0, "31.2 to 31.2 MPa"), (f64::INFINITY, "all numbers")]
        {
            let predictor = predictor(threshold);
            let conformal = Conformal { predictor: &predictor, as_calibrated: true };
            let view = TargetView::new("output", &head, 0.95, Some(conformal));
            assert_eq!(view.guaranteed(&figures, 0).unwrap().figures, expected);
        }
    }

    #[test]
    fn a_sentence_is_in_the_unit_of_the_target() {
        let target = strength();
        let nameless = Target { name: String::new(), unit: String::new(), ..target.clone() };
        let head = Gaussian { variance: Default::default(), targets: vec![target, nameless] };
        let view = TargetView::new("output", &head, 0.95, None);
        let figures = TargetUncertainty {
            samples: 2,
            mean: vec![31.234, -7.5],
            std: vec![3.2, 0.0],
            aleatoric_std: vec![3.1, 0.0],
            epistemic_std: vec![0.79, 0.0],
            standard_errors: Some(TargetErrors { mean: vec![0.14, 0.0] }),
        };
        assert_eq!(
            view.sentence(&figures, 0),
            "31.2 MPa (0.14), 95 % between 25.0 and 37.5; 3.1 from the data, 0.79 from the model"
        );
        assert_eq!(view.sentence(&figures, 1), "-7.50000, without uncertainty");
        assert_eq!((view.name(0), view.name(1)), ("strength".into(), "target 1".into()));
    }
}
