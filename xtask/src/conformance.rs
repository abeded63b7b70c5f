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
use std::thread;

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
    outputs.collect_emulated()?;
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
        self.write(name, &lines(name, [runner.current_dir(root())]))
    }

    /// Runs the native runner on all other architectures at once: each takes one processor, for
    /// minutes. Cargo compiles for one after the other.
    fn collect_emulated(&mut self) -> anyhow::Result<()> {
        let ready = cross::TARGETS.map(|target| (target.name, target.example("native")));
        let found = thread::scope(|scope| {
            let start = |(name, commands): (&'static str, Result<[Command; 2], Missing>)| {
                let run = |[mut build, mut run]: [Command; 2]| {
                    scope.spawn(move || lines(name, [&mut build, run.arg(name)]))
                };
                (name, commands.map(run))
            };
            // All are started before the first is waited for.
            let started = ready.map(start);
            started.map(|(name, lines)| {
                (name, lines.map(|lines| lines.join().expect("running a program does not panic")))
            })
        });
        for (name, lines) in found {
            match lines {
                Ok(lines) => self.write(name, &lines)?,
                Err(reason) => self.skip(name, &reason)?,
            }
        }
        Ok(())
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

/// Runs commands one after the other, until one fails. Returns their lines for the report.
fn lines<'a>(target: &str, commands: impl IntoIterator<Item = &'a mut Command>) -> String {
    let mut lines = String::new();
    for command in commands {
        let result = stream(command, |line| match line.find(MARK) {
            Some(at) => lines.extend([&line[at..], "\n"]),
            None => println!("{line}"),
        });
        if let Err(error) = result {
            let message = format!("{error:#}").replace(['"', '\\'], "'");
            lines.push_str(&whole_target(target, "failed", "message", &message));
            break;
        }
    }
    lines
}

/// A line about all vectors of a target.
fn whole_target(target: &str, result: &str, key: &str, text: &str) -> String {
    let text = text.replace(|c: char| c.is_control(), " ");
    format!(r#"{MARK}{{"target":"{target}","kernel":"-","result":"{result}","{key}":"{text}"}}"#)
        + "\n"
}
