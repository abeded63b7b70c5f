//! `bayes8.Report`.

use crate::conformal::Thresholds;
use crate::json;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use std::path::PathBuf;

/// Figures of a model on labelled examples (`bayes8.evaluate`).
///
/// `report["accuracy"]` is a figure. Those of a regression are in `report["targets"]`, a dictionary
/// for each target. `print(report)` shows the most important ones, and notebooks show the page with
/// diagrams.
#[pyclass(frozen, module = "bayes8", mapping)]
pub(crate) struct Report {
    json: String,
    text: String,
    html: String,
    missed: Option<String>,
    /// The [`Thresholds`] of conformal prediction as JSON, if it was measured.
    conformal: Option<String>,
    figures: Py<PyAny>,
}

impl Report {
    /// Returns the thresholds for the model, unless coverage or another figure missed one.
    pub(crate) fn thresholds(&self) -> PyResult<Thresholds> {
        let Some(conformal) = &self.conformal else {
            let message =
                "report has no conformal prediction: pass conformal and calibration to evaluate";
            return Err(PyValueError::new_err(message));
        };
        if let Some(missed) = &self.missed {
            let message =
                format!("report missed thresholds, so the model does not get them: {missed}");
            return Err(PyValueError::new_err(message));
        }
        let thresholds = serde_json::from_str(conformal);
        thresholds.map_err(|error| PyValueError::new_err(format!("report: {error}")))
    }
}

#[pymethods]
impl Report {
    /// Returns all figures, as `bayes8 evaluate --json` prints them.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::loads(py, &self.json)
    }

    /// Returns a page with diagrams, or writes it.
    #[pyo3(signature = (path=None))]
    fn to_html(&self, py: Python<'_>, path: Option<PathBuf>) -> PyResult<Option<String>> {
        let Some(path) = path else { return Ok(Some(self.html.clone())) };
        py.import("bayes8._files")?
            .call_method1("write", (path.into_os_string(), self.html.as_bytes()))?;
        Ok(None)
    }

    /// The thresholds that were missed, in words; None if all are kept.
    #[getter]
    fn missed(&self) -> Option<&str> {
        self.missed.as_deref()
    }

    /// Names of the figures.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.figures.bind(py).call_method0("keys")
    }

    /// The figures.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.figures.bind(py).call_method0("values")
    }

    /// Names and figures.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.figures.bind(py).call_method0("items")
    }

    /// Returns a figure, or `default` if there is none of this name.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.figures.bind(py).call_method1("get", (key, default))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.figures.bind(py).try_iter()?.into_any())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.figures.bind(py).len()
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.figures.bind(key.py()).contains(key)
    }

    /// Compares the figures, as dictionaries do.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let figures = self.figures.bind(other.py());
        match other.cast::<Self>() {
            Ok(report) => figures.eq(&report.get().figures),
            Err(_) => figures.eq(other),
        }
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let figures = self.figures.bind(key.py());
        if let Ok(figure) = figures.get_item(key) {
            return Ok(figure);
        }
        let names: Vec<_> = figures.try_iter()?.collect::<PyResult<_>>()?;
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let (name, names) = (key.repr()?, names.join(", "));
        Err(PyKeyError::new_err(format!("there is no figure {name}; there are {names}")))
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let figures = self.figures.bind(py);
        let number = |name| figures.get_item(name)?.extract::<f64>();
        let samples = number("samples")?;
        let what = match figures.contains("head")? {
            true => {
                let (head, output) = (figures.get_item("head")?, figures.get_item("output")?);
                format!("{head} of {} on {} examples", output.repr()?, number("examples")?)
            }
            false => {
                let accuracy = 100.0 * number("accuracy")?;
                format!("accuracy {accuracy:.1} % on {} pictures", number("pictures")?)
            }
        };
        Ok(format!("<bayes8.Report: {what}, {samples} samples>"))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let state = (&self.json, &self.text, &self.html, &self.missed, &self.conformal);
        let restore = py.get_type::<Self>().getattr("_restore")?;
        Ok((restore, state.into_pyobject(py)?.into_any()))
    }

    /// Restores what `__reduce__` saved.
    #[staticmethod]
    #[pyo3(name = "_restore", signature = (json, text, html, missed, conformal))]
    pub(crate) fn new(
        py: Python<'_>,
        json: String,
        text: String,
        html: String,
        missed: Option<String>,
        conformal: Option<String>,
    ) -> PyResult<Self> {
        let figures = json::loads(py, &json)?.unbind();
        Ok(Self { json, text, html, missed, conformal, figures })
    }

    fn _repr_html_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("bayes8._html")?.call_method1("page", (&self.html,))
    }
}
