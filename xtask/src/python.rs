//! The Python package: built as a wheel, installed, and tested with NumPy, scikit-learn and Pillow.

use crate::programs::{root, run_command};
use crate::skipped::Skipped;
use crate::tools;
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::{env, fs};

/// What builds and checks wheels.
const BUILDERS: [&str; 3] = ["abi3audit", "maturin>=1.9,<2", "twine"];

/// The largest wheel, optimized; without optimization it is larger.
const MOST_BYTES: u64 = 8 << 20;

/// Builds the wheel, checks it, installs it into a new environment, runs the tests there that need no
/// PyTorch, and makes the API reference of the docstrings in `target/python-reference`.
pub(crate) fn test(skipped: &mut Skipped) -> anyhow::Result<()> {
    let builder = match tools::python_environment("python-build", &BUILDERS) {
        Ok(builder) => builder,
        Err(reason) => {
            skipped.report(&format!("Python package: {reason}"));
            return Ok(());
        }
    };
    check_source(&builder)?;
    let wheel = build(&builder, "dev")?;
    run_command(Command::new(builder.join("twine")).args(["check", "--strict"]).arg(&wheel))?;
    run_command(Command::new(builder.join("abi3audit")).arg("--strict").arg(&wheel))?;

    let package = root().join("python");
    let tested = format!("{}[test]", wheel.display());
    let python = tools::python_environment("python-test", &["--force-reinstall", &tested])
        .map_err(|reason| anyhow::anyhow!("the wheel cannot be installed: {reason}"))?;
    let run = |program: &str, arguments: &[&str]| {
        run_command(Command::new(python.join(program)).args(arguments).current_dir(&package))
    };
    run("ruff", &["check"])?;
    run("ruff", &["format", "--check"])?;
    run("mypy", &[])?;
    run("python", &["-m", "mypy.stubtest", "bayes8._bayes8"])?;
    run("python", &["-m", "pytest", "tests"])?;
    let reference = tools::target().join("python-reference");
    run("pdoc", &["bayes8", "!bayes8.export", "--output-directory", &reference.to_string_lossy()])
}

/// Builds an optimized wheel and prints its size.
///
/// # Errors
/// If it is larger than 8 MiB, which is a lot to download.
pub(crate) fn release() -> anyhow::Result<()> {
    let builder = tools::python_environment("python-build", &BUILDERS);
    let builder = builder.map_err(|reason| anyhow::anyhow!(reason))?;
    let wheel = build(&builder, "release")?;
    let size = fs::metadata(&wheel).with_context(|| wheel.display().to_string())?.len();
    println!("{}: {} kB", wheel.display(), size >> 10);
    ensure!(size <= MOST_BYTES, "{size} bytes; at most {MOST_BYTES} are allowed");
    Ok(())
}

/// Builds a wheel with a profile of cargo, and returns its path.
fn build(builder: &Path, profile: &str) -> anyhow::Result<PathBuf> {
    let folder = tools::target().join("wheels").join(profile);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let mut maturin = Command::new(builder.join("maturin"));
    maturin.args(["build", "--locked", "--profile", profile, "--out"]).arg(&folder);
    run_command(maturin.current_dir(root().join("python")))?;
    only_entry(&folder)
}

/// Builds the source distribution, and checks outside of the repository that cargo finds all crates in it.
fn check_source(builder: &Path) -> anyhow::Result<()> {
    let folder = env::temp_dir().join(format!("bayes8-sdist-{}", process::id()));
    let mut maturin = Command::new(builder.join("maturin"));
    maturin.args(["sdist", "--out"]).arg(&folder).current_dir(root().join("python"));
    run_command(&mut maturin)?;
    let archive = only_entry(&folder)?;
    let mut tar = Command::new("tar");
    run_command(tar.arg("-xzf").arg(&archive).current_dir(&folder))?;
    fs::remove_file(&archive).with_context(|| archive.display().to_string())?;
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--quiet", "--format-version", "1", "--manifest-path"]);
    cargo.arg(only_entry(&folder)?.join("python/rust/Cargo.toml"));
    run_command(cargo.stdout(Stdio::null()))?;
    fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())
}

/// Returns the path of what a tool wrote to `folder`.
fn only_entry(folder: &Path) -> anyhow::Result<PathBuf> {
    let named = || folder.display().to_string();
    let mut entries = fs::read_dir(folder).with_context(named)?;
    let entry = entries.next().with_context(|| format!("{} is empty", named()))?;
    Ok(entry.with_context(named)?.path())
}
