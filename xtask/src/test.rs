//! `cargo xtask test`: all checks of the workspace. A check that fails does not keep the others from
//! running.

use crate::programs::{root, run, run_command, stream, succeeds};
use crate::skipped::{Skipped, TestOutput};
use crate::steps::Steps;
use crate::{
    apps, book, c_library, conformance, cross, demo, hidden, packages, platforms, python,
    structure, tools, web,
};
use std::process::Command;

/// Runs all checks.
///
/// # Errors
/// If any check failed. The last printed lines name it.
pub(crate) fn run_all() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    check_sources(&mut steps);
    steps.run("other platforms", platforms::check);
    steps.run("oldest Rust", oldest_rust);
    steps.run("API documentation", |_| document());
    steps.run("book", book::build);
    steps.run("packages", |_| packages::check());
    steps.run("tests", |skipped| {
        test(Command::new("cargo").args(["test", "--workspace", "--no-fail-fast"]), skipped)
    });
    steps.run("native tests on AVX2 or NEON only", |_| hidden::test("avxvnni,avx512bw,dotprod"));
    steps.run("native tests in portable code only", |_| hidden::test("avx2,neon"));
    steps.run("tests on AArch64", test_aarch64);
    steps.run("C library", c_library::test);
    steps.run("Python package", python::test);
    let package = steps.run("npm package", web::prepare);
    steps.run_after(&package, "npm package: lints", |package, _| web::lint(package));
    steps.run_after(&package, "npm package: kernels", web::test_kernels);
    steps.run_after(&package, "npm package: tests", web::test);
    steps.run_after(&package, "npm package: bundlers and runtimes", apps::test);
    steps.run_after(&package, "web demo", demo::test);
    conformance::run_all(&mut steps, &package);
    steps.finish()
}

/// Runs the tests of `bayes8-core` and `bayes8-native` on AArch64.
fn test_aarch64(skipped: &mut Skipped) -> anyhow::Result<()> {
    match cross::AARCH64.test() {
        Ok(mut cargo) => test(&mut cargo, skipped),
        Err(reason) => {
            skipped.report(&format!("tests on AArch64: {reason}"));
            Ok(())
        }
    }
}

/// Runs the quick checks: formatting, lints and unit tests, without emulated instruction sets,
/// browsers and whole programs.
///
/// # Errors
/// If any check failed. The last printed lines name it.
pub(crate) fn run_quick() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    check_sources(&mut steps);
    let arguments = ["test", "--workspace", "--no-fail-fast", "--lib", "--bins"];
    steps.run("unit tests", |skipped| {
        // The tests of the kernels read it.
        test(Command::new("cargo").args(arguments).env("BAYES8_EMULATE", "0"), skipped)
    });
    steps.finish()
}

/// Checks the sources: format, structure and lints.
fn check_sources(steps: &mut Steps) {
    steps.run("format", |_| format());
    steps.run("structure", |_| structure::check());
    steps.run("lints", |_| lint());
}

fn format() -> anyhow::Result<()> {
    component("rustfmt", "fmt")?;
    run("cargo", &["fmt", "--all", "--check"])
}

fn lint() -> anyhow::Result<()> {
    component("clippy", "clippy")?;
    run("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

/// Checks that the oldest Rust that `Cargo.toml` promises compiles what is published.
fn oldest_rust(skipped: &mut Skipped) -> anyhow::Result<()> {
    let version = env!("CARGO_PKG_RUST_VERSION");
    let is_installed = || succeeds("rustup", &["run", version, "cargo", "--version"]);
    if !is_installed() {
        // This fails without the network.
        let _ = run("rustup", &["toolchain", "install", version, "--profile", "minimal"]);
    }
    if !is_installed() {
        skipped.report(&format!("Rust {version}: rustup cannot install it"));
        return Ok(());
    }
    let folder = tools::target().join("oldest-rust");
    let mut cargo = Command::new("rustup");
    cargo.args(["run", version, "cargo", "check", "--all-features", "--package", "bayes8"]);
    cargo.args(["--package", "bayes8-cli", "--package", "bayes8-c", "--target-dir"]).arg(folder);
    run_command(cargo.current_dir(root()))
}

/// Fails if a link in the documentation is broken.
fn document() -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    run_command(&mut command)
}

/// Adds a component that minimal toolchains lack.
fn component(component: &str, tool: &str) -> anyhow::Result<()> {
    if succeeds("cargo", &[tool, "--version"]) {
        return Ok(());
    }
    run("rustup", &["component", "add", component])
}

/// Runs tests with cargo. Shows their output while they run, but for tests that pass, only what they
/// skipped. libtest hides that by default.
fn test(cargo: &mut Command, skipped: &mut Skipped) -> anyhow::Result<()> {
    let mut filter = TestOutput::default();
    stream(cargo.args(["--", "--show-output"]).current_dir(root()), |line| {
        if filter.shows(line, skipped) {
            println!("{line}");
        }
    })
}
