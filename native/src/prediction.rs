//! What goes into a prediction and what comes out.

use bayes8_core::digest::logits_digest;
use bayes8_core::executor::OutOfMemory;
use bayes8_core::graph::Shape;
use bayes8_core::sampler::MAX_SAMPLES;
use bayes8_core::uncertainty::{SampleSums, Uncertainty};
use ndarray::{ArrayView, ArrayView2, Axis, Dimension, Ix4, Slice};
use std::ops::Range;
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

/// The prediction for one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    sums: SampleSums,
    logits: Vec<f32>,
    classes: usize,
}

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
    /// A number that has no code.
    #[error("picture {picture} holds a number that is not finite")]
    NotFinite {
        /// Index of the picture.
        picture: usize,
    },
    /// Not enough memory for this many pictures, or for the logits of this many samples.
    #[error(
        "not enough memory for {pictures} pictures at once, with {logits} logits each: predict fewer"
    )]
    Memory {
        /// How many pictures.
        pictures: usize,
        /// Logits that are kept of each.
        logits: usize,
    },
    /// A range of samples that is empty or too high.
    #[error("samples {}..{} must not be empty nor end above {MAX_SAMPLES}", .0.start, .0.end)]
    Samples(Range<u32>),
}

/// Extents as a shape is shown: `32x32x3`.
fn joined(extents: &[usize]) -> String {
    extents.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

impl Prediction {
    /// Makes `predictions` hold `count` predictions of no samples yet, in the memory they have, with
    /// room for `logits` numbers each.
    ///
    /// # Errors
    /// [`OutOfMemory`]; some may be missing then.
    pub(crate) fn reset(
        predictions: &mut Vec<Self>,
        count: usize,
        classes: usize,
        logits: usize,
    ) -> Result<(), OutOfMemory> {
        predictions.truncate(count);
        predictions.try_reserve_exact(count - predictions.len())?;
        for prediction in predictions.iter_mut() {
            if prediction.classes != classes {
                *prediction = Self::new(classes)?;
            }
            prediction.sums.clear();
            prediction.logits.clear();
            prediction.logits.try_reserve_exact(logits)?;
        }
        while predictions.len() < count {
            let mut prediction = Self::new(classes)?;
            prediction.logits.try_reserve_exact(logits)?;
            predictions.push(prediction);
        }
        Ok(())
    }

    fn new(classes: usize) -> Result<Self, OutOfMemory> {
        Ok(Self { sums: SampleSums::try_new(classes)?, logits: Vec::new(), classes })
    }

    /// Adds one sample.
    pub(crate) fn add(&mut self, logits: &[f32], keep: bool) {
        self.sums.add(logits);
        if keep {
            self.logits.extend_from_slice(logits);
        }
    }

    /// Adds the samples that follow those that it has.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.sums.merge(&later.sums);
        self.logits.extend_from_slice(&later.logits);
    }

    /// Mean probabilities and their uncertainty.
    pub fn uncertainty(&self) -> Uncertainty {
        self.sums.finish()
    }

    /// The integer sums over the samples, to be merged with those of other sample ranges, or to be
    /// finished into memory that is there ([`SampleSums::finish_into`]).
    pub fn sums(&self) -> &SampleSums {
        &self.sums
    }

    /// Logits `[samples, classes]`, if they were asked for.
    pub fn logits(&self) -> Option<ArrayView2<'_, f32>> {
        if self.logits.is_empty() {
            return None;
        }
        let shape = (self.logits.len() / self.classes, self.classes);
        ArrayView2::from_shape(shape, &self.logits).ok()
    }

    /// SHA-256 of the logits as little-endian f32, if they were asked for: two engines agree when
    /// it is equal.
    pub fn logits_digest(&self) -> Option<String> {
        (!self.logits.is_empty()).then(|| logits_digest(&self.logits))
    }
}
