//! What the samples of one picture add up to.

use crate::executor::OutOfMemory;
use crate::head::{Head, Sums};
use alloc::vec::Vec;

/// The sums over the samples of one picture so far, and the outputs of those samples that were to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    head: Head,
    sums: Sums,
    outputs: Vec<f32>,
}

impl Estimate {
    /// An estimate from no samples yet.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(head: Head) -> Result<Self, OutOfMemory> {
        Ok(Self { head, sums: head.accumulator()?, outputs: Vec::new() })
    }

    /// Forgets all samples, and begins an estimate for `head` in the memory that is there.
    ///
    /// # Errors
    /// [`OutOfMemory`] where it had another head; the estimate is as it was.
    pub fn reset(&mut self, head: Head) -> Result<(), OutOfMemory> {
        if self.head != head {
            *self = Self::new(head)?;
        }
        self.sums.clear();
        self.outputs.clear();
        Ok(())
    }

    /// Makes room for the outputs of `samples` more samples.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the estimate is as it was.
    pub fn reserve(&mut self, samples: usize) -> Result<(), OutOfMemory> {
        Ok(self.outputs.try_reserve(samples.saturating_mul(self.head.outputs()))?)
    }

    /// Adds the outputs of one sample, and keeps them if `keep`.
    ///
    /// # Panics
    /// As [`Sums::add`].
    pub fn add(&mut self, outputs: &[f32], keep: bool) {
        self.sums.add(outputs);
        if keep {
            self.outputs.extend_from_slice(outputs);
        }
    }

    /// Adds the samples that follow those that it has.
    ///
    /// # Panics
    /// As [`Sums::merge`].
    pub fn merge(&mut self, later: &Self) {
        self.sums.merge(&later.sums);
        self.outputs.extend_from_slice(&later.outputs);
    }

    /// What the outputs mean.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The integer sums over the samples.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Outputs `[samples, outputs]` of the samples that kept them, in their order.
    pub fn outputs(&self) -> &[f32] {
        &self.outputs
    }

    /// Forgets the outputs and frees their memory; the sums stay.
    pub fn forget_outputs(&mut self) {
        self.outputs = Vec::new();
    }
}
