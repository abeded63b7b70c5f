//! `cargo xtask`: everything that is done with this workspace, by name.

mod bench;
mod c_library;
mod models;
mod no_std;
mod skipped;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use skipped::{Skipped, TestOutput};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Chores of the bayes8 workspace
#[derive(Parser)]
#[command(after_help = "\
Examples:
  cargo xtask test
  cargo xtask bench --python peers/bin/python
  cargo xtask models --from ../trained")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Format, lint and test everything, as CI does
    Test,
    /// Measure every figure of docs/PERFORMANCE.md, peers included where they are installed
    Bench {
        /// Python with the packages of benchmarks/requirements-peers.txt, such as a venv's; with
        /// those of benchmarks/requirements.txt alone, peers are skipped
        #[arg(long, value_name = "PROGRAM", default_value = "python3")]
        python: PathBuf,
        /// `mean.onnx` of cifar10-resnet20, to compare that model with ONNX Runtime too
        #[arg(long, value_name = "ONNX")]
        cifar10: Option<PathBuf>,
        /// Rounds of the comparison with peers
        #[arg(long, value_name = "N", default_value_t = 3)]
        rounds: u32,
    },
    /// Quantize the shipped models again from their FP32 networks
    Models {
        /// Folder with `models/NAME/{mean.onnx,posterior.safetensors,golden.json}` and
        /// `data/{SET-calibration,SET-test}.npz`
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Test => test(),
        Task::Bench { python, cifar10, rounds } => bench::run(&python, cifar10.as_deref(), rounds),
        Task::Models { from } => models::quantize(&from),
    }
}

fn test() -> anyhow::Result<()> {
    // A minimal toolchain lacks these.
    for (component, tool) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if !succeeds("cargo", &[tool, "--version"]) {
            run("rustup", &["component", "add", component])?;
        }
    }
    run("cargo", &["fmt", "--all", "--check"])?;
    run("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    let mut skipped = Skipped::default();
    let result = check(&mut skipped);
    println!("{}", skipped.summary());
    result
}

/// All that may have to be skipped.
fn check(skipped: &mut Skipped) -> anyhow::Result<()> {
    no_std::check(skipped)?;
    cargo_test(skipped)?;
    c_library::test(skipped)
}

/// Runs all tests. What they print comes as it is printed, but of tests that pass only what they
/// skipped: libtest keeps that to itself unless it is asked.
fn cargo_test(skipped: &mut Skipped) -> anyhow::Result<()> {
    let arguments = ["test", "--workspace", "--", "--show-output"];
    println!("$ cargo {}", arguments.join(" "));
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root()).stdout(Stdio::piped());
    let mut cargo = command.spawn().context("cannot run cargo")?;
    let output = cargo.stdout.take().context("the output is piped")?;
    let mut filter = TestOutput::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cannot read what the tests print")?;
        let line = String::from_utf8_lossy(&line);
        if filter.shows(&line, skipped) {
            println!("{line}");
        }
    }
    let status = cargo.wait().context("cannot wait for cargo")?;
    if !status.success() {
        bail!("`cargo test` failed: {status}");
    }
    Ok(())
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Runs a program at the root of the workspace and shows what it prints.
fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    println!("$ {program} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    if !status.success() {
        bail!("`{program} {}` failed: {status}", arguments.join(" "));
    }
    Ok(())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
