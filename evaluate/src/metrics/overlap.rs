//! How far predicted regions and true ones overlap.

use serde::Serialize;

/// How often each class was predicted for positions of each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// `[classes, classes]`: the true class, then the predicted one.
    counts: Vec<u64>,
}

/// The overlap of the region that is predicted for a class with the true one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Overlap {
    /// Positions of this class.
    pub positions: u64,
    /// Intersection over union, also called Jaccard index: the positions where the class is both true and
    /// predicted, divided by those where it is either. `None` if the class is neither anywhere.
    pub iou: Option<f64>,
    /// Dice coefficient, also called F1: the positions where the class is both, divided by the mean of
    /// those where it is true and those where it is predicted. `None` if it is neither anywhere.
    pub dice: Option<f64>,
}

impl Confusion {
    /// Creates counts of zero over `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts a position.
    ///
    /// # Panics
    /// If a class is not below the number of classes.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        assert!(predicted < self.classes, "a class");
        self.counts[truth * self.classes + predicted] += 1;
    }

    /// Returns how often each class, by column, was predicted for positions of each class, by row.
    pub fn rows(&self) -> Vec<Vec<u64>> {
        self.counts.chunks_exact(self.classes.max(1)).map(<[u64]>::to_vec).collect()
    }

    /// Returns the number of positions.
    pub fn positions(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the share of positions whose predicted class is the true one; NaN without positions.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = self.counts.iter().step_by(self.classes + 1).sum();
        right as f64 / self.positions() as f64
    }

    /// Returns the overlap of each class.
    pub fn overlaps(&self) -> Vec<Overlap> {
        let count = |truth: usize, predicted: usize| self.counts[truth * self.classes + predicted];
        let overlap = |class: usize| {
            let positions: u64 = (0..self.classes).map(|other| count(class, other)).sum();
            let predicted: u64 = (0..self.classes).map(|other| count(other, class)).sum();
            let (both, sum) = (count(class, class), positions + predicted);
            let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
            Overlap { positions, iou: share(both, sum - both), dice: share(2 * both, sum) }
        };
        (0..self.classes).map(overlap).collect()
    }
}

/// Returns the mean of the values that there are; NaN if there are none.
pub(crate) fn mean_of_defined(values: impl Iterator<Item = Option<f64>>) -> f64 {
    let (sum, count) = values.flatten().fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    #[test]
    fn overlaps_match_values_computed_by_hand() {
        let mut confusion = Confusion::new(4);
        // Class 3 is neither true nor predicted anywhere, class 2 only predicted.
        for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2)] {
            confusion.add(truth, predicted);
        }
        close(confusion.accuracy(), 3.0 / 5.0);
        assert_eq!(confusion.rows()[0], [2, 1, 0, 0]);
        let overlaps = confusion.overlaps();
        let figures: Vec<_> = overlaps.iter().map(|of| (of.positions, of.iou, of.dice)).collect();
        let expected = [
            (3, Some(2.0 / 3.0), Some(0.8)),
            (2, Some(1.0 / 3.0), Some(0.5)),
            (0, Some(0.0), Some(0.0)),
            (0, None, None),
        ];
        assert_eq!(figures, expected);
        close(mean_of_defined(overlaps.iter().map(|of| of.iou)), 1.0 / 3.0);
        assert!(mean_of_defined([None].into_iter()).is_nan());
        assert!(Confusion::new(2).accuracy().is_nan());
    }
}
