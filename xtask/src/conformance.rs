//! `cargo xtask conformance`: runs the conformance vectors on every target of this machine, and prints
//! one table of the results.

use crate::programs::{root, run, run_command, stream};
use crate::skipped::Skipped;
use crate::steps::{Ended, Steps};
use crate::tools::{Browser, CHROMIUM, FIREFOX, Missing};
use crate::web::{self, Package};
use crate::{apps, cross, tools};
use anyhow::Context;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Start of the lines that `conformance report` reads (`tests/src/line.rs`).
const MARK: &str = "CONFORMANCE ";

/// Writes `tests/vectors` anew, with the results of the reference back end.
pub(crate) fn update() -> anyhow::Result<()> {
    compile()?;
    run_command(program("conformance").arg("update"))
}

/// Builds the npm package, then runs all targets.
pub(crate) fn build_and_run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let package = steps.run("npm package", web::prepare);
    run_all(&mut steps, &package);
    steps.finish()
}

/// Runs all targets. Those of the npm package are skipped unless it is built.
pub(crate) fn run_all(steps: &mut Steps, package: &Ended<Package>) {
    steps.run_after(package, "conformance: what compares in JavaScript", |package, _| {
        test_comparison(package)
    });
    let package = package.result.clone();
    let package = package.unwrap_or_else(|| Err("the npm package cannot be built".into()));
    steps.run("conformance", |skipped| compare(&package, skipped));
}

/// Tests that the comparison in JavaScript detects errors.
fn test_comparison(package: &Package) -> anyhow::Result<()> {
    if package.is_err() {
        return Ok(());
    }
    run("node", &["--test", "tests/web/check.test.js"])
}

/// Runs all targets and prints one table. Fails if any result differs from the vectors.
fn compare(package: &Package, skipped: &mut Skipped) -> anyhow::Result<()> {
    compile()?;
    let mut outputs = Outputs::new()?;
    outputs.collect("native", program("examples/native"))?;
    let mut amx = Command::new("cargo");
    amx.args(AMX_TEST);
    outputs.collect("amx", amx)?;
    for target in &cross::TARGETS {
        match target.cargo("run") {
            Ok(mut cargo) => {
                cargo.args(["--package", "bayes8-conformance", "--example", "native"]);
                cargo.args(["--", target.name]);
                outputs.collect(target.name, cargo)?;
            }
            Err(reason) => outputs.skip(target.name, &reason)?,
        }
    }
    let node = || package.clone().map(|()| Command::new("node"));
    // The package that drives Firefox belongs to the apps.
    let driver = || tools::npm_packages(&root().join(apps::FOLDER));
    for (place, script, ready) in [
        ("Node", "node.js", node()),
        ("Chromium", "chromium.js", node().and_then(|node| with(CHROMIUM, node))),
        (
            "Firefox",
            "firefox.js",
            node().and_then(|node| driver().and_then(|()| with(FIREFOX, node))),
        ),
    ] {
        match ready {
            Ok(mut node) => {
                node.arg(format!("tests/web/{script}"));
                outputs.collect(place, node)?;
            }
            Err(reason) => outputs.skip(place, &reason)?,
        }
    }
    let mut report = program("conformance");
    report.arg("report").args(&outputs.files);
    stream(&mut report, |line| {
        skipped.notices(line);
        println!("{line}");
    })
}

/// The test of `bayes8-native` that runs the vectors on AMX, or on its emulator.
const AMX_TEST: [&str; 7] =
    ["test", "--workspace", "--lib", "conformance_vectors", "--", "--ignored", "--nocapture"];

/// Compiles [`program`]s: of the whole workspace, whose features are those of the tests, for which most
/// of it was compiled already.
fn compile() -> anyhow::Result<()> {
    run("cargo", &["build", "--workspace", "--bins", "--examples"])
}

/// A command that runs a compiled program.
fn program(name: &str) -> Command {
    Command::new(tools::target().join("debug").join(name))
}

fn with(browser: Browser, mut node: Command) -> Result<Command, Missing> {
    node.env(browser.variable, browser.find()?);
    Ok(node)
}

/// The output of the runners, in files.
struct Outputs {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Outputs {
    fn new() -> anyhow::Result<Self> {
        let folder = tools::target().join("conformance");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder, files: Vec::new() })
    }

    /// Runs a runner, and writes its lines for the report into a file. If it fails, that is in its
    /// lines, or the report misses it.
    fn collect(&mut self, name: &str, mut runner: Command) -> anyhow::Result<()> {
        let mut lines = String::new();
        let result = stream(runner.current_dir(root()), |line| match line.find(MARK) {
            Some(at) => lines.extend([&line[at..], "\n"]),
            None => println!("{line}"),
        });
        if let Err(error) = result {
            let message = format!("{error:#}").replace(['"', '\\'], "'");
            lines.push_str(&whole_target(name, "failed", "message", &message));
        }
        self.write(name, &lines)
    }

    /// Records that a runner cannot run.
    fn skip(&mut self, name: &str, reason: &str) -> anyhow::Result<()> {
        let reason = reason.replace(['"', '\\'], "'");
        self.write(name, &whole_target(name, "skipped", "reason", &reason))
    }

    fn write(&mut self, name: &str, lines: &str) -> anyhow::Result<()> {
        let path = self.folder.join(name).with_extension("txt");
        fs::write(&path, lines).with_context(|| format!("cannot write {}", path.display()))?;
        self.files.push(path);
        Ok(())
    }
}

/// A line about all vectors of a target.
fn whole_target(target: &str, result: &str, key: &str, text: &str) -> String {
    let text = text.replace(|c: char| c.is_control(), " ");
    format!(r#"{MARK}{{"target":"{target}","kernel":"-","result":"{result}","{key}":"{text}"}}"#)
        + "\n"
}
