//! Compiles libraries for platforms whose programs cannot be linked or run here.

use crate::programs::run_command;
use crate::skipped::Skipped;
use crate::tools;
use std::process::Command;

/// Packages, and the targets that they must compile for.
const PLATFORMS: [(&str, &str); 4] = [
    // The first version of WebAssembly, which only has `core` and `alloc`.
    ("bayes8-core", "wasm32v1-none"),
    ("bayes8-native", "aarch64-apple-darwin"),
    ("bayes8-native", "aarch64-pc-windows-msvc"),
    ("bayes8-native", "x86_64-pc-windows-gnu"),
];

/// Compiles and lints all of them.
pub(crate) fn check(skipped: &mut Skipped) -> anyhow::Result<()> {
    for (package, target) in PLATFORMS {
        if let Err(reason) = tools::rust_target(target) {
            skipped.report(&format!("{package} on {target}: {reason}"));
            continue;
        }
        let mut cargo = Command::new("cargo");
        cargo.args(["clippy", "--package", package, "--lib", "--target", target]);
        run_command(cargo.args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}
