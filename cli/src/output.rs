//! Writing results to standard output, and complaints to standard error.

use crate::style::printable;
use anyhow::Context;
use serde::Serialize;
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

/// Prints a line to standard error; if that is closed, nobody wants to know.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
