//! Long predictions that report progress.

use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, PoisonError};

use bayes8_convert::progress::{Observer, Progress};
use bayes8_core::draws::Draws;
use bayes8_core::head::Uncertainty;
use bayes8_core::head::classes::ClassUncertainty;
use bayes8_native::{
    self as native, Model, Pictures, PredictError, PredictOptions, Prediction, Until,
};
use ndarray::IxDyn;
use sha2::{Digest, Sha256};

/// Sees the index of a picture and the logits of one of its samples.
pub(crate) type LogitsObserver<'a> = &'a mut dyn FnMut(usize, &[f32]);

/// What to predict.
#[derive(Debug)]
pub struct Job<'a, 'p> {
    /// The model.
    pub model: &'a Model,
    /// The pictures to predict.
    pub pictures: Pictures<'p, IxDyn>,
    /// Indices of the Monte-Carlo samples.
    pub samples: Range<u32>,
    /// The draws that the samples take.
    pub draws: Draws,
    /// When a prediction is precise enough to end before the last sample.
    pub until: Option<Until>,
    /// Whether to compute digests of the logits.
    pub digests: bool,
}

/// The prediction for one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The figures of each output of the model, in their order.
    pub outputs: Vec<Uncertainty>,
    /// [`bayes8_native::Prediction::logits_digest`], if it was requested.
    pub logits_digest: Option<String>,
}

impl Outcome {
    /// Returns the figures of the classes that are the first output; `None` for other heads.
    pub fn classes(self) -> Option<ClassUncertainty> {
        self.outputs.into_iter().next()?.classes()
    }
}

impl Job<'_, '_> {
    /// Predicts all pictures, in order.
    ///
    /// # Errors
    /// [`PredictError`] when the pictures do not fit the model.
    pub fn run(&self, observer: Observer<'_>) -> Result<Vec<Outcome>, PredictError> {
        self.run_observed(None, observer)
    }

    /// Predicts all pictures like [`Self::run`], and calls `observe` with the logits of every sample of
    /// each picture, in order.
    ///
    /// # Errors
    /// [`PredictError`] when the pictures do not fit the model.
    pub(crate) fn run_observed(
        &self,
        mut observe: Option<LogitsObserver<'_>>,
        observer: Observer<'_>,
    ) -> Result<Vec<Outcome>, PredictError> {
        let (pictures, observed) = (self.pictures.extents()[0], observe.is_some());
        let mut hashes = vec![Sha256::new(); if self.digests { pictures } else { 0 }];
        let mut logits = |picture: usize, logits: &[f32]| {
            if let Some(hash) = hashes.get_mut(picture) {
                logits.iter().for_each(|logit| hash.update(logit.to_le_bytes()));
            }
            if let Some(observe) = &mut observe {
                observe(picture, logits);
            }
        };
        let watched = self.digests || observed;
        let total = pictures as u64 * self.samples.len() as u64;
        let predictions = Progress::during(observer, "predicting", Some(total), |observer| {
            let observer = Mutex::new(observer);
            let progress = |pictures: usize| {
                let mut observer = observer.lock().unwrap_or_else(PoisonError::into_inner);
                observer(Progress::Advance(pictures as u64));
                ControlFlow::Continue(())
            };
            let mut observer = native::Observer::new().progress(&progress);
            if watched {
                observer = observer.logits(&mut logits);
            }
            let mut options = PredictOptions::new().samples(self.samples.clone()).draws(self.draws);
            options.until = self.until;
            self.model.predict_with(self.pictures.clone(), &options, observer)
        })?;
        let mut digests = hashes.into_iter().map(|hash| hex(&hash.finalize()));
        let outcome = |prediction: &Prediction| Outcome {
            outputs: prediction.outputs().map(|(_, sums)| sums.finish()).collect(),
            logits_digest: digests.next(),
        };
        Ok(predictions.iter().map(outcome).collect())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
