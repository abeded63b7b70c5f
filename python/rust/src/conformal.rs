//! Conformal prediction: what `bayes8.evaluate` measures, and the thresholds that a report has for its model.

use crate::arguments::{self, choice};
use crate::engine::Engine;
use crate::errors::{Error, message};
use bayes8::core::conformal::check_alpha;
use bayes8::core::format;
use bayes8::core::model::{ModelError, QuantizedModel};
use bayes8::evaluate::conformal::{ClassScore, Conformal, ConformalPredictor, Method};
use bayes8::evaluate::conformal::{ConformalReport, PredictorError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to measure: the dictionary that `bayes8._conformal.conformal_of` makes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Wanted<'py> {
    method: String,
    alpha: f64,
    calibration: PathBuf,
    raps_lambda: Option<f64>,
    raps_places: Option<Bound<'py, PyAny>>,
}

impl Wanted<'_> {
    /// Returns it as the evaluation takes it.
    pub(crate) fn conformal(self) -> PyResult<Conformal> {
        let Self { method, alpha, calibration, raps_lambda, raps_places } = self;
        let wrong = |error: PredictorError| PyValueError::new_err(error.to_string());
        check_alpha(alpha).map_err(wrong)?;
        let places = arguments::optional("raps_places", raps_places.as_ref(), [0, 1_000_000])?;
        let lambda = raps_lambda.unwrap_or(Conformal::LAMBDA);
        let raps = ClassScore::raps(lambda, places.map_or(Conformal::K_REG, |n| n as u32));
        let raps = raps.map_err(|e| PyValueError::new_err(format!("raps_lambda: {e}")))?;
        let methods = [ClassScore::Lac, ClassScore::Aps, raps].map(Method::Classes);
        let [lac, aps, raps] = methods;
        let methods = [lac, aps, raps, Method::Residuals].map(|method| (method.name(), method));
        let method = choice("conformal", &method, &methods)?;
        if method != raps && (raps_lambda.is_some() || raps_places.is_some()) {
            let message = "raps_lambda and raps_places are for conformal=\"raps\"";
            return Err(PyValueError::new_err(message));
        }
        Ok(Conformal { method, alpha, calibration })
    }
}

/// The thresholds of a report, and the model that they are for.
#[derive(Serialize, Deserialize)]
pub(crate) struct Thresholds {
    /// Digest of the model without any thresholds.
    model: String,
    /// Planes, rows and columns of the inputs, if not those of the file.
    input_size: Option<[usize; 3]>,
    /// Name of the output.
    output: String,
    predictor: ConformalPredictor,
}

impl Thresholds {
    /// Returns the thresholds that were measured with the model of `engine`.
    pub(crate) fn new(engine: &Engine, report: &ConformalReport) -> PyResult<Self> {
        Ok(Self {
            model: digest_without_thresholds(engine.model.quantized())?,
            input_size: engine.settings.input_size,
            output: report.output.clone(),
            predictor: report.predictor.clone(),
        })
    }

    /// Returns the model of `engine` with these thresholds; those of its other outputs stay.
    pub(crate) fn put_into(self, engine: &Engine) -> PyResult<Engine> {
        let model = engine.model.quantized();
        let reason = if engine.settings.input_size.is_some() {
            "the model was loaded with input_size, but has thresholds for the inputs of its file alone: load it \
             without, and evaluate it"
        } else if self.input_size.is_some() {
            "report is of a model that was loaded with input_size: evaluate it without, since thresholds are \
             for the inputs of the model's file alone"
        } else if self.model != digest_without_thresholds(model)? {
            "report is of another model: thresholds are for the model that was evaluated"
        } else {
            let model = model.clone().with_conformal(&self.output, Some(self.predictor));
            return engine.with_model(model.map_err(|error| refused(&error))?);
        };
        Err(PyValueError::new_err(reason))
    }
}

/// Returns the digest of `model` without thresholds, as it would be written.
fn digest_without_thresholds(model: &QuantizedModel) -> PyResult<String> {
    let mut outputs = model.outputs().iter();
    let bare = outputs.try_fold(model.clone(), |model, of| model.with_conformal(&of.name, None));
    Ok(format::digest(&bare.map_err(|error| refused(&error))?).to_string())
}

fn refused(error: &ModelError) -> PyErr {
    Error::new_err(message(error))
}
