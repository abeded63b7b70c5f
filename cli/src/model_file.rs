//! Loads models for commands.

use crate::args::Machine;
use crate::input;
use crate::output::{complain, warn};
use anyhow::{anyhow, bail};
use bayes8_evaluate::style::bytes;
use bayes8_native::core::limits::LimitError;
use bayes8_native::core::{format, model};
use bayes8_native::{LoadError, Model};
use std::path::Path;

/// Loads the model in `path`, ready to run.
///
/// # Errors
/// When the file is not a model, naming it, or threads cannot be started.
pub(crate) fn load(path: &Path, machine: &Machine) -> anyhow::Result<Model> {
    let (model, _) = describe(path)?;
    let model = Model::new(model, machine.options()?).map_err(|error| match error {
        LoadError::Limit { source, .. } => {
            anyhow!("cannot run {}: {source} ({})", path.display(), option(&source))
        }
        error => error.into(),
    })?;
    let (bank, draw) = (machine.bank.as_u64(), model.weight_bytes() as u64);
    if (1..draw).contains(&bank) {
        complain(&format!("warning: --bank is off: one weight sample takes {}", bytes(draw)));
    }
    Ok(model)
}

/// The option that raises a limit.
fn option(exceeded: &LimitError) -> &'static str {
    match exceeded {
        LimitError::Memory(_) => "--max-memory",
        LimitError::Steps(_) => "--max-steps",
    }
}

/// Reads the model of a file, and the file's size in bytes.
///
/// # Errors
/// When the file is not a model, naming it.
pub(crate) fn describe(path: &Path) -> anyhow::Result<(model::QuantizedModel, usize)> {
    let bytes =
        input::read(path).map_err(|source| LoadError::File { path: path.into(), source })?;
    if let Some(kind) = input::kind_of_pictures(&bytes) {
        bail!("{} is {kind}, not a model; check the order of the arguments", path.display());
    }
    let model = format::read(&bytes)
        .map_err(|source| LoadError::Format { path: Some(path.into()), source })?;
    warn_of_one_class(path, &model);
    Ok((model, bytes.len()))
}

/// Warns of a model with one class. Such files still load, but `quantize` does not make them.
fn warn_of_one_class(path: &Path, model: &model::QuantizedModel) {
    if model.classes().is_some_and(|classes| classes.count == 1) {
        warn(&format!(
            "{}: the model has one class: every prediction is that class with 100 % and no uncertainty",
            path.display()
        ));
    }
}
