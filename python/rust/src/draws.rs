//! The draws that a prediction sums up.

use std::ops::Range;

/// Which draws of the weights have been summed: for each seed, ranges of indices, in order and not adjacent.
#[derive(Clone, PartialEq)]
pub(crate) struct Draws(pub(crate) Vec<(u64, Range<u32>)>);

impl Draws {
    pub(crate) fn new(seed: u64, samples: Range<u32>) -> Self {
        Self(vec![(seed, samples)])
    }

    /// Returns the number of draws.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, samples)| samples.len() as u64).sum()
    }

    /// Returns the draws of both, or `None` if they share one.
    pub(crate) fn union(&self, other: &Self) -> Option<Self> {
        let mut all: Vec<_> = self.0.iter().chain(&other.0).cloned().collect();
        all.sort_by_key(|(seed, samples)| (*seed, samples.start));
        let mut joined: Vec<(u64, Range<u32>)> = Vec::new();
        for (seed, samples) in all {
            match joined.last_mut() {
                Some((last, before)) if *last == seed && before.end > samples.start => return None,
                Some((last, before)) if *last == seed && before.end == samples.start => {
                    before.end = samples.end;
                }
                _ => joined.push((seed, samples)),
            }
        }
        Some(Self(joined))
    }
}
