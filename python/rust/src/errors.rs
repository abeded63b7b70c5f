//! Exceptions.

use bayes8::{LoadError, PredictError};
use pyo3::PyErr;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyOSError, PyValueError};
use std::error::Error as _;
use std::fmt::Write;
use std::path::{MAIN_SEPARATOR, Path};
use std::{io, iter};

create_exception!(
    bayes8,
    Error,
    PyException,
    "A file, a network or a model that bayes8 cannot use."
);

/// Returns the message of an error and of its causes.
pub(crate) fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// Removes `folder` from the paths in a message. Arguments that are not files are written there under their
/// names, so the message then names the argument.
pub(crate) fn without(folder: &Path, message: &str) -> String {
    message.replace(&format!("{}{MAIN_SEPARATOR}", folder.display()), "")
}

/// Returns the exception for an error of a file or a network: an `OSError` for a file that cannot be
/// read, [`Error`] otherwise.
///
/// A file in `folder` is named as in [`without`].
pub(crate) fn refused(error: &(dyn std::error::Error + 'static), folder: &Path) -> PyErr {
    let text = without(folder, &message(error));
    let causes = iter::successors(Some(error), |&error| error.source());
    match causes
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .find(|e| e.raw_os_error().is_some())
    {
        // Python chooses the subclass, such as `FileNotFoundError`, by the code.
        Some(system) => {
            let text = text.replace(&system.to_string(), &system_message(system));
            PyOSError::new_err((system.raw_os_error(), text))
        }
        None => Error::new_err(text),
    }
}

/// Returns what the system says of an error, without its code, which `OSError` shows itself.
fn system_message(error: &io::Error) -> String {
    let text = error.to_string();
    let code = error.raw_os_error().map(|code| format!(" (os error {code})"));
    code.and_then(|code| text.strip_suffix(&code)).unwrap_or(&text).to_owned()
}

/// Returns the exception for a model that cannot be loaded.
pub(crate) fn of_load(error: &LoadError) -> PyErr {
    match error {
        LoadError::File { path, source } if source.raw_os_error().is_some() => {
            let code = source.raw_os_error();
            let text = system_message(source);
            PyOSError::new_err((code, text, path.display().to_string()))
        }
        LoadError::Isa(_) | LoadError::TooManyThreads { .. } => {
            PyValueError::new_err(message(error))
        }
        _ => Error::new_err(message(error)),
    }
}

/// Returns the exception for a prediction that failed.
pub(crate) fn of_predict(error: &PredictError) -> PyErr {
    match error {
        PredictError::Cancelled => PyKeyboardInterrupt::new_err(()),
        _ => PyValueError::new_err(
            error.source().map_or_else(|| error.to_string(), |_| message(error)),
        ),
    }
}
