//! The weight samples of a request.

use super::error::RequestError;
use crate::posterior::MAX_SAMPLES;
use core::ops::Range;

/// A range of indices of weight samples: not empty, and below 2^28.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleRange {
    start: u32,
    end: u32,
}

impl SampleRange {
    /// Checks a range of sample indices.
    ///
    /// # Errors
    /// [`RequestError::Samples`] if it is empty or ends above 2^28.
    ///
    /// # Examples
    /// ```
    /// use bayes8_core::session::SampleRange;
    ///
    /// let samples = SampleRange::new(8..32).expect("valid samples");
    /// assert_eq!(samples.count(), 24);
    /// assert!(SampleRange::new(8..8).is_err());
    /// ```
    pub fn new(range: Range<u32>) -> Result<Self, RequestError> {
        if range.is_empty() || range.end > MAX_SAMPLES {
            return Err(RequestError::Samples(range));
        }
        Ok(Self { start: range.start, end: range.end })
    }

    /// Checks that a prediction that already has `before` samples can take these too, and returns
    /// them.
    ///
    /// # Errors
    /// [`RequestError::TooManySamples`] if it would have more than 2^28 samples.
    pub fn after(self, before: u64) -> Result<Self, RequestError> {
        let all = before + self.count() as u64;
        if all > u64::from(MAX_SAMPLES) {
            return Err(RequestError::TooManySamples(all));
        }
        Ok(self)
    }

    /// Returns the number of samples, at least 1.
    pub fn count(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Splits the range into the first `count` samples and the rest.
    ///
    /// # Panics
    /// When either part would be empty.
    pub fn split_at(self, count: usize) -> (Self, Self) {
        assert!((1..self.count()).contains(&count), "both parts have samples");
        // Less than the count, which is a u32.
        let middle = self.start + count as u32;
        (Self { end: middle, ..self }, Self { start: middle, ..self })
    }

    /// Iterates over consecutive parts of `count` samples; the last may have fewer.
    pub(super) fn chunks(self, count: usize) -> impl Iterator<Item = Self> {
        (self.start..self.end).step_by(count).map(move |start| {
            let end = (start as usize).saturating_add(count).min(self.end as usize);
            Self { start, end: end as u32 }
        })
    }

    /// Iterates over consecutive parts that begin at multiples of `count`, but for the first.
    pub(crate) fn aligned_chunks(self, count: u32) -> impl Iterator<Item = Self> {
        (self.start / count..self.end.div_ceil(count)).map(move |chunk| {
            let (start, end) = (chunk * count, (chunk + 1) * count);
            Self { start: start.max(self.start), end: end.min(self.end) }
        })
    }

    /// Returns the index of the first sample.
    pub fn first(self) -> u32 {
        self.start
    }

    /// Iterates over the indices.
    pub fn indices(self) -> Range<u32> {
        self.start..self.end
    }
}
