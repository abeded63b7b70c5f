//! Reports progress to Python.

use crate::errors::without;
use bayes8::convert::Progress as Event;
use pyo3::prelude::*;
use pyo3::types::PyBool;
use std::mem;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Where the work stands.
#[derive(Default)]
struct State {
    task: &'static str,
    done: u64,
    total: Option<u64>,
    /// Whether Python has not seen it.
    is_new: bool,
    warnings: Vec<String>,
}

/// A report to a Python function of `(task, done, total)`.
pub(crate) struct Progress {
    state: Mutex<State>,
    report: Option<Py<PyAny>>,
}

impl Progress {
    /// Prepares the report to `report`: `None` or `False` for none, `True` for a bar, or a function.
    pub(crate) fn new(report: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let report = match report {
            Some(report) if report.is_instance_of::<PyBool>() => match report.is_truthy()? {
                true => Some(report.py().import("bayes8._progress")?.call_method0("bar")?),
                false => None,
            },
            report => report,
        };
        Ok(Self { state: Mutex::default(), report: report.map(Bound::unbind) })
    }

    /// Begins a task.
    pub(crate) fn begin(&self, task: &'static str, total: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let warnings = mem::take(&mut state.warnings);
        *state = State { task, done: 0, total, is_new: true, warnings };
    }

    /// Counts finished pieces of the task.
    pub(crate) fn advance(&self, pieces: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += pieces;
        state.is_new = true;
    }

    /// Takes an event of the libraries, which read some arguments from files in `folder`.
    pub(crate) fn observe(&self, event: Event, folder: &Path) {
        match event {
            Event::Begin { task, total } => self.begin(task, total),
            Event::Advance(pieces) => self.advance(pieces),
            Event::Warning(message) => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.warnings.push(without(folder, &message));
            }
            _ => {}
        }
    }

    /// Tells Python what has happened since the last report: warnings, and how far the task is.
    pub(crate) fn report(&self, py: Python<'_>) -> PyResult<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let warnings = mem::take(&mut state.warnings);
        let &mut State { task, done, total, ref mut is_new, .. } = &mut *state;
        let is_new = mem::take(is_new);
        // Python may do anything, even predict with the same model.
        drop(state);
        for warning in warnings {
            py.import("warnings")?.call_method1("warn", (warning,))?;
        }
        match &self.report {
            Some(report) if is_new => report.call1(py, (task, done, total)).map(drop),
            _ => Ok(()),
        }
    }
}
