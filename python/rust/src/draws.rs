//! The draws that a prediction sums up.

use bayes8::core::posterior::MAX_SAMPLES;
use ndarray::{Array3, Axis, concatenate};
use pyo3::prelude::*;
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

    /// Returns draws that were saved, or `None` unless they are as in [`Self`].
    pub(crate) fn restore(draws: Vec<(u64, Range<u32>)>) -> Option<Self> {
        let exist = draws.iter().all(|(_, r)| r.start < r.end && r.end <= MAX_SAMPLES);
        let (draws, none) = (Self(draws), Self(Vec::new()));
        (exist && !draws.0.is_empty() && draws.union(&none).as_ref() == Some(&draws))
            .then_some(draws)
    }

    /// Returns the draws as Python sees them: seeds, and ranges of indices.
    pub(crate) fn to_python<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(u64, Bound<'py, PyAny>)>> {
        let range = py.import("builtins")?.getattr("range")?;
        let each = |(seed, samples): &(u64, Range<u32>)| {
            Ok((*seed, range.call1((samples.start, samples.end))?))
        };
        self.0.iter().map(each).collect()
    }

    /// Returns the numbers `[N, samples, numbers]` of the draws of both, in the order of their union.
    pub(crate) fn ordered(
        &self,
        own: &Array3<f32>,
        other: &Self,
        others: &Array3<f32>,
    ) -> Array3<f32> {
        let parts = self.order(other).into_iter().map(|(_, is_other, places)| {
            let numbers = if is_other { others } else { own };
            numbers.slice_axis(Axis(1), places.into())
        });
        concatenate(Axis(1), &parts.collect::<Vec<_>>()).expect("the same pictures and outputs")
    }

    /// Returns the order of the draws of both in their union: for each range, its seed and first index, whether it
    /// comes from `other`, and its places among the draws of the side that it comes from.
    fn order(&self, other: &Self) -> Vec<((u64, u32), bool, Range<usize>)> {
        let mut all = Vec::new();
        for (is_other, draws) in [(false, self), (true, other)] {
            let mut next = 0;
            for (seed, samples) in &draws.0 {
                let places = next..next + samples.len();
                next = places.end;
                all.push(((*seed, samples.start), is_other, places));
            }
        }
        all.sort_by_key(|&(first, ..)| first);
        all
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
