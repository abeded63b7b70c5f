//! `bayes8 evaluate`: measures a model on labelled pictures, and how it differs from FP32.

mod arguments;
mod command_line;
mod conformal;
mod store;
mod thresholds;

pub(crate) use arguments::Arguments;

use crate::args::UsageError;
use crate::atomic_file::Pending;
use crate::network::{nothing_varies, open_extents};
use crate::{model_file, output, progress, style};
use anyhow::anyhow;
use bayes8_convert::{ImportError, LoadError};
use bayes8_evaluate::style::printable;
use bayes8_evaluate::{EvaluateError, LabelledError};
use std::ffi::OsString;
use std::path::Path;
use store::Store;

/// Runs the command. `line` has the arguments as they were given, for the report.
pub(crate) fn run(arguments: &Arguments, line: &[OsString]) -> anyhow::Result<()> {
    let options = arguments.options(line)?;
    let inputs: Vec<&Path> = options.files().into_iter().map(|(_, path)| path).collect();
    let html = arguments.html.as_ref().map(|path| Pending::create(path, &inputs)).transpose()?;
    let store = Store::new(arguments, &inputs)?;
    if html.as_ref().zip(store.as_ref()).is_some_and(|(html, store)| store.is_same(html)) {
        let message = "--html and --output name the same file";
        return Err(UsageError { command: "evaluate", message: message.into() }.into());
    }
    let model = model_file::load(&arguments.model, &arguments.tiles, &arguments.machine)?;
    if store.is_some() {
        Store::check(arguments, model.quantized())?;
    }
    if options.fp32.is_some() {
        arguments.machine.start_threads()?;
    }
    let report = options.evaluate(&model, &mut progress::shown()).map_err(explained)?;
    let printed = match arguments.json {
        true => output::print_json(&report),
        false => output::print(&report.text(style::detect())),
    };
    let written = html.map_or(Ok(()), |pending| {
        pending.write(report.html().as_bytes())?;
        pending.commit()
    });
    // All are reported: whoever closes the pipe still wants to know what was missed.
    let missed = report.check().map_err(anyhow::Error::new);
    let stored = match store {
        Some(store) if missed.is_ok() => {
            store.write(model.quantized(), &report).and_then(|done| match arguments.json {
                true => Ok(()),
                false => output::print(&format!("\n{}\n", printable(&done))),
            })
        }
        Some(_) => {
            output::warn("the thresholds are not stored");
            Ok(())
        }
        None => Ok(()),
    };
    let mut errors = [missed, stored, written, printed].into_iter().filter_map(Result::err);
    let Some(first) = errors.next() else { return Ok(()) };
    errors.for_each(|error| output::complain_of(&error));
    Err(first)
}

/// Adds the argument that is likely wrong.
fn explained(error: EvaluateError) -> anyhow::Error {
    match error {
        EvaluateError::DriftLabels { .. } => {
            anyhow!("{error}: --drift must hold the pictures of --data, corrupted")
        }
        // Unwrapped, so that swapped arguments are recognised when it is printed.
        EvaluateError::Labelled(LabelledError::Pictures(error))
        | EvaluateError::Pictures(error) => error.into(),
        EvaluateError::Network(LoadError::Import {
            source: ImportError::OpenExtents { .. },
            ..
        }) => open_extents(&error.into()),
        EvaluateError::NothingVaries { .. } => nothing_varies("evaluate", &error).into(),
        error => error.into(),
    }
}
