//! Many sums that are small until there are many samples.

use crate::head::accumulator::zeros;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// Sums of numbers below 2^24 + 1: in u32 for up to 255 samples, and in i64 beyond, so that maps take
/// 4 bytes per sum while samples are few.
#[derive(Clone, Debug)]
pub(super) struct Widening {
    low: Vec<u32>,
    /// Samples in `low`.
    count: u32,
    /// The samples that have left `low`; empty if none has.
    high: Vec<i64>,
}

/// 1 in the units of the sums.
pub(super) const ONE: f32 = 16_777_216.0;

/// The most samples that u32 holds.
const MOST: u32 = u32::MAX / (1 << 24);

impl Widening {
    /// Returns `count` zeros.
    pub(super) fn try_new(count: usize) -> Result<Self, TryReserveError> {
        Ok(Self { low: zeros(count)?, count: 0, high: Vec::new() })
    }

    pub(super) fn clear(&mut self) {
        self.low.fill(0);
        self.count = 0;
        self.high = Vec::new();
    }

    /// Returns the sums in u32, to each of which the caller adds one number of the next sample.
    pub(super) fn next(&mut self) -> &mut [u32] {
        self.make_room(1);
        self.count += 1;
        &mut self.low
    }

    /// Makes room for `samples` more samples, which [`Self::add`] adds to each of the sums.
    pub(super) fn grow(&mut self, samples: u32) {
        self.make_room(samples);
        self.count += samples;
    }

    /// Adds the sum at `from` of `other`, all of whose samples fit u32, to the sum at `to`.
    pub(super) fn add(&mut self, to: usize, other: &Self, from: usize) {
        self.low[to] += other.low[from];
    }

    /// Adds other sums, each to the one at its place.
    pub(super) fn merge(&mut self, other: &Self) {
        if !other.high.is_empty() {
            self.widen();
            self.high.iter_mut().zip(&other.high).for_each(|(sum, other)| *sum += other);
        }
        self.make_room(other.count);
        self.count += other.count;
        self.low.iter_mut().zip(&other.low).for_each(|(sum, other)| *sum += other);
    }

    /// Replaces the sums.
    pub(super) fn set(&mut self, index: usize, sum: i64) {
        self.widen();
        self.high[index] = sum;
    }

    /// Returns the sum at `index`.
    pub(super) fn get(&self, index: usize) -> i64 {
        self.high.get(index).copied().unwrap_or(0) + i64::from(self.low[index])
    }

    /// Makes room for `samples` more samples in u32.
    fn make_room(&mut self, samples: u32) {
        if self.count + samples > MOST {
            self.widen();
            for (high, low) in self.high.iter_mut().zip(&mut self.low) {
                *high += i64::from(core::mem::take(low));
            }
            self.count = 0;
        }
    }

    fn widen(&mut self) {
        self.high.resize(self.low.len(), 0);
    }
}

/// Equal if all sums are, wherever they are held.
impl PartialEq for Widening {
    fn eq(&self, other: &Self) -> bool {
        let same = |index| self.get(index) == other.get(index);
        self.low.len() == other.low.len() && (0..self.low.len()).all(same)
    }
}

/// Rounds a number from 0 to 1 to units of 2^-24, half up.
#[inline(always)]
pub(super) fn units(x: f32) -> u32 {
    let scaled = x * ONE;
    let whole = scaled as i32;
    // The difference is exact. Not negative.
    (whole + i32::from(scaled - whole as f32 >= 0.5)) as u32
}
