//! Runs a model for conformal prediction.

use bayes8_convert::progress::Observer;
use bayes8_core::conformal::ConformalPredictor;
use bayes8_native::Model;

use super::error::ConformalError;
use super::report::{ConformalReport, Predicted, parts};
use super::threshold::needed;
use crate::candidate::{Candidate, Engine};
use crate::error::EvaluateError;
use crate::evaluation::Options;
use crate::heads::Examples;
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
        conformal.method.check(&output.head).map_err(|error| refused(error.into()))?;
        let alpha = conformal.alpha;
        let needed = needed(alpha).map_err(refused)?;
        let shape = model.quantized().graph().input();
        let load = |path| Examples::load(path, self.open, shape, output, None);
        let calibration = load(path)?;
        let read = if test.is_none() { Some(load(&self.data)?) } else { None };
        let Some(test) = test.or(read.as_ref()) else { return Ok(None) };
        let found = calibration.inputs.count();
        if found < needed {
            return Err(refused(ConformalError::TooFew { found, needed, alpha }));
        }

        let shared_examples = test.shared_with(&calibration);
        let candidate = Candidate { engine: Engine::Int8(model, self.machine.clone()), output };
        let calibration = predict(&candidate, &calibration, samples, self.seed, observer)?;
        let test = predict(&candidate, test, samples, self.seed, observer)?;
        let parts = parts(conformal, &output.head, &calibration, &test).map_err(refused)?;
        let raps = conformal.method.raps();
        let predictor = ConformalPredictor {
            method: conformal.method,
            alpha,
            thresholds: parts.iter().map(|part| part.threshold).collect(),
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
            output: output.name.clone(),
            predictor,
        }))
    }
}

/// Predicts examples.
fn predict<'e>(
    candidate: &Candidate<'_>,
    examples: &'e Examples,
    samples: u32,
    seed: u64,
    observer: Observer<'_>,
) -> Result<Predicted<'e>, EvaluateError> {
    let Examples { path, inputs, truth } = examples;
    let view = inputs.view(candidate.values());
    match candidate.predict(view, samples, seed, None, observer) {
        Ok(predictions) => Ok(Predicted { predictions, truth }),
        Err(source) => {
            let (path, source) = (path.clone(), Box::new(source));
            Err(EvaluateError::Array { path, array: "x".into(), source })
        }
    }
}
