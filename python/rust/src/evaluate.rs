//! `bayes8.evaluate`: figures of a model on labelled pictures.

use crate::arguments::{self, choice};
use crate::attend::attend;
use crate::conformal::{Thresholds, Wanted};
use crate::errors::{message, refused, without};
use crate::json;
use crate::model::Model;
use crate::networks::{Networks, nothing_varies};
use crate::pictures::{Batch, are_images};
use crate::pool::pool;
use crate::progress::Progress;
use crate::report::Report;
use bayes8::Pictures;
use bayes8::evaluate::style::Style;
use bayes8::evaluate::{EvaluateError, Fp32, Fp32Noise, Options, Threshold};
use numpy::ToPyArray;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::{Path, PathBuf};

/// Measures a model on files (`bayes8.evaluate`).
#[pyfunction]
#[pyo3(signature = (
    model, data, folder, *, output, ignore_index, conformal, ood, drift, drift_samples, networks, fp32_samples, fp32_noise, golden, samples, seed,
    thresholds, progress
))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub(crate) fn evaluate<'py>(
    py: Python<'py>,
    model: &Bound<'py, Model>,
    data: PathBuf,
    folder: PathBuf,
    output: Option<String>,
    ignore_index: Option<i64>,
    conformal: Option<Wanted<'py>>,
    ood: Option<PathBuf>,
    drift: Option<PathBuf>,
    drift_samples: Option<&Bound<'py, PyAny>>,
    networks: Networks<'py>,
    fp32_samples: Option<&Bound<'py, PyAny>>,
    fp32_noise: &str,
    golden: Option<PathBuf>,
    samples: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    thresholds: Vec<(String, f64)>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Report> {
    let engine = &*model.get().0;
    let count = |what, value: Option<&Bound<'_, PyAny>>| {
        value.map(|value| arguments::sample_count(what, value)).transpose()
    };
    let mut options = Options::new(engine.file_in(&folder)?, data);
    if !networks.networks.is_empty() {
        let mut fp32 = Fp32::of_members(networks.members()?);
        fp32.import = networks.import()?;
        fp32.must_vary = !networks.deterministic;
        fp32.samples = count("fp32_samples", fp32_samples)?;
        fp32.noise = choice(
            "fp32_noise",
            fp32_noise,
            &[("own", Fp32Noise::Own), ("int8", Fp32Noise::Int8)],
        )?;
        options.fp32 = Some(fp32);
    }
    options.output = output;
    options.ignore_index = ignore_index;
    options.conformal = conformal.map(Wanted::conformal).transpose()?;
    options.ood = ood;
    options.drift = drift;
    options.drift_samples = count("drift_samples", drift_samples)?;
    options.golden = golden;
    options.samples = count("samples", samples)?;
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
            progress.observe(event, &folder);
            attendant.unwind_if_stopped();
        };
        options.evaluate(&engine.model, &mut observer)
    })?;
    let mut report = report.map_err(|error: EvaluateError| match &error {
        EvaluateError::NothingVaries { .. } => nothing_varies(&without(&folder, &message(&error))),
        _ => refused(&error, &folder),
    })?;
    progress.report(py)?;
    for file in &mut report.provenance().files {
        if Path::new(&file.path).starts_with(&folder) {
            file.path = "in memory".into();
        }
    }
    let missed = report.check().err().map(|missed| missed.to_string());
    let thresholds = report.conformal().map(|of| json::to_json(&Thresholds::new(engine, of)?));
    let (conformal, json) = (thresholds.transpose()?, json::to_json(&report)?);
    Report::new(py, json, report.text(Style::default()), report.html(), missed, conformal)
}

/// Returns PIL images as a batch that is fitted to a model, and anything else as it is.
#[pyfunction]
pub(crate) fn fit_images<'py>(
    model: &Bound<'py, Model>,
    pictures: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if !are_images(&pictures)? {
        return Ok(pictures);
    }
    let batch = Batch::new(&pictures, &model.get().0.model, "NHWC")?;
    match batch.pictures() {
        Pictures::Bytes(bytes) => Ok(bytes.to_pyarray(model.py()).into_any()),
        Pictures::Numbers(_) | Pictures::Normalized(_) => unreachable!("images are bytes"),
    }
}
