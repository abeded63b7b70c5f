//! Which weight samples to run.

use super::error::RequestError;
use crate::posterior::{Draw, MAX_SAMPLES};
use core::ops::Range;

/// Indices of weight samples: at least one, all below [`MAX_SAMPLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleRange {
    start: u32,
    end: u32,
}

impl SampleRange {
    /// The samples of `range`.
    ///
    /// # Errors
    /// [`RequestError::Samples`] if it is empty or ends above [`MAX_SAMPLES`].
    pub fn new(range: Range<u32>) -> Result<Self, RequestError> {
        if range.is_empty() || range.end > MAX_SAMPLES {
            return Err(RequestError::Samples(range));
        }
        Ok(Self { start: range.start, end: range.end })
    }

    /// The same samples, if a prediction that has `before` already can take them.
    ///
    /// # Errors
    /// [`RequestError::TooManySamples`] if it would have more than [`MAX_SAMPLES`].
    pub fn after(self, before: u64) -> Result<Self, RequestError> {
        let all = before + self.count() as u64;
        if all > u64::from(MAX_SAMPLES) {
            return Err(RequestError::TooManySamples(all));
        }
        Ok(self)
    }

    /// Number of samples, at least 1.
    pub fn count(self) -> usize {
        (self.end - self.start) as usize
    }

    /// The first `count` samples, and the rest.
    ///
    /// # Panics
    /// Unless both have samples.
    pub fn split_at(self, count: usize) -> (Self, Self) {
        assert!((1..self.count()).contains(&count), "both parts have samples");
        // Less than the count, which is a u32.
        let middle = self.start + count as u32;
        (Self { end: middle, ..self }, Self { start: middle, ..self })
    }

    /// The samples in order, in parts of `count` or, at the end, fewer.
    pub(super) fn chunks(self, count: usize) -> impl Iterator<Item = Self> {
        (self.start..self.end).step_by(count).map(move |start| {
            let end = (start as usize).saturating_add(count).min(self.end as usize);
            Self { start, end: end as u32 }
        })
    }

    /// The draws of `seed` with these indices.
    pub fn draws(self, seed: u64) -> impl Iterator<Item = Draw> {
        (self.start..self.end).map(move |sample| Draw { seed, sample })
    }
}
