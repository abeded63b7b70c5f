//! `bayes8.evaluate`: figures of a model on labelled pictures.

use crate::attend::attend;
use crate::errors::refused;
use crate::model::Model;
use crate::pool::pool;
use crate::progress::Progress;
use crate::quantize::{choice, import, posterior};
use crate::{arguments, json};
use bayes8::evaluate::style::Style;
use bayes8::evaluate::{EvaluateError, Fp32, Fp32Noise, Options, Threshold};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use std::path::PathBuf;

/// Figures of a model on labelled pictures (`bayes8.evaluate`).
///
/// `report["accuracy"]` is a figure, `print(report)` shows the most important ones, and notebooks
/// show the page with diagrams.
#[pyclass(frozen, module = "bayes8", mapping)]
pub(crate) struct Report {
    report: bayes8::evaluate::Report,
    figures: Py<PyAny>,
}

/// Measures a model on files (`bayes8.evaluate`).
#[pyfunction]
#[pyo3(signature = (
    model, data, folder, *, ood, drift, drift_samples, network, posterior, moped, deterministic, input_layout,
    input_shape, fp32_samples, fp32_noise, golden, samples, seed, thresholds, progress
))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn evaluate<'py>(
    py: Python<'py>,
    model: &Bound<'py, Model>,
    data: PathBuf,
    folder: PathBuf,
    ood: Option<PathBuf>,
    drift: Option<PathBuf>,
    drift_samples: Option<&Bound<'py, PyAny>>,
    network: Option<PathBuf>,
    posterior: Option<PathBuf>,
    moped: Option<f32>,
    deterministic: bool,
    input_layout: Option<&str>,
    input_shape: Option<Vec<usize>>,
    fp32_samples: Option<&Bound<'py, PyAny>>,
    fp32_noise: &str,
    golden: Option<PathBuf>,
    samples: &Bound<'py, PyAny>,
    seed: Option<&Bound<'py, PyAny>>,
    thresholds: Vec<(String, f64)>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Report> {
    let engine = &*model.get().0;
    let count = |what, value: Option<&Bound<'_, PyAny>>| {
        value.map(|value| arguments::sample_count(what, value)).transpose()
    };
    let mut options = Options::new(engine.file_in(&folder)?, data);
    if let Some(network) = network {
        let posterior = self::posterior(posterior, moped, deterministic)?;
        let mut fp32 = Fp32::new(network, posterior);
        fp32.import = import(input_layout, input_shape)?;
        fp32.samples = count("fp32_samples", fp32_samples)?;
        fp32.noise = choice(
            "fp32_noise",
            fp32_noise,
            &[("own", Fp32Noise::Own), ("int8", Fp32Noise::Int8)],
        )?;
        options.fp32 = Some(fp32);
    } else if posterior.is_some() || moped.is_some() || deterministic {
        return Err(PyValueError::new_err("posterior, moped and deterministic need a network"));
    }
    options.ood = ood;
    options.drift = drift;
    options.drift_samples = count("drift_samples", drift_samples)?;
    options.golden = golden;
    options.samples = arguments::sample_count("samples", samples)?;
    options.seed = arguments::seed(seed)?;
    options.machine = engine.settings.options();
    for (name, limit) in thresholds {
        let threshold = Threshold::named(&name.replace('_', "-"));
        let threshold = threshold.map_err(|error| PyValueError::new_err(error.to_string()))?;
        options.thresholds.push((threshold, limit));
    }
    let progress = Progress::new(progress)?;
    let pool = match engine.pool()? {
        Some(pool) => pool,
        None => pool(1)?,
    };
    let report = attend(py, Some(&pool), &|py| progress.report(py), |attendant| {
        let mut observer = |event| {
            progress.observe(event);
            attendant.unwind_if_stopped();
        };
        options.run(&engine.model, &mut observer)
    })?;
    let report = report.map_err(|error: EvaluateError| refused(&error))?;
    progress.report(py)?;
    let figures = json::to_python(py, &report)?.unbind();
    Ok(Report { report, figures })
}

#[pymethods]
impl Report {
    /// Returns all figures, as `bayes8 evaluate --json` prints them.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &self.report)
    }

    /// Returns a page with diagrams, or writes it.
    #[pyo3(signature = (path=None))]
    fn to_html(&self, py: Python<'_>, path: Option<PathBuf>) -> PyResult<Option<String>> {
        let html = self.report.html();
        let Some(path) = path else { return Ok(Some(html)) };
        py.import("bayes8._files")?.call_method1("write", (path, html.as_bytes()))?;
        Ok(None)
    }

    /// The thresholds that were missed, in words; None if all are kept.
    #[getter]
    fn missed(&self) -> Option<String> {
        self.report.check().err().map(|missed| missed.to_string())
    }

    /// Names of the figures.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.figures.bind(py).call_method0("keys")
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.figures.bind(py).try_iter()?.into_any())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.figures.bind(py).len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Bound<'py, PyAny>> {
        let figures = self.figures.bind(py);
        figures.get_item(key).map_err(|_| {
            let names = figures.call_method0("keys").and_then(|keys| keys.try_iter()?.collect());
            let names: Vec<String> = names
                .map(|keys: Vec<Bound<'_, PyAny>>| keys.iter().map(ToString::to_string).collect())
                .unwrap_or_default();
            PyKeyError::new_err(format!(
                "there is no figure {key:?}; there are {}",
                names.join(", ")
            ))
        })
    }

    fn __str__(&self) -> String {
        self.report.text(Style::default())
    }

    fn _repr_html_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("bayes8._html")?.call_method1("page", (self.report.html(),))
    }
}
