//! The prediction for one picture.

use bayes8_core::digest::logits_digest;
use bayes8_core::executor::OutOfMemory;
use bayes8_core::graph::Shape;
use bayes8_core::head::classes::{SampleSums, Uncertainty};
use bayes8_core::head::{Accumulator, Head, Sums};
use bayes8_core::session::{Estimate, RequestError};
use ndarray::ArrayView2;
use thiserror::Error;

/// The prediction for one picture: sums over weight samples, from which the figures follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction(Estimate);

/// The output of one node for a batch of pictures and one weight sample ([`Model::trace`](crate::Model::trace)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeTrace {
    /// Name of the node.
    pub node: String,
    /// Its codes `[N, D, H, W, C]`; of the last node the logits `[N, classes]` as little-endian f32.
    pub bytes: Vec<u8>,
}

/// Why pictures cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PredictError {
    /// Pictures of another shape than the model takes.
    #[error("pictures are {}, the model takes {expected} ({})", joined(found), expected.axis_names())]
    Shape {
        /// What the model takes.
        expected: Shape,
        /// Extents of the pictures that were given.
        found: Vec<usize>,
    },
    /// Numbers that have no code, samples that do not exist, or more of either than memory holds.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The [`Observer`](crate::Observer) ended the prediction.
    #[error("the prediction was cancelled")]
    Cancelled,
}

/// Formats extents like a shape: `32x32x3`.
fn joined(extents: &[usize]) -> String {
    extents.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

impl Prediction {
    /// Replaces the contents of `predictions` with `count` predictions without samples, reusing the
    /// memory.
    ///
    /// # Errors
    /// [`OutOfMemory`]; some predictions may be missing then.
    pub(crate) fn reset(
        predictions: &mut Vec<Self>,
        count: usize,
        head: Head,
    ) -> Result<(), OutOfMemory> {
        predictions.truncate(count);
        predictions.iter_mut().try_for_each(|prediction| prediction.0.reset(head))?;
        predictions.try_reserve_exact(count - predictions.len())?;
        while predictions.len() < count {
            predictions.push(Self(Estimate::new(head)?));
        }
        Ok(())
    }

    /// Reserves memory in each prediction for the logits of `samples` more samples.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub(crate) fn reserve(predictions: &mut [Self], samples: usize) -> Result<(), OutOfMemory> {
        predictions.iter_mut().try_for_each(|prediction| prediction.0.reserve(samples))
    }

    /// Adds one sample.
    pub(crate) fn add(&mut self, logits: &[f32], keep: bool) {
        self.0.add(logits, keep);
    }

    /// Adds the samples of `later`.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.0.merge(&later.0);
    }

    /// Calls `each` with the logits of the last `samples` samples, in order. Forgets all logits
    /// unless `keep`.
    pub(crate) fn hand_out(&mut self, samples: usize, keep: bool, mut each: impl FnMut(&[f32])) {
        let (logits, outputs) = (self.0.outputs(), self.0.head().outputs());
        logits[logits.len() - samples * outputs..].chunks(outputs).for_each(&mut each);
        if !keep {
            self.0.forget_outputs();
        }
    }

    /// Computes the mean probabilities and their uncertainty.
    pub fn uncertainty(&self) -> Uncertainty {
        self.sums().finish()
    }

    /// Returns the integer sums over the samples.
    ///
    /// Sums of other sample ranges merge into them exactly, in any order ([`Accumulator::merge`]), so a prediction
    /// can be split over machines. Merging panics if the numbers of classes differ ([`SampleSums::classes`]).
    /// [`Accumulator::finish_into`] computes the uncertainty without allocating.
    ///
    /// # Examples
    /// ```
    /// use bayes8_native::{Accumulator, Model, Pictures, PredictOptions};
    /// use ndarray::Array4;
    ///
    /// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    /// let model = Model::load("models/mnist-cnn.safetensors")?;
    /// let picture = Array4::<u8>::zeros((1, 28, 28, 1));
    /// let sums = |samples| {
    ///     let options = PredictOptions::new().samples(samples);
    ///     model.predict(Pictures::Bytes(picture.view()), &options).map(|p| p[0].sums().clone())
    /// };
    /// let mut merged = sums(0..5)?;
    /// merged.merge(&sums(5..16)?);
    /// assert_eq!(merged, sums(0..16)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sums(&self) -> &SampleSums {
        let Sums::Classes(sums) = self.0.sums();
        sums
    }

    /// Returns the logits, `[samples, classes]`, if [`PredictOptions::keep_logits`](crate::PredictOptions) asked for them.
    pub fn logits(&self) -> Option<ArrayView2<'_, f32>> {
        let (logits, outputs) = (self.0.outputs(), self.0.head().outputs());
        if logits.is_empty() {
            return None;
        }
        ArrayView2::from_shape((logits.len() / outputs, outputs), logits).ok()
    }

    /// Computes the SHA-256 of the logits as little-endian f32, if
    /// [`PredictOptions::keep_logits`](crate::PredictOptions) asked for them. Two engines agree when their digests are equal.
    pub fn logits_digest(&self) -> Option<String> {
        let logits = self.0.outputs();
        (!logits.is_empty()).then(|| logits_digest(logits))
    }
}
