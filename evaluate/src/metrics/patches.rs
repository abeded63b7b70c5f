//! Whether segmentations are sure where they are right.

use serde::Serialize;

/// Whether a segmentation is certain where it is accurate and uncertain where it is not, by Mukhoti and Gal,
/// "Evaluating Bayesian Deep Learning Methods for Semantic Segmentation" (arXiv:1811.12709, 2018).
///
/// Their patches are squares of any size; these have one position each, so a patch is accurate if its
/// predicted class is right. It is uncertain if its uncertainty is above the mean of all patches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PatchAccuracy {
    /// PAvPU, patch accuracy versus patch uncertainty: the share of patches that are accurate and certain
    /// or inaccurate and uncertain.
    pub pavpu: f64,
    /// The share of certain patches that are accurate; NaN if none is certain.
    pub accurate_if_certain: f64,
    /// The share of inaccurate patches that are uncertain; NaN if all are accurate.
    pub uncertain_if_inaccurate: f64,
    /// Patches of more uncertainty than this are uncertain.
    pub threshold: f64,
}

impl PatchAccuracy {
    /// Computes the figures; `right` says which predictions are right. NaN without any.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn new(uncertainty: &[f64], right: &[bool]) -> Self {
        assert_eq!(uncertainty.len(), right.len(), "one uncertainty for every prediction");
        let count = right.len() as f64;
        let threshold = uncertainty.iter().sum::<f64>() / count;
        // Inaccurate and accurate ones: the certain, then the uncertain.
        let mut patches = [[0.0; 2]; 2];
        for (&uncertainty, &right) in uncertainty.iter().zip(right) {
            patches[usize::from(right)][usize::from(uncertainty > threshold)] += 1.0;
        }
        let [[inaccurate_certain, inaccurate_uncertain], [accurate_certain, _]] = patches;
        Self {
            pavpu: (accurate_certain + inaccurate_uncertain) / count,
            accurate_if_certain: accurate_certain / (accurate_certain + inaccurate_certain),
            uncertain_if_inaccurate: inaccurate_uncertain
                / (inaccurate_certain + inaccurate_uncertain),
            threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    #[test]
    fn matches_values_computed_by_hand() {
        // The mean is 0.5: the first three are certain.
        let figures =
            PatchAccuracy::new(&[0.0, 0.25, 0.5, 0.75, 1.0], &[true, true, false, true, false]);
        close(figures.threshold, 0.5);
        close(figures.pavpu, 3.0 / 5.0);
        close(figures.accurate_if_certain, 2.0 / 3.0);
        close(figures.uncertain_if_inaccurate, 1.0 / 2.0);
        let right = PatchAccuracy::new(&[0.1], &[true]);
        assert!(right.pavpu == 1.0 && right.uncertain_if_inaccurate.is_nan());
        assert!(PatchAccuracy::new(&[], &[]).pavpu.is_nan());
    }
}
