//! The summary of a map of targets: how large each is, and the mean of its standard deviation.

use super::means::means;
use crate::commands::predict::block::{LONGEST_NAME, Line};
use crate::commands::predict::targets::{TargetView, rounded};
use crate::style::shorten;
use bayes8_native::core::head::gaussian::TargetUncertainty;
use serde::Serialize;

/// The summary as JSON: lists with an entry for each target. All but `min` and `max` are means over the positions.
#[derive(Serialize)]
pub(super) struct TargetSummary {
    names: Vec<String>,
    units: Vec<String>,
    mean: Vec<f64>,
    /// The least of the means.
    min: Vec<f64>,
    /// The largest of the means.
    max: Vec<f64>,
    std: Vec<f64>,
    aleatoric_std: Vec<f64>,
    epistemic_std: Vec<f64>,
}

impl TargetSummary {
    pub(super) fn new(view: &TargetView<'_>, map: &TargetUncertainty) -> Self {
        let count = view.targets.len();
        let fold = |of: fn(f64, f64) -> f64| -> Vec<f64> {
            let column = |target| map.mean.iter().skip(target).step_by(count).copied();
            (0..count).map(|target| column(target).reduce(of).unwrap_or_default()).collect()
        };
        Self {
            names: (0..count).map(|target| view.name(target)).collect(),
            units: view.targets.iter().map(|target| target.unit.clone()).collect(),
            mean: means(&map.mean, count),
            min: fold(f64::min),
            max: fold(f64::max),
            std: means(&map.std, count),
            aleatoric_std: means(&map.aleatoric_std, count),
            epistemic_std: means(&map.epistemic_std, count),
        }
    }

    pub(super) fn lines(&self, view: &TargetView<'_>) -> Vec<Line> {
        let line = |(target, name): (usize, &String)| {
            // Two digits of the spread, or of the number if there is none.
            let spread = [self.std[target], self.max[target] - self.min[target]];
            let spread = spread.into_iter().find(|&spread| spread > 0.0);
            let number = |number: f64| rounded(number, spread.unwrap_or(number.abs() / 1e4));
            let part = |std: f64| rounded(std, std);
            Line {
                name: shorten(name, LONGEST_NAME),
                figures: format!(
                    "{}{} on average, from {} to {}; std {}: {} from the data, {} from the model",
                    number(self.mean[target]),
                    view.unit(target),
                    number(self.min[target]),
                    number(self.max[target]),
                    part(self.std[target]),
                    part(self.aleatoric_std[target]),
                    part(self.epistemic_std[target])
                ),
                bar: None,
            }
        };
        self.names.iter().enumerate().map(line).collect()
    }
}
