//! The summary of the prediction sets of a map: how large they are.

use bayes8_native::core::conformal::ClassSetMap;
use serde::Serialize;

/// The summary as JSON.
#[derive(Serialize)]
pub(in crate::commands::predict) struct SetSummary {
    /// Mean number of classes in the set of a position.
    mean_size: f64,
    /// The share of positions whose set has no class.
    empty_share: f64,
    /// The share of positions whose set has several classes.
    several_share: f64,
}

impl SetSummary {
    pub(super) fn new(map: &ClassSetMap) -> Self {
        let positions = map.sizes().len().max(1) as f64;
        let share =
            |of: fn(usize) -> bool| map.sizes().filter(|&size| of(size)).count() as f64 / positions;
        Self {
            mean_size: map.sizes().sum::<usize>() as f64 / positions,
            empty_share: share(|size| size == 0),
            several_share: share(|size| size > 1),
        }
    }

    pub(super) fn text(&self) -> String {
        let Self { mean_size, empty_share, several_share } = self;
        let [empty, several] = [empty_share, several_share].map(|share| 100.0 * share);
        format!(
            "{mean_size:.2} classes on average, several at {several:.2} %, none at {empty:.2} %"
        )
    }
}
