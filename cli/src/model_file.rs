//! Loads models for commands.

use crate::args::{InputSize, Machine, Tiles};
use crate::input;
use crate::output::{complain, warn};
use anyhow::{anyhow, bail};
use bayes8_evaluate::style::bytes;
use bayes8_native::core::head::Output;
use bayes8_native::core::limits::LimitError;
use bayes8_native::core::{format, model};
use bayes8_native::{LoadError, Model};
use std::path::Path;

/// Loads the model in `path`, ready to run on inputs of this size.
///
/// # Errors
/// When the file is not a model, or does not fit the size, naming it, or threads cannot be started.
pub(crate) fn load(path: &Path, tiles: &Tiles, machine: &Machine) -> anyhow::Result<Model> {
    let whole = InputSize { input_size: None };
    let in_tiles = tiles.tile_overlap.is_some();
    let (model, _) = describe(path, if in_tiles { &whole } else { &tiles.size })?;
    let was_calibrated = is_calibrated(model.outputs());
    let advice = tiles.size.input_size.map_or_else(String::new, |size| axes_advice(&model, size));
    let mut options = machine.options()?;
    if let Some(overlap) = tiles.tile_overlap {
        options = options.input_size(tiles.size.input_size).tile_overlap(overlap as usize);
    }
    let model = Model::new(model, options).map_err(|error| match error {
        LoadError::Limit { source, .. } => {
            anyhow!("cannot run {}: {source} ({})", path.display(), option(&source))
        }
        LoadError::Tiling { source, .. } => anyhow!("{}: {source}{advice}", path.display()),
        error => error.into(),
    })?;
    warn_if_uncalibrated(was_calibrated, model.outputs());
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

/// Reads the model of a file, for inputs of this size, and the file's size in bytes.
///
/// # Errors
/// When the file is not a model, or does not fit the size, naming it.
pub(crate) fn describe(
    path: &Path,
    size: &InputSize,
) -> anyhow::Result<(model::QuantizedModel, usize)> {
    let bytes =
        input::read(path).map_err(|source| LoadError::File { path: path.into(), source })?;
    if let Some(kind) = input::kind_of_pictures(&bytes) {
        bail!("{} is {kind}, not a model; check the order of the arguments", path.display());
    }
    let model = format::read(&bytes)
        .map_err(|source| LoadError::Format { path: Some(path.into()), source })?;
    warn_of_one_class(path, &model);
    Ok((resized(path, model, size)?, bytes.len()))
}

/// Returns the model for inputs of this size.
fn resized(
    path: &Path,
    model: model::QuantizedModel,
    size: &InputSize,
) -> anyhow::Result<model::QuantizedModel> {
    let Some(size) = size.input_size else { return Ok(model) };
    let was_calibrated = is_calibrated(model.outputs());
    let advice = axes_advice(&model, size);
    let model =
        model.with_input_size(size).map_err(|e| anyhow!("{}: {e}{advice}", path.display()))?;
    warn_if_uncalibrated(was_calibrated, model.outputs());
    Ok(model)
}

/// How a `size` is written that has fewer axes than the input of `model`; empty if it has all.
fn axes_advice(model: &model::QuantizedModel, size: [usize; 3]) -> String {
    let [planes, rows, columns] = model.graph().input().axes();
    if planes > 1 && size[0] == 1 {
        format!(": --input-size PLANESxROWSxCOLUMNS, such as {planes}x{rows}x{columns}")
    } else if rows > 1 && size[..2] == [1, 1] {
        format!(": --input-size ROWSxCOLUMNS, such as {rows}x{columns}")
    } else {
        String::new()
    }
}

/// Whether any of these outputs gives sets or intervals.
fn is_calibrated(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| output.conformal.is_some())
}

/// Warns of a model that gave sets or intervals for the size in its file, and gives none for another one.
fn warn_if_uncalibrated(was_calibrated: bool, outputs: &[Output]) {
    if was_calibrated && !is_calibrated(outputs) {
        warn("sets and intervals are left out: they were calibrated for another --input-size");
    }
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
