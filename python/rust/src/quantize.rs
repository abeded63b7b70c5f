//! `bayes8.quantize`: from files to a model.

use crate::arguments::{self, choice};
use crate::attend::attend;
use crate::engine::Engine;
use crate::errors::{Error, message, refused, without};
use crate::model::Model;
use crate::networks::{Networks, nothing_varies};
use crate::pool::pool;
use crate::progress::Progress;
use bayes8::convert::bias_correction::BiasCorrection;
use bayes8::convert::calibrate::RangeMethod;
use bayes8::convert::conversion::ConversionOptions;
use bayes8::convert::error_feedback::Rounding;

use bayes8::convert::quantization::{Quantization, QuantizationError, Settings, Sources};
use bayes8::convert::{HeadFault, ImportError, OutputDetails, TargetDetails};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::error::Error as StdError;
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;

/// The percentage of the method `percentile` without a number.
const COMMON_PERCENTILE: f64 = 99.99;

/// Names, units, scales, offsets and noise of targets.
type Targets = (Vec<String>, Vec<String>, Vec<f32>, Vec<f32>, Vec<f32>);

/// Makes a model from files (`bayes8.quantize`).
#[pyfunction]
#[pyo3(signature = (
    networks, calibration, folder, *, name, metadata, class_names, label_names, targets, input_bits, calibration_draws,
    calibration_method, percentile, weight_rounding, bias_correction, activation_bits, seed, progress
))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn quantize<'py>(
    py: Python<'py>,
    networks: Networks<'py>,
    calibration: PathBuf,
    folder: PathBuf,
    name: String,
    metadata: Option<PathBuf>,
    class_names: Vec<String>,
    label_names: Vec<String>,
    targets: Targets,
    input_bits: Option<&Bound<'py, PyAny>>,
    calibration_draws: Option<&Bound<'py, PyAny>>,
    calibration_method: &str,
    percentile: Option<f64>,
    weight_rounding: &str,
    bias_correction: &str,
    activation_bits: &Bound<'py, PyAny>,
    seed: Option<&Bound<'py, PyAny>>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Model> {
    let mut sources = Sources::of_members(networks.members()?, calibration);
    sources.import = networks.import()?;
    sources.must_vary = !networks.deterministic;
    sources.metadata = metadata;
    let (names, units, scale, offset, noise) = targets;
    let targets = TargetDetails { names, units, scale, offset, noise };
    sources.details = OutputDetails { class_names, label_names, targets };
    let mut settings = Settings::new(name);
    let draws = calibration_draws.map(|n| arguments::sample_count("calibration_draws", n));
    settings.draws = draws.transpose()?.unwrap_or(settings.draws);
    settings.seed = arguments::seed(seed)?;
    settings.input_planes = input_bits.map(arguments::input_planes).transpose()?;
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
        QuantizationError::Heads { reason, .. } => {
            let text = without(&folder, &message(&error));
            let advice = match reason.fault {
                HeadFault::Unclear(_) => ": pass class_names, or head",
                HeadFault::NoHead { .. } => ": pass head",
                _ => "",
            };
            Error::new_err(format!("{text}{advice}"))
        }
        _ => match chosen_wrongly(&error) {
            Some(reason) => Error::new_err(format!("outputs: {reason}")),
            None => refused(&error, &folder),
        },
    })?;
    progress.report(py)?;
    Engine::from_quantized(quantized).map(Arc::new).map(Model)
}

/// Returns the cause if the chosen outputs are at fault.
fn chosen_wrongly(error: &QuantizationError) -> Option<&ImportError> {
    let causes = iter::successors(Some(error as &(dyn StdError + 'static)), |&e| e.source());
    let mut causes = causes.filter_map(|cause| cause.downcast_ref::<ImportError>());
    causes.find(|e| {
        matches!(
            e,
            ImportError::UnknownOutput { .. }
                | ImportError::OutputTwice(_)
                | ImportError::HeadUnused(_)
        )
    })
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
