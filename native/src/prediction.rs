//! What goes into a prediction and what comes out.

use bayes8_core::digest::logits_digest;
use bayes8_core::executor::OutOfMemory;
use bayes8_core::graph::Shape;
use bayes8_core::head::classes::{SampleSums, Uncertainty};
use bayes8_core::head::{Accumulator, Head, Sums};
use bayes8_core::session::{Estimate, Input, RequestError};
use ndarray::{ArrayView, ArrayView2, Axis, CowArray, Dimension, Ix4, Slice};
use std::fmt;
use std::ops::{ControlFlow, Range};
use thiserror::Error;

/// A batch of pictures `[N, H, W, C]`, of volumes `[N, D, H, W, C]`, of sequences `[N, L, C]` or of
/// vectors `[N, C]`: an array of any number of axes. Axes of extent 1 but N may be left out.
#[derive(Clone, Copy, Debug)]
pub enum Pictures<'a, D: Dimension = Ix4> {
    /// Raw bytes, which the model normalizes.
    Bytes(ArrayView<'a, u8, D>),
    /// Numbers that are normalized already: `(p / 255 - mean) / std`.
    Normalized(ArrayView<'a, f32, D>),
}

impl<D: Dimension> Pictures<'_, D> {
    /// Those of a range of indices.
    ///
    /// # Panics
    /// When the range ends beyond the last.
    pub fn range(&self, range: Range<usize>) -> Pictures<'_, D> {
        let slice = Slice::from(range);
        match self {
            Self::Bytes(bytes) => Pictures::Bytes(bytes.slice_axis(Axis(0), slice)),
            Self::Normalized(numbers) => Pictures::Normalized(numbers.slice_axis(Axis(0), slice)),
        }
    }

    /// Extents of the array, N first.
    pub fn extents(&self) -> &[usize] {
        match self {
            Self::Bytes(bytes) => bytes.shape(),
            Self::Normalized(numbers) => numbers.shape(),
        }
    }

    /// Calls `f` with the numbers in standard order, which it copies if they are in another one.
    pub(crate) fn with_input<T>(&self, f: impl FnOnce(Input<'_>) -> T) -> T {
        match self {
            Self::Bytes(bytes) => f(Input::Bytes(contiguous(&bytes.as_standard_layout()))),
            Self::Normalized(numbers) => {
                f(Input::Normalized(contiguous(&numbers.as_standard_layout())))
            }
        }
    }
}

fn contiguous<'a, T, D: Dimension>(array: &'a CowArray<'_, T, D>) -> &'a [T] {
    array.as_slice().expect("an array in standard layout is contiguous")
}

/// What to compute.
#[derive(Clone, Debug)]
pub struct PredictOptions {
    /// Indices of the Monte-Carlo samples; the same index always has the same weights.
    pub samples: Range<u32>,
    /// Seed of the weights.
    pub seed: u64,
    /// Whether to return the logits of every sample.
    pub keep_logits: bool,
}

impl Default for PredictOptions {
    /// 32 samples of seed 0, without logits.
    fn default() -> Self {
        Self { samples: 0..32, seed: 0, keep_logits: false }
    }
}

/// What watches a prediction that takes long. By default nothing does.
#[derive(Default)]
pub struct Observer<'a> {
    /// Called after each weight sample with the number of pictures that it was run for: in all, pictures
    /// times samples are reported. The threads of the prediction call it, several at a time. If it breaks,
    /// the prediction ends with [`PredictError::Cancelled`] as soon as the samples under way are done.
    pub progress: Option<Progress<'a>>,
    /// Called with the index of a picture and the logits of a sample, on the thread that predicts: for
    /// each picture all samples, in order.
    pub logits: Option<EachSample<'a>>,
}

/// Sees the number of pictures that a weight sample was run for; breaks to cancel the rest.
pub(crate) type Progress<'a> = &'a (dyn Fn(usize) -> ControlFlow<()> + Sync);

/// Sees the index of a picture and the logits of a sample.
pub(crate) type EachSample<'a> = &'a mut dyn FnMut(usize, &[f32]);

impl fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { progress, logits } = self;
        let (progress, logits) = (progress.is_some(), logits.is_some());
        f.debug_struct("Observer").field("progress", &progress).field("logits", &logits).finish()
    }
}

/// The prediction for one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction(Estimate);

/// What one node of a network gave for a batch of pictures and one weight sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTrace {
    /// Name of the node.
    pub node: String,
    /// Its codes `[N, D, H, W, C]`; of the last node the logits `[N, classes]` as little-endian f32.
    pub bytes: Vec<u8>,
}

/// Why pictures cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
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
    /// The [`Observer`] ended the prediction.
    #[error("the prediction was cancelled")]
    Cancelled,
}

/// Extents as a shape is shown: `32x32x3`.
fn joined(extents: &[usize]) -> String {
    extents.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

impl Prediction {
    /// Makes `predictions` hold `count` predictions of no samples yet, in the memory they have.
    ///
    /// # Errors
    /// [`OutOfMemory`]; some may be missing then.
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

    /// Makes room in each for the logits of `samples` more samples.
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

    /// Adds the samples that follow those that it has.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.0.merge(&later.0);
    }

    /// Calls `each` with the logits of each of the last `samples` samples, in order, which it keeps or
    /// forgets.
    pub(crate) fn hand_out(&mut self, samples: usize, keep: bool, mut each: impl FnMut(&[f32])) {
        let (logits, outputs) = (self.0.outputs(), self.0.head().outputs());
        logits[logits.len() - samples * outputs..].chunks(outputs).for_each(&mut each);
        if !keep {
            self.0.forget_outputs();
        }
    }

    /// Mean probabilities and their uncertainty.
    pub fn uncertainty(&self) -> Uncertainty {
        self.sums().finish()
    }

    /// The integer sums over the samples, to be merged with those of other sample ranges, or to be
    /// finished into memory that is there ([`Accumulator::finish_into`]).
    pub fn sums(&self) -> &SampleSums {
        let Sums::Classes(sums) = self.0.sums();
        sums
    }

    /// Logits `[samples, classes]`, if they were asked for.
    pub fn logits(&self) -> Option<ArrayView2<'_, f32>> {
        let (logits, outputs) = (self.0.outputs(), self.0.head().outputs());
        if logits.is_empty() {
            return None;
        }
        ArrayView2::from_shape((logits.len() / outputs, outputs), logits).ok()
    }

    /// SHA-256 of the logits as little-endian f32, if they were asked for: two engines agree when
    /// it is equal.
    pub fn logits_digest(&self) -> Option<String> {
        let logits = self.0.outputs();
        (!logits.is_empty()).then(|| logits_digest(logits))
    }
}
