//! Builds `bayes8-core` for a target without the standard library.

use crate::programs::run;
use crate::skipped::Skipped;
use crate::tools;

/// The first version of WebAssembly, which only has `core` and `alloc`.
const TARGET: &str = "wasm32v1-none";

pub(crate) fn check(skipped: &mut Skipped) -> anyhow::Result<()> {
    if let Err(reason) = tools::rust_target(TARGET) {
        skipped.report(&format!("bayes8-core without std: {reason}"));
        return Ok(());
    }
    run("cargo", &["check", "--package", "bayes8-core", "--target", TARGET])
}
