//! `bayes8.quantize`: from files to a model.

use crate::arguments;
use crate::attend::attend;
use crate::engine::Engine;
use crate::errors::{message, refused, without};
use crate::model::Model;
use crate::networks::{Dropout, Networks, nothing_varies};
use crate::pool::pool;
use crate::progress::Progress;
use bayes8::convert::bias_correction::BiasCorrection;
use bayes8::convert::calibrate::RangeMethod;
use bayes8::convert::conversion::ConversionOptions;
use bayes8::convert::error_feedback::Rounding;
use bayes8::convert::quantization::{Quantization, QuantizationError, Settings, Sources};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// The percentage of the method `percentile` without a number.
const COMMON_PERCENTILE: f64 = 99.99;

/// Makes a model from files (`bayes8.quantize`).
#[pyfunction]
#[pyo3(signature = (
    networks, calibration, folder, *, name, posteriors, moped, deterministic, mc_dropout, metadata, class_names,
    input_layout, input_shape, calibration_draws, calibration_method, percentile, weight_rounding, bias_correction,
    activation_bits, seed, progress
))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn quantize<'py>(
    py: Python<'py>,
    networks: Vec<PathBuf>,
    calibration: PathBuf,
    folder: PathBuf,
    name: String,
    posteriors: Vec<PathBuf>,
    moped: Option<f32>,
    deterministic: bool,
    mc_dropout: Option<Dropout>,
    metadata: Option<PathBuf>,
    class_names: Option<Vec<String>>,
    input_layout: Option<&str>,
    input_shape: Option<&Bound<'py, PyAny>>,
    calibration_draws: Option<&Bound<'py, PyAny>>,
    calibration_method: &str,
    percentile: Option<f64>,
    weight_rounding: &str,
    bias_correction: &str,
    activation_bits: &Bound<'py, PyAny>,
    seed: Option<&Bound<'py, PyAny>>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Model> {
    let (layout, shape) = (input_layout, input_shape);
    let networks =
        Networks { networks, posteriors, moped, deterministic, mc_dropout, layout, shape };
    let mut sources = Sources::of_members(networks.members()?, calibration);
    sources.import = networks.import()?;
    sources.must_vary = !deterministic;
    sources.metadata = metadata;
    sources.class_names = class_names.map(|names| (names, "class_names"));
    let mut settings = Settings::new(name);
    let draws = calibration_draws.map(|n| arguments::sample_count("calibration_draws", n));
    settings.draws = draws.transpose()?.unwrap_or(settings.draws);
    settings.seed = arguments::seed(seed)?;
    settings.options = ConversionOptions::new()
        .method(method(calibration_method, percentile)?)
        .activation_bits(arguments::activation_bits(activation_bits)?)
        .rounding(choice(
            "weight_rounding",
            weight_rounding,
            &[("error-feedback", Rounding::ErrorFeedback), ("nearest", Rounding::Nearest)],
        )?)
        .bias_correction(choice(
            "bias_correction",
            bias_correction,
            &[
                ("auto", BiasCorrection::Auto),
                ("on", BiasCorrection::On),
                ("off", BiasCorrection::Off),
            ],
        )?);
    let progress = Progress::new(progress)?;
    let pool = pool(0)?;
    let quantized = attend(py, Some(&pool), &|py| progress.report(py), |attendant| {
        let mut observer = |event| {
            progress.observe(event, &folder);
            attendant.unwind_if_stopped();
        };
        Quantization::load(&sources)?.run(&settings, &mut observer)
    })?;
    let quantized = quantized.map_err(|error: QuantizationError| match &error {
        QuantizationError::NothingVaries { .. } => {
            nothing_varies(&without(&folder, &message(&error)))
        }
        _ => refused(&error, &folder),
    })?;
    progress.report(py)?;
    Engine::from_quantized(quantized).map(Arc::new).map(Model)
}

/// Returns the way in which ranges follow from activations; `None` to choose by network.
fn method(name: &str, percentile: Option<f64>) -> PyResult<Option<RangeMethod>> {
    let method = choice(
        "calibration_method",
        name,
        &[
            ("auto", None),
            ("minmax", Some(RangeMethod::MinMax)),
            ("percentile", Some(RangeMethod::Percentile(percentile.unwrap_or(COMMON_PERCENTILE)))),
            ("mse", Some(RangeMethod::Mse)),
            ("entropy", Some(RangeMethod::Entropy)),
        ],
    )?;
    let Some(percentile) = percentile else { return Ok(method) };
    if name != "percentile" {
        let message = "percentile belongs to calibration_method=\"percentile\"";
        return Err(PyValueError::new_err(message));
    }
    if !(percentile > 0.0 && percentile <= 100.0) {
        return Err(PyValueError::new_err(format!("percentile is {percentile}, not up to 100")));
    }
    Ok(method)
}

/// Returns the value that belongs to a name.
pub(crate) fn choice<T: Clone>(what: &str, name: &str, values: &[(&str, T)]) -> PyResult<T> {
    let found = values.iter().find(|(value, _)| *value == name);
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        let names: Vec<_> = values.iter().map(|(name, _)| format!("{name:?}")).collect();
        PyValueError::new_err(format!("{what} is {name:?}; it takes {}", names.join(", ")))
    })
}
