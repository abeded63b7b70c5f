//! `bayes8-core` without the standard library: built for a target that has none.

use crate::programs::run;
use crate::skipped::Skipped;
use crate::tools;

/// WebAssembly as of the first version: `core` and `alloc` and nothing else.
const TARGET: &str = "wasm32v1-none";

pub(crate) fn check(skipped: &mut Skipped) -> anyhow::Result<()> {
    if let Err(reason) = tools::rust_target(TARGET) {
        skipped.report(&format!("bayes8-core without std: {reason}"));
        return Ok(());
    }
    run("cargo", &["build", "--package", "bayes8-core", "--target", TARGET])
}
