//! Long predictions in pieces, so that there is progress to show. The sums of the pieces merge
//! exactly: the result has the same bits as that of a single call.

use std::ops::Range;

use bayes8_convert::progress::{Observer, Progress};
use bayes8_core::uncertainty::{SampleSums, Uncertainty};
use bayes8_native::{Model, Pictures, PredictError, PredictOptions};
use ndarray::IxDyn;
use sha2::{Digest, Sha256};

/// At least so many pictures run together, which makes drawing their weights cheap.
const FEWEST_PICTURES: usize = 64;

/// No more than these run together, which bounds memory.
const MOST_PICTURES: usize = 1024;

/// Samples in a piece: what does not depend on the sample is computed anew by each.
const SAMPLES: usize = 64;

/// Multiply-accumulates in a piece, if the other limits allow: about a second's work.
const MULTIPLY_ACCUMULATES: u64 = 100_000_000_000;

/// Sees the logits of a sample of the picture with an index.
pub(crate) type LogitsObserver<'a> = &'a mut dyn FnMut(usize, &[f32]);

/// What to predict.
pub struct Job<'a, 'p> {
    /// The model.
    pub model: &'a Model,
    /// What it predicts.
    pub pictures: Pictures<'p, IxDyn>,
    /// Indices of the Monte-Carlo samples.
    pub samples: Range<u32>,
    /// Seed of the weights.
    pub seed: u64,
    /// Whether to compute digests of the logits.
    pub digests: bool,
}

/// The prediction for one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Class probabilities and their uncertainty.
    pub uncertainty: Uncertainty,
    /// As [`bayes8_native::Prediction::logits_digest`], if it was asked for.
    pub logits_digest: Option<String>,
}

impl Job<'_, '_> {
    /// Predicts all pictures, in order.
    ///
    /// # Errors
    /// [`PredictError`] when the pictures do not fit the model.
    pub fn run(&self, observer: Observer<'_>) -> Result<Vec<Outcome>, PredictError> {
        self.run_observed(None, observer)
    }

    /// [`Self::run`], and calls `observe` with the index of a picture and the logits of a sample:
    /// for each picture all samples, in order.
    ///
    /// # Errors
    /// [`PredictError`] when the pictures do not fit the model.
    pub(crate) fn run_observed(
        &self,
        observe: Option<LogitsObserver<'_>>,
        observer: Observer<'_>,
    ) -> Result<Vec<Outcome>, PredictError> {
        let samples = SAMPLES.next_multiple_of(self.model.threads());
        let work = self.model.description().multiply_accumulates().max(1);
        let in_piece = samples.min(self.samples.len()).max(1) as u64;
        let pictures = (MULTIPLY_ACCUMULATES / in_piece / work).clamp(1, MOST_PICTURES as u64);
        let pictures = (pictures as usize).max(FEWEST_PICTURES);
        let total = self.pictures.extents()[0] as u64 * self.samples.len() as u64;
        Progress::during(observer, "predicting", Some(total), |observer| {
            self.run_in_pieces(pictures, samples, observe, observer)
        })
    }

    fn run_in_pieces(
        &self,
        pictures: usize,
        samples: usize,
        mut observe: Option<LogitsObserver<'_>>,
        observer: Observer<'_>,
    ) -> Result<Vec<Outcome>, PredictError> {
        let count = self.pictures.extents()[0];
        let mut outcomes = Vec::new();
        for first in (0..count).step_by(pictures) {
            let chunk = self.pictures.range(first..count.min(first + pictures));
            let empty = SampleSums::new(self.model.description().classes());
            let mut sums = vec![empty; chunk.extents()[0]];
            let mut hashes = vec![Sha256::new(); sums.len()];
            for start in self.samples.clone().step_by(samples) {
                let end = self.samples.end.min(start.saturating_add(samples as u32));
                let options = PredictOptions {
                    samples: start..end,
                    seed: self.seed,
                    keep_logits: self.digests || observe.is_some(),
                };
                let predictions = self.model.predict(chunk.clone(), &options)?;
                for (index, prediction) in predictions.iter().enumerate() {
                    sums[index].merge(prediction.sums());
                    let Some(logits) = prediction.logits() else { continue };
                    if self.digests {
                        logits.iter().for_each(|logit| hashes[index].update(logit.to_le_bytes()));
                    }
                    if let Some(observe) = &mut observe {
                        let picture = outcomes.len() + index;
                        logits.rows().into_iter().for_each(|row| observe(picture, &row.to_vec()));
                    }
                }
                let done = predictions.len() as u64 * u64::from(end - start);
                observer(Progress::Advance(done));
            }
            outcomes.extend(sums.iter().zip(hashes).map(|(sums, hash)| Outcome {
                uncertainty: sums.finish(),
                logits_digest: self.digests.then(|| hex(&hash.finalize())),
            }));
        }
        Ok(outcomes)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
