//! `bayes8.Stream`: running estimates.

use crate::engine::Engine;
use crate::errors::of_predict;
use crate::pictures::Batch;
use crate::prediction::Prediction;
use crate::progress::Progress;
use bayes8::PredictOptions;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::ops::Range;
use std::sync::{Arc, Mutex, TryLockError};

/// An iterator over running estimates (`Model.stream`).
///
/// Like a generator, it raises a ValueError if another thread asks while it computes an estimate.
#[pyclass(frozen, module = "bayes8")]
pub(crate) struct Stream {
    engine: Arc<Engine>,
    pictures: Py<PyAny>,
    layout: String,
    options: PredictOptions,
    /// The index after the last sample.
    end: u32,
    every: u32,
    state: Mutex<State>,
}

struct State {
    /// The first sample that has not run.
    next: u32,
    sum: Option<Py<Prediction>>,
}

impl Stream {
    pub(crate) fn new(
        engine: Arc<Engine>,
        pictures: Py<PyAny>,
        layout: String,
        options: PredictOptions,
        every: u32,
    ) -> PyResult<Self> {
        let samples = engine.model.samples_of(&options);
        let (_, samples) = samples.map_err(|error| of_predict(&error.into()))?;
        let Range { start: next, end } = samples.indices();
        let state = Mutex::new(State { next, sum: None });
        Ok(Self { engine, pictures, layout, options, end, every, state })
    }
}

#[pymethods]
impl Stream {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<Prediction>>> {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            // As for a generator. To wait here with the interpreter's lock could last forever.
            Err(TryLockError::WouldBlock) => {
                return Err(PyValueError::new_err("the stream is already running"));
            }
        };
        let start = state.next;
        let end = start.saturating_add(self.every).min(self.end);
        if start >= end {
            return Ok(None);
        }
        let batch = Batch::new(self.pictures.bind(py), &self.engine.model, &self.layout)?;
        let options = self.options.clone().samples(start..end);
        let more = self.engine.predict(py, &batch, &options, &Progress::new(None)?)?;
        let sum = match &state.sum {
            Some(sum) => sum.get().merge(py, &more)?,
            None => more,
        };
        let sum = Py::new(py, sum)?;
        *state = State { next: end, sum: Some(sum.clone_ref(py)) };
        Ok(Some(sum))
    }
}
