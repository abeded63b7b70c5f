//! The draws that a prediction sums up.

use bayes8::core::draws::MAX_CHOSEN;
use bayes8::core::posterior::MAX_SAMPLES;
use bayes8::core::session::DrawSequence;
use ndarray::{Array3, Axis, concatenate};
use pyo3::prelude::*;
use std::ops::Range;

/// Draws of a seed, by their indices; of the model's list, by their positions, if there is no seed.
pub(crate) type Part = (Option<u64>, Range<u32>);

/// Which draws of the weights have been summed: for each seed, ranges of indices, in order and not adjacent. Either
/// all are of the model's list, or none is.
#[derive(Clone, PartialEq)]
pub(crate) struct Draws(pub(crate) Vec<Part>);

/// Why draws cannot be summed together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Clash {
    /// Both have the same one.
    Shared,
    /// Some are of the model's list. Random ones may be in it too.
    Kinds,
}

impl Draws {
    pub(crate) fn new(draws: &DrawSequence, samples: Range<u32>) -> Self {
        let seed = match *draws {
            DrawSequence::Chosen(_) => None,
            DrawSequence::Random { seed } => Some(seed),
        };
        Self(vec![(seed, samples)])
    }

    /// Returns the number of draws.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, samples)| samples.len() as u64).sum()
    }

    /// Returns draws that were saved, or `None` unless they are as in [`Self`].
    pub(crate) fn restore(draws: Vec<Part>) -> Option<Self> {
        let exist = draws.iter().all(|(seed, r)| {
            let most = if seed.is_none() { MAX_CHOSEN as u32 } else { MAX_SAMPLES };
            r.start < r.end && r.end <= most
        });
        let (draws, none) = (Self(draws), Self(Vec::new()));
        (exist && !draws.0.is_empty() && draws.union(&none).as_ref() == Ok(&draws)).then_some(draws)
    }

    /// Returns the draws as Python sees them: seeds, and ranges of indices.
    pub(crate) fn to_python<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(Option<u64>, Bound<'py, PyAny>)>> {
        let range = py.import("builtins")?.getattr("range")?;
        let each = |(seed, samples): &Part| Ok((*seed, range.call1((samples.start, samples.end))?));
        self.0.iter().map(each).collect()
    }

    /// Returns the numbers `[N, samples, numbers]` of the draws of both, in the order of their union.
    pub(crate) fn ordered(
        &self,
        own: &Array3<f32>,
        other: &Self,
        others: &Array3<f32>,
    ) -> Array3<f32> {
        let parts = self.order(other).into_iter().map(|(is_other, places)| {
            let numbers = if is_other { others } else { own };
            numbers.slice_axis(Axis(1), places.into())
        });
        concatenate(Axis(1), &parts.collect::<Vec<_>>()).expect("the same pictures and outputs")
    }

    /// Returns the order of the draws of both in their union: for each range, whether it comes from `other`, and its
    /// places among the draws of the side that it comes from.
    fn order(&self, other: &Self) -> Vec<(bool, Range<usize>)> {
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
        all.into_iter().map(|(_, is_other, places)| (is_other, places)).collect()
    }

    /// Returns the draws of both.
    pub(crate) fn union(&self, other: &Self) -> Result<Self, Clash> {
        let mut all: Vec<_> = self.0.iter().chain(&other.0).cloned().collect();
        all.sort_by_key(|(seed, samples)| (*seed, samples.start));
        if all.windows(2).any(|two| two[0].0.is_none() != two[1].0.is_none()) {
            return Err(Clash::Kinds);
        }
        let mut joined: Vec<Part> = Vec::new();
        for (seed, samples) in all {
            match joined.last_mut() {
                Some((last, before)) if *last == seed && before.end > samples.start => {
                    return Err(Clash::Shared);
                }
                Some((last, before)) if *last == seed && before.end == samples.start => {
                    before.end = samples.end;
                }
                _ => joined.push((seed, samples)),
            }
        }
        Ok(Self(joined))
    }
}
