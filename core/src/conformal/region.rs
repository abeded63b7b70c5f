//! What a conformal predictor says about an example.

use super::class_set_map::ClassSetMap;
use super::label_sets::LabelSet;
use alloc::vec::Vec;
use serde::Serialize;

/// The values of an output that are likely enough for an example: a prediction set or prediction intervals.
///
/// In JSON it is the list, and of a map the object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PredictionRegion {
    /// Indices of classes, the most probable first. It may be empty.
    ClassSet(Vec<usize>),
    /// A set of classes for each position of a map.
    ClassSetMap(ClassSetMap),
    /// The answers to each label.
    LabelSets(Vec<LabelSet>),
    /// The lower and the upper end of an interval for each target, in its unit. All numbers, up to both
    /// infinities, for an infinite threshold.
    Intervals(Vec<[f64; 2]>),
}

impl PredictionRegion {
    /// Returns the region as one list of numbers: the indices of the classes; of a map whether each class
    /// belongs to the set of each position, 0 or 1; of each label whether "absent" and whether "present" belongs
    /// to its set, 0 or 1; of each target both ends of its interval.
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Self::ClassSet(set) => set.iter().map(|&class| class as f64).collect(),
            Self::ClassSetMap(map) => map.members.iter().map(|&member| member.into()).collect(),
            Self::LabelSets(sets) => {
                sets.iter().flat_map(|set| [set.absent, set.present].map(f64::from)).collect()
            }
            Self::Intervals(intervals) => intervals.as_flattened().to_vec(),
        }
    }

    /// Returns the classes of the set; `None` for other heads and for maps.
    pub fn class_set(&self) -> Option<&[usize]> {
        if let Self::ClassSet(set) = self { Some(set) } else { None }
    }

    /// Returns the sets of a map of classes; `None` for other outputs.
    pub fn class_set_map(&self) -> Option<&ClassSetMap> {
        if let Self::ClassSetMap(map) = self { Some(map) } else { None }
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
