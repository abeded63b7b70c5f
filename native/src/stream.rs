//! Running estimates: a prediction that grows sample by sample.

use crate::engine::Job;
use crate::model::Model;
use crate::pictures::Pictures;
use crate::predict_options::PredictOptions;
use crate::prediction::{PredictError, Prediction};
use bayes8_core::session::{DrawSequence, Pieces, RequestError, SampleRange, UntilError};
use ndarray::Dimension;
use std::fmt;
use std::mem;
use std::ops::{ControlFlow, Range};

/// Iterates over running estimates of a prediction. [`Model::stream`] makes it.
///
/// Each item is the predictions from all samples so far, one per picture, and has the bits that
/// [`Model::predict`] returns for those samples. Drop the iterator to stop early. After an error it ends.
///
/// With [`PredictOptions::keep_logits`], each item is a copy of all logits so far.
/// [`Model::predict_with`] hands out the logits of every sample instead.
pub struct Stream<'a> {
    model: &'a Model,
    codes: Vec<u8>,
    draws: DrawSequence,
    keep_logits: bool,
    next: u32,
    end: u32,
    step: u32,
    predictions: Vec<Prediction>,
}

impl Stream<'_> {
    /// Sets the number of samples between two items. By default it is the number of threads, which run a
    /// sample each. The last item may add fewer.
    ///
    /// # Panics
    /// When `samples` is 0.
    #[must_use]
    pub fn every(self, samples: u32) -> Self {
        assert!(samples > 0, "at least one sample between two estimates");
        Self { step: samples, ..self }
    }
}

impl Model {
    /// Iterates over running estimates: the predictions from the first few samples, from some more, and so on.
    ///
    /// Every estimate has the bits that [`Self::predict`] returns for the samples so far. Drop the iterator to
    /// stop, for example as soon as the answer is clear.
    ///
    /// # Errors
    /// Those of [`Self::predict`].
    ///
    /// # Examples
    /// Stop as soon as one class has 99 percent after at least 8 samples:
    /// ```
    /// use bayes8_native::{Model, Pictures, PredictOptions};
    /// use ndarray::Array4;
    ///
    /// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    /// let model = Model::load("models/mnist-cnn.safetensors")?;
    /// let picture = Array4::<u8>::zeros((1, 28, 28, 1));
    /// let options = PredictOptions::new().samples(0..64);
    /// for predictions in model.stream(Pictures::Bytes(picture.view()), &options)?.every(8) {
    ///     let uncertainty = predictions?[0].uncertainty().classes().expect("a classifier");
    ///     if uncertainty.top(1)[0].1 > 0.99 {
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stream<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        options: &PredictOptions,
    ) -> Result<Stream<'_>, PredictError> {
        self.check_whole(options.keep_logits)?;
        if options.until.is_some() {
            return Err(RequestError::from(UntilError::Stream).into());
        }
        let (draws, samples) = self.samples_of(options)?;
        let mut codes = Vec::new();
        let pictures = self.quantize(pictures, &mut codes)?;
        let mut predictions = Vec::new();
        Prediction::reset(&mut predictions, pictures, self.outputs())
            .map_err(|_| RequestError::Memory { pictures, numbers: 0 })?;
        let Range { start: next, end } = samples.indices();
        let step = u32::try_from(self.threads()).unwrap_or(u32::MAX).max(1);
        let keep_logits = options.keep_logits;
        Ok(Stream { model: self, codes, draws, keep_logits, next, end, step, predictions })
    }
}

impl Stream<'_> {
    /// Adds samples to the predictions.
    fn add(&mut self, samples: SampleRange) -> Result<(), PredictError> {
        let Self { model, codes, draws, keep_logits, predictions, .. } = self;
        let (keep_logits, threads) = (*keep_logits, model.threads());
        let progress = &|_| ControlFlow::Continue(());
        let job = Job { codes, draws, samples, keep_logits, threads, progress };
        let pictures = predictions.len();
        let run = model.run_pieces(job, Pieces::WHOLE, None, predictions);
        run.map_err(|stopped| model.error(stopped, pictures, samples, keep_logits))
    }
}

impl Iterator for Stream<'_> {
    type Item = Result<Vec<Prediction>, PredictError>;

    fn next(&mut self) -> Option<Self::Item> {
        let samples = self.next..self.next.saturating_add(self.step).min(self.end);
        // Empty after the last sample.
        let samples = SampleRange::new(samples).ok()?;
        self.next = self.next.saturating_add(self.step);
        let run = self.add(samples);
        if run.is_err() {
            self.next = self.end;
        }
        let is_last = self.next >= self.end;
        Some(run.map(|()| match is_last {
            true => mem::take(&mut self.predictions),
            false => self.predictions.clone(),
        }))
    }
}

impl fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { draws, next, end, step, .. } = self;
        f.debug_struct("Stream")
            .field("draws", draws)
            .field("samples", &(next..end))
            .field("every", step)
            .finish_non_exhaustive()
    }
}
