//! Whether central intervals hold as many true values as they should, and how wide they are.

use serde::Serialize;

/// Levels of the central intervals that are reported.
pub const INTERVAL_LEVELS: [f64; 3] = [0.5, 0.9, 0.95];

/// Central intervals of one level: the predictions lie below and above with equal chances.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct IntervalFigures {
    /// The share of true values that should lie inside.
    pub level: f64,
    /// The share that lies inside, ends included.
    pub coverage: f64,
    /// Mean width, in the units of the target.
    pub width: f64,
}

impl IntervalFigures {
    /// Computes the figures of `intervals`, one `[lower, upper]` for each true value. NaN if there are none.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn new(level: f64, intervals: &[[f64; 2]], truth: &[f64]) -> Self {
        assert_eq!(intervals.len(), truth.len(), "one interval for every true value");
        let count = truth.len() as f64;
        let is_inside = |([lower, upper], y): &(&[f64; 2], &f64)| lower <= y && *y <= upper;
        let inside = intervals.iter().zip(truth).filter(is_inside).count();
        let widths = intervals.iter().map(|[lower, upper]| upper - lower);
        Self { level, coverage: inside as f64 / count, width: widths.sum::<f64>() / count }
    }
}

/// Returns the chances at the ends of the central interval of `level`.
///
/// # Panics
/// When `level` is not between 0 and 1.
pub(super) fn ends(level: f64) -> [f64; 2] {
    assert!((0.0..=1.0).contains(&level), "{level} is not a share");
    [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    #[test]
    fn the_ends_are_inside() {
        let intervals = [[0.0, 1.0], [0.0, 1.0], [-2.0, 2.0], [3.0, 5.0]];
        let figures = IntervalFigures::new(0.9, &intervals, &[0.0, 1.0, 2.5, 2.9]);
        assert_eq!((figures.level, figures.coverage, figures.width), (0.9, 0.5, 2.0));
        assert!(IntervalFigures::new(0.9, &[], &[]).coverage.is_nan());
        let [lower, upper] = ends(0.95);
        close(lower, 0.025);
        close(upper, 0.975);
    }
}
