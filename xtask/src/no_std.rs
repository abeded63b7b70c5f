//! `bayes8-core` without the standard library: built for a target that has none.

use crate::skipped::Skipped;
use crate::{root, run};
use std::path::PathBuf;
use std::process::Command;

/// WebAssembly as of the first version: `core` and `alloc` and nothing else.
const TARGET: &str = "wasm32v1-none";

pub(crate) fn check(skipped: &mut Skipped) -> anyhow::Result<()> {
    if let Err(reason) = install() {
        skipped.report(&format!("bayes8-core without std: no target {TARGET}: {reason}"));
        return Ok(());
    }
    run("cargo", &["build", "--package", "bayes8-core", "--target", TARGET])
}

/// Adds the target, which needs the network only the first time.
fn install() -> Result<(), String> {
    if sysroot().is_some_and(|root| root.join("lib/rustlib").join(TARGET).is_dir()) {
        return Ok(());
    }
    let arguments = ["target", "add", TARGET];
    println!("$ rustup {}", arguments.join(" "));
    let mut rustup = Command::new("rustup");
    let output = rustup.args(arguments).current_dir(root()).output();
    let output = output.map_err(|error| format!("cannot run rustup: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rfind(|line| !line.trim().is_empty());
    Err(last.unwrap_or("rustup target add failed").trim().to_string())
}

/// Where the toolchain keeps its targets.
fn sysroot() -> Option<PathBuf> {
    let mut rustc = Command::new("rustc");
    let output = rustc.args(["--print", "sysroot"]).current_dir(root()).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().into())
}
