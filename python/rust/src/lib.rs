//! The extension module `bayes8._bayes8`: the engine, the converter, the evaluation and the command line.
//!
//! What users see is the Python package around it (`python/src/bayes8`). Its stub, `_bayes8.pyi`, has the
//! documentation of every class.

#![forbid(unsafe_code)]

mod arguments;
mod attend;
mod conformal;
mod draws;
mod engine;
mod errors;
mod evaluate;
mod figures;
mod json;
mod model;
mod networks;
mod origin;
mod pictures;
mod pool;
mod prediction;
mod progress;
mod quantize;
mod report;
mod saved;
mod stream;

use bayes8::TargetUncertainty;
use pyo3::prelude::*;
use pyo3::types::PyMapping;
use std::ffi::OsString;

/// Runs the command `bayes8` with its arguments, the name of the program first.
#[pyfunction]
fn command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| bayes8_cli::run(arguments))
}

/// Returns a whole number from `low` to `high`; `what` names it in errors.
#[pyfunction]
fn whole(what: &str, value: &Bound<'_, PyAny>, low: u64, high: u64) -> PyResult<u64> {
    arguments::whole(what, value, [low, high])
}

/// Returns the quantile of the standard normal distribution for probability `p`.
#[pyfunction]
fn normal_quantile(p: f64) -> f64 {
    let (mean, std) = (vec![0.0], vec![1.0]);
    TargetUncertainty { mean, std, ..TargetUncertainty::default() }.quantile(0, p)
}

#[pymodule(gil_used = false)]
fn _bayes8(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("Error", module.py().get_type::<errors::Error>())?;
    module.add_class::<model::Model>()?;
    module.add_class::<prediction::Prediction>()?;
    module.add_class::<stream::Stream>()?;
    module.add_class::<report::Report>()?;
    PyMapping::register::<report::Report>(module.py())?;
    module.add_function(wrap_pyfunction!(evaluate::fit_images, module)?)?;
    module.add_function(wrap_pyfunction!(command, module)?)?;
    module.add_function(wrap_pyfunction!(whole, module)?)?;
    module.add_function(wrap_pyfunction!(normal_quantile, module)?)?;
    module.add_function(wrap_pyfunction!(evaluate::evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(quantize::quantize, module)?)
}
