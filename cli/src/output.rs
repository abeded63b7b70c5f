//! Writes results to standard output, and complaints to standard error.

use anyhow::Context;
use bayes8_convert::pictures::PicturesError;
use bayes8_evaluate::style::printable;
use serde::Serialize;
use std::error::Error;
use std::io::{self, Write};

/// Prints a finished text.
///
/// # Errors
/// When standard output is closed or full.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("cannot write the result")
}

/// Prints a value as JSON.
///
/// # Errors
/// When standard output is closed or full.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut json =
        serde_json::to_string_pretty(value).context("cannot write the result as JSON")?;
    json.push('\n');
    print(&json)
}

/// Prints a warning to standard error.
pub(crate) fn warn(message: &str) {
    complain(&format!("warning: {}", printable(message)));
}

/// Prints a line to standard error; if that is closed, nobody is listening.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints an error and its causes to standard error, unless nobody reads standard output any more.
pub(crate) fn complain_of(error: &anyhow::Error) {
    if is_closed(error) {
        return;
    }
    let mut message = format!("{error:#}");
    let is_model = |cause: &(dyn Error + 'static)| {
        matches!(cause.downcast_ref(), Some(PicturesError::Safetensors { .. }))
    };
    if error.chain().any(is_model) {
        message.push_str("; check the order of the arguments");
    }
    complain(&format!("error: {}", printable(&message)));
}

/// Whether an error only says that the reader of the output has seen enough, as in `| head`.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    let closed = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(closed)
}
