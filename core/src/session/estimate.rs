//! The estimate for one picture.

use crate::executor::OutOfMemory;
use crate::head::{Head, Sums};
use alloc::vec::Vec;

/// The sums over the samples of one picture so far, and the outputs of the samples for which they
/// were kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    head: Head,
    sums: Sums,
    outputs: Vec<f32>,
}

impl Estimate {
    /// Creates an estimate without samples.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(head: Head) -> Result<Self, OutOfMemory> {
        Ok(Self { head, sums: head.accumulator()?, outputs: Vec::new() })
    }

    /// Forgets all samples and starts a new estimate for `head`, reusing the memory.
    ///
    /// # Errors
    /// [`OutOfMemory`], but only if the head changes; the estimate is unchanged then.
    pub fn reset(&mut self, head: Head) -> Result<(), OutOfMemory> {
        if self.head != head {
            *self = Self::new(head)?;
        }
        self.sums.clear();
        self.outputs.clear();
        Ok(())
    }

    /// Reserves memory for the outputs of `samples` more samples.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the estimate is unchanged.
    pub fn reserve(&mut self, samples: usize) -> Result<(), OutOfMemory> {
        Ok(self.outputs.try_reserve(samples.saturating_mul(self.head.outputs()))?)
    }

    /// Adds the outputs of one sample, and keeps them if `keep`.
    ///
    /// # Panics
    /// When the number of outputs is not the head's, or the sums are full already ([`Sums::add`]).
    pub fn add(&mut self, outputs: &[f32], keep: bool) {
        self.sums.add(outputs);
        if keep {
            self.outputs.extend_from_slice(outputs);
        }
    }

    /// Adds the samples of `later`, and appends its kept outputs.
    ///
    /// # Panics
    /// When the heads differ, or the two have too many samples together ([`Sums::merge`]).
    pub fn merge(&mut self, later: &Self) {
        self.sums.merge(&later.sums);
        self.outputs.extend_from_slice(&later.outputs);
    }

    /// Returns what the outputs mean.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Returns the integer sums over the samples.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Returns the kept outputs, `[samples, outputs]`, in the order in which they were added.
    pub fn outputs(&self) -> &[f32] {
        &self.outputs
    }

    /// Forgets the kept outputs and frees their memory. The sums are unchanged.
    pub fn forget_outputs(&mut self) {
        self.outputs = Vec::new();
    }
}
