//! The prediction for one picture.

use bayes8_core::conformal::PredictionRegion;
use bayes8_core::digest::logits_digest;
use bayes8_core::executor::OutOfMemory;
use bayes8_core::graph::Shape;
use bayes8_core::head::map::MapSums;
use bayes8_core::head::{Output, Sums, Uncertainty};
use bayes8_core::session::{Estimate, RequestError, SampleRange};
use ndarray::ArrayView2;
use std::sync::Arc;
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
    /// Its codes `[N, D, H, W, C]`; of an output of the model its numbers `[N, C]` as little-endian f32.
    pub bytes: Vec<u8>,
}

/// Why pictures cannot be predicted.
#[derive(Clone, Debug, PartialEq, Error)]
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
    /// The numbers of single samples or nodes, of a model that predicts in tiles
    /// ([`ModelOptions::tile_overlap`](crate::ModelOptions::tile_overlap)).
    #[error("a prediction in tiles has no numbers of single samples or nodes")]
    Tiled,
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
        outputs: &Arc<[Output]>,
    ) -> Result<(), OutOfMemory> {
        predictions.truncate(count);
        predictions.iter_mut().try_for_each(|prediction| prediction.0.reset(outputs))?;
        predictions.try_reserve_exact(count - predictions.len())?;
        while predictions.len() < count {
            predictions.push(Self(Estimate::new(outputs)?));
        }
        Ok(())
    }

    /// Reserves memory in each prediction for the outputs of `samples` more samples.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub(crate) fn reserve(predictions: &mut [Self], samples: usize) -> Result<(), OutOfMemory> {
        predictions.iter_mut().try_for_each(|prediction| prediction.0.reserve(samples))
    }

    /// Adds one sample.
    pub(crate) fn add(
        &mut self,
        outputs: &[f32],
        keep: bool,
        add_to_map: impl Fn(&mut MapSums, &[f32]),
    ) {
        self.0.add_with(outputs, keep, add_to_map);
    }

    /// Adds the samples of `later`.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.0.merge(&later.0);
    }

    /// Makes room for the samples of tiles ([`Estimate::grow`]).
    pub(crate) fn grow(&mut self, samples: SampleRange) {
        // At most 2^28.
        self.0.grow(samples.count() as u32);
    }

    /// Adds the samples of a tile ([`Estimate::add_tile`]).
    pub(crate) fn add_tile<P: Iterator<Item = (usize, usize)>>(
        &mut self,
        tile: &Self,
        positions: impl Fn(usize) -> P,
    ) {
        self.0.add_tile(&tile.0, positions);
    }

    /// Calls `each` with the logits of the last `samples` samples, in order. Forgets all logits
    /// unless `keep`.
    pub(crate) fn hand_out(&mut self, samples: usize, keep: bool, mut each: impl FnMut(&[f32])) {
        let (logits, numbers) = (self.0.numbers(), self.0.numbers_per_sample());
        logits[logits.len() - samples * numbers..].chunks(numbers).for_each(&mut each);
        if !keep {
            self.0.forget_numbers();
        }
    }

    /// Computes the figures of the first output: of a classifier, for example, the mean probabilities
    /// and their uncertainty.
    pub fn uncertainty(&self) -> Uncertainty {
        self.sums().finish()
    }

    /// Returns the prediction set or intervals of the first output; `None` if the model has no conformal
    /// predictor for it. [`Output::region`] gives those of other outputs.
    ///
    /// # Examples
    /// ```
    /// use bayes8_native::core::conformal::{ClassScore, ConformalPredictor, Method};
    /// use bayes8_native::{Model, ModelOptions, Pictures, PredictOptions};
    /// use ndarray::Array4;
    ///
    /// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    /// // `bayes8 evaluate --store` puts such a predictor into a model file.
    /// let predictor = ConformalPredictor {
    ///     method: Method::Classes(ClassScore::Lac),
    ///     alpha: 0.1,
    ///     thresholds: vec![0.95],
    ///     calibration_examples: 1000,
    ///     samples: 8,
    ///     seed: 0,
    /// };
    /// let model = Model::load("models/mnist-cnn.safetensors")?.quantized().clone();
    /// let model = Model::new(model.with_conformal("output", Some(predictor))?, ModelOptions::new())?;
    /// let picture = Array4::<u8>::zeros((1, 28, 28, 1));
    /// let options = PredictOptions::new().samples(0..8);
    /// let predictions = model.predict(Pictures::Bytes(picture.view()), &options)?;
    /// let region = predictions[0].region().expect("the model has a predictor");
    /// println!("one of {:?}, in 90 % of cases", region.class_set());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn region(&self) -> Option<PredictionRegion> {
        self.0.outputs()[0].region(&self.uncertainty())
    }

    /// Iterates over the model's outputs, in their order, and their integer sums.
    pub fn outputs(&self) -> impl Iterator<Item = (&Output, &Sums)> {
        self.0.outputs().iter().zip(self.0.sums())
    }

    /// Returns the integer sums of the output with this name.
    pub fn output(&self, name: &str) -> Option<&Sums> {
        self.outputs().find(|(output, _)| output.name == name).map(|(_, sums)| sums)
    }

    /// Returns the integer sums of the first output over the samples.
    ///
    /// Sums of other sample ranges merge into them exactly, in any order ([`Sums::merge`]), so a prediction
    /// can be split over machines. [`Sums::merges_with`] says whether two belong together.
    ///
    /// # Examples
    /// ```
    /// use bayes8_native::{Model, Pictures, PredictOptions};
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
    pub fn sums(&self) -> &Sums {
        // A model has at least one output.
        &self.0.sums()[0]
    }

    /// Returns the numbers of all outputs, `[samples, numbers]`, such as the logits of the classes, if [`PredictOptions::keep_logits`](crate::PredictOptions) asked for them.
    pub fn logits(&self) -> Option<ArrayView2<'_, f32>> {
        let (logits, numbers) = (self.0.numbers(), self.0.numbers_per_sample());
        if logits.is_empty() {
            return None;
        }
        ArrayView2::from_shape((logits.len() / numbers, numbers), logits).ok()
    }

    /// Computes the SHA-256 of the logits as little-endian f32, if
    /// [`PredictOptions::keep_logits`](crate::PredictOptions) asked for them. Two engines agree when their digests are equal.
    pub fn logits_digest(&self) -> Option<String> {
        let logits = self.0.numbers();
        (!logits.is_empty()).then(|| logits_digest(logits))
    }
}
