//! Runs a model for conformal prediction.

use bayes8_convert::progress::Observer;
use bayes8_core::conformal::{ConformalPredictor, Method};
use bayes8_core::head::map::ClassMapUncertainty;
use bayes8_native::Model;

use super::error::ConformalError;
use super::maps::{MapScores, MapSums};
use super::report::{ConformalReport, Predicted, parts};
use super::threshold::needed;
use crate::candidate::{Candidate, Engine};
use crate::error::EvaluateError;
use crate::evaluation::Options;
use crate::heads::{Examples, Truth};
use crate::maps::{Known, each_map};
use crate::selected::Selected;

impl Options {
    /// Measures conformal prediction with `model`, if that is wanted. `test` are the examples of
    /// [`Options::data`], unless they have to be read.
    pub(crate) fn measure_conformal(
        &self,
        model: &Model,
        output: &Selected,
        test: Option<&Examples>,
        samples: u32,
        observer: Observer<'_>,
    ) -> Result<Option<ConformalReport>, EvaluateError> {
        let Some(conformal) = &self.conformal else { return Ok(None) };
        let path = &conformal.calibration;
        let refused = |source| EvaluateError::Conformal { path: path.clone(), source };
        let fits = conformal.method.check(&output.head, output.is_map());
        fits.map_err(|error| refused(error.into()))?;
        let alpha = conformal.alpha;
        let needed = needed(alpha).map_err(refused)?;
        let shape = model.input();
        let load = |path| Examples::load(path, self.open, shape, output, self.ignore_index);
        let calibration = load(path)?;
        let read = if test.is_none() { Some(load(&self.data)?) } else { None };
        let Some(test) = test.or(read.as_ref()) else { return Ok(None) };
        let found = calibration.inputs.count();
        if found < needed {
            return Err(refused(ConformalError::TooFew { found, needed, alpha }));
        }

        let shared_examples = test.shared_with(&calibration);
        let candidate = Candidate { engine: Engine::Int8(model, self.machine.clone()), output };
        let run = Run { candidate: &candidate, samples, seed: self.seed };
        let (found, parts, map) = match conformal.method {
            Method::Classes(score) if output.is_map() => {
                let mut scores = MapScores::new(score);
                run.maps(&calibration, observer, |map, truth| scores.add(map, truth))?;
                let threshold = scores.calibrate(alpha).map_err(refused)?;
                let mut sums = MapSums::new(score, threshold);
                run.maps(test, observer, |map, truth| sums.add(map, truth))?;
                let found = scores.pictures();
                (found, Vec::new(), Some(sums.finish(found, alpha)))
            }
            _ => {
                let (known, test) = (run.all(&calibration, observer)?, run.all(test, observer)?);
                let parts = parts(conformal, &output.head, &known, &test).map_err(refused)?;
                (found, parts, None)
            }
        };
        let thresholds = parts.iter().map(|part| part.threshold);
        let raps = conformal.method.raps();
        let predictor = ConformalPredictor {
            method: conformal.method,
            alpha,
            thresholds: thresholds.chain(map.map(|map| map.threshold)).collect(),
            calibration_examples: found as u64,
            samples,
            seed: self.seed,
        };
        Ok(Some(ConformalReport {
            method: conformal.method.name(),
            lambda: raps.map(|(lambda, _)| lambda),
            k_reg: raps.map(|(_, k_reg)| k_reg),
            alpha,
            calibration_examples: found,
            shared_examples,
            samples,
            seed: self.seed,
            parts,
            map,
            output: output.name.clone(),
            predictor,
        }))
    }
}

/// A model, and how often it predicts each example.
struct Run<'a> {
    candidate: &'a Candidate<'a>,
    samples: u32,
    seed: u64,
}

impl Run<'_> {
    /// Predicts examples.
    fn all<'e>(
        &self,
        examples: &'e Examples,
        observer: Observer<'_>,
    ) -> Result<Predicted<'e>, EvaluateError> {
        let Examples { path, inputs, truth } = examples;
        let view = inputs.view(self.candidate.values());
        match self.candidate.predict(view, self.samples, self.seed, None, observer) {
            Ok(predictions) => Ok(Predicted { predictions, truth }),
            Err(source) => {
                let (path, source) = (path.clone(), Box::new(source));
                Err(EvaluateError::Array { path, array: "x".into(), source })
            }
        }
    }

    /// Predicts maps of classes, and shows each to `with`, with the class of each position.
    fn maps(
        &self,
        examples: &Examples,
        observer: Observer<'_>,
        with: impl FnMut(&ClassMapUncertainty, &[Option<u16>]),
    ) -> Result<(), EvaluateError> {
        let Examples { path, inputs, truth: Truth::Map(truth) } = examples else {
            return Err(EvaluateError::Head(self.candidate.output.head.name()));
        };
        let known = Known { path, inputs, truth };
        each_map(self.candidate, &known, self.samples, self.seed, observer, with).map(drop)
    }
}
