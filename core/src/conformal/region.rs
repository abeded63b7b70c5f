//! What a conformal predictor says about an example.

use super::label_sets::LabelSet;
use alloc::vec::Vec;
use serde::Serialize;

/// The values of an output that are likely enough for an example: a prediction set or prediction intervals.
///
/// In JSON it is the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PredictionRegion {
    /// Indices of classes, the most probable first. It may be empty.
    ClassSet(Vec<usize>),
    /// The answers to each label.
    LabelSets(Vec<LabelSet>),
    /// The lower and the upper end of an interval for each target, in its unit. All numbers, up to both
    /// infinities, for an infinite threshold.
    Intervals(Vec<[f64; 2]>),
}

impl PredictionRegion {
    /// Returns the classes of the set; `None` for other heads.
    pub fn class_set(&self) -> Option<&[usize]> {
        if let Self::ClassSet(set) = self { Some(set) } else { None }
    }

    /// Returns the sets of the labels; `None` for other heads.
    pub fn label_sets(&self) -> Option<&[LabelSet]> {
        if let Self::LabelSets(sets) = self { Some(sets) } else { None }
    }

    /// Returns the intervals of the targets; `None` for other heads.
    pub fn intervals(&self) -> Option<&[[f64; 2]]> {
        if let Self::Intervals(intervals) = self { Some(intervals) } else { None }
    }
}
