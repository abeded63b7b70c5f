//! The caller's buffers for results.

use crate::error::Error;
use crate::extensible::Extensible;
use crate::pointer::Destination;
use bayes8_native::head::classes::ClassSums;
use bayes8_native::{Accumulator, ClassUncertainty, Prediction};
use std::mem::offset_of;

/// The caller's memory for `capacity` numbers. Results fill it from the start; any room after them is
/// left alone. With `data` NULL the result is not wanted.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Buffer<T> {
    /// The first number, or NULL.
    pub data: *mut T,
    /// Room, in numbers (not bytes).
    pub capacity: usize,
}

/// Where the results go: row-major arrays with one row per picture, in the order of the pictures.
/// Start from `BAYES8_OUTPUTS_INIT`, in which nothing is wanted, or in C from
/// `{.size = sizeof outputs, ...}`. Entropies are in nats.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Outputs {
    /// `sizeof(bayes8_outputs)`.
    pub size: usize,
    /// `[count][classes]`: mean probability of each class over the samples.
    pub probabilities: Buffer<f64>,
    /// `[count][classes]`: standard deviation of each class's probability over the samples.
    pub std: Buffer<f64>,
    /// `[count]`: total uncertainty, the entropy of the mean probabilities.
    pub predictive_entropy: Buffer<f64>,
    /// `[count]`: aleatoric uncertainty, the mean of the samples' entropies.
    pub expected_entropy: Buffer<f64>,
    /// `[count]`: epistemic uncertainty, `predictive_entropy` minus `expected_entropy`, at least 0.
    pub mutual_information: Buffer<f64>,
    /// `[count][samples][classes]`: logits of every sample.
    pub logits: Buffer<f32>,
    /// `[count][sum_words]`: integer sums over the samples, the number of samples first. They determine
    /// all results but the logits, and `bayes8_sums_merge()` adds other samples to them exactly.
    pub sums: Buffer<i64>,
}

// SAFETY: sizes, and pointers with sizes, of which any bytes are valid; the last field ends the struct.
unsafe impl Extensible for Outputs {
    const NAME: &'static str = "bayes8_outputs";
    const INITIALIZER: &'static str = "BAYES8_OUTPUTS_INIT";
    const FIRST_SIZE: usize = offset_of!(Self, sums) + size_of::<Buffer<i64>>();
}

/// How large the results of a call are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extents {
    pub(crate) count: usize,
    pub(crate) samples: usize,
    pub(crate) classes: usize,
    pub(crate) sum_words: usize,
}

impl<T: Copy> Buffer<T> {
    /// The buffer for `length` numbers, or `None` if they are not wanted.
    ///
    /// # Safety
    /// `data` is NULL, misaligned, or valid for writes of `capacity` numbers as long as the
    /// destination lives.
    unsafe fn wanted(
        self,
        length: usize,
        name: &'static str,
    ) -> Result<Option<Destination<T>>, Error> {
        if self.data.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's contract is the same.
        unsafe { Destination::new(self.data, self.capacity, length, name) }.map(Some)
    }
}

/// The outputs that are wanted, each with enough room.
pub(crate) struct Results {
    figures: Figures,
    logits: Option<Destination<f32>>,
    sums: Option<Destination<i64>>,
}

impl Results {
    /// # Safety
    /// Each `data` is NULL, misaligned, or valid for writes of `capacity` numbers as long as the
    /// results live.
    pub(crate) unsafe fn new(outputs: &Outputs, extents: Extents) -> Result<Self, Error> {
        let Extents { count, samples, classes, sum_words } = extents;
        // A product that saturates is larger than any capacity.
        let logits = count.saturating_mul(classes).saturating_mul(samples);
        // SAFETY: the caller's contract is the same.
        unsafe {
            Ok(Self {
                figures: Figures::new(outputs, count, classes)?,
                logits: outputs.logits.wanted(logits, "logits")?,
                sums: outputs.sums.wanted(count.saturating_mul(sum_words), "sums")?,
            })
        }
    }

    pub(crate) fn want_logits(&self) -> bool {
        self.logits.is_some()
    }

    pub(crate) fn put(&mut self, picture: usize, prediction: &Prediction) {
        let Self { figures, logits, sums } = self;
        figures.put(picture, prediction.sums().classes().expect("classes"));
        if let (Some(destination), Some(logits)) = (logits, prediction.logits()) {
            destination.put(picture, logits.as_slice().expect("logits are contiguous"));
        }
        if let Some(destination) = sums {
            destination.put(picture, &prediction.sums().to_words());
        }
    }
}

/// The outputs that follow from sums, of those that are wanted.
pub(crate) struct Figures {
    probabilities: Option<Destination<f64>>,
    std: Option<Destination<f64>>,
    predictive_entropy: Option<Destination<f64>>,
    expected_entropy: Option<Destination<f64>>,
    mutual_information: Option<Destination<f64>>,
    uncertainty: ClassUncertainty,
}

impl Figures {
    /// # Safety
    /// Each `data` is NULL, misaligned, or valid for writes of `capacity` numbers as long as the
    /// figures live.
    pub(crate) unsafe fn new(
        outputs: &Outputs,
        count: usize,
        classes: usize,
    ) -> Result<Self, Error> {
        let rows = count.saturating_mul(classes);
        let Outputs { predictive_entropy, expected_entropy, mutual_information, .. } = outputs;
        // SAFETY: the caller's contract is the same.
        unsafe {
            Ok(Self {
                probabilities: outputs.probabilities.wanted(rows, "probabilities")?,
                std: outputs.std.wanted(rows, "std")?,
                predictive_entropy: predictive_entropy.wanted(count, "predictive_entropy")?,
                expected_entropy: expected_entropy.wanted(count, "expected_entropy")?,
                mutual_information: mutual_information.wanted(count, "mutual_information")?,
                uncertainty: ClassUncertainty::default(),
            })
        }
    }

    pub(crate) fn put(&mut self, picture: usize, sums: &ClassSums) {
        sums.finish_into(&mut self.uncertainty);
        let uncertainty = &self.uncertainty;
        let numbers = [
            (&mut self.probabilities, &uncertainty.probabilities[..]),
            (&mut self.std, &uncertainty.std),
            (&mut self.predictive_entropy, &[uncertainty.predictive_entropy]),
            (&mut self.expected_entropy, &[uncertainty.expected_entropy]),
            (&mut self.mutual_information, &[uncertainty.mutual_information]),
        ];
        for (destination, row) in numbers {
            if let Some(destination) = destination {
                destination.put(picture, row);
            }
        }
    }
}
