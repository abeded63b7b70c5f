//! Scores and sets of one independent label. A set takes IEEE-754 operations alone, so it is the same on
//! every machine.

use serde::Serialize;

/// Which answers the set of a label holds; both or none are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LabelSet {
    /// Whether "absent" belongs to it.
    pub absent: bool,
    /// Whether "present" belongs to it.
    pub present: bool,
}

impl LabelSet {
    /// Returns the set of a label with this probability: the answers with a [`label_score`] of at most
    /// `threshold`. Each label has its own threshold, from its scores on the calibration examples.
    pub fn new(probability: f64, threshold: f64) -> Self {
        let has = |answer| label_score(probability, answer) <= threshold;
        Self { absent: has(false), present: has(true) }
    }

    /// Returns whether the answer belongs to the set.
    pub fn contains(&self, present: bool) -> bool {
        if present { self.present } else { self.absent }
    }

    /// Returns the number of answers, 0 to 2.
    pub fn size(&self) -> usize {
        usize::from(self.absent) + usize::from(self.present)
    }
}

/// Computes the score of an answer for a label with this probability: 1 - the probability of the
/// answer, between 0 and 1 ([`Lac`](super::ClassScore::Lac) with two classes).
pub fn label_score(probability: f64, present: bool) -> f64 {
    if present { 1.0 - probability } else { probability }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_no_one_or_two_answers() {
        let set = |probability, threshold| {
            let set = LabelSet::new(probability, threshold);
            assert_eq!(set.size(), [true, false].into_iter().filter(|&a| set.contains(a)).count());
            (set.absent, set.present)
        };
        assert_eq!(set(0.875, 0.25), (false, true));
        assert_eq!(set(0.125, 0.25), (true, false));
        assert_eq!(set(0.5, 0.25), (false, false));
        assert_eq!(set(0.5, 0.5), (true, true));
        assert_eq!(set(1.0, f64::INFINITY), (true, true));
    }
}
