//! Loading models for commands.

use crate::args::Machine;
use bayes8_native::core::{format, model};
use bayes8_native::{LoadError, Model};
use std::path::Path;

/// The model in `path`, ready to run.
///
/// # Errors
/// [`LoadError`], which names the file, or threads that cannot be started.
pub(crate) fn load(path: &Path, machine: &Machine) -> Result<Model, LoadError> {
    Model::load_with(path, machine.options()?)
}

/// What the file says, and its size in bytes.
///
/// # Errors
/// [`LoadError`], which names the file.
pub(crate) fn describe(path: &Path) -> Result<(model::Model, usize), LoadError> {
    let bytes =
        std::fs::read(path).map_err(|source| LoadError::File { path: path.into(), source })?;
    let model =
        format::read(&bytes).map_err(|source| LoadError::Format { path: path.into(), source })?;
    Ok((model, bytes.len()))
}
