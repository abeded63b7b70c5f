//! The C programs that are compiled and run.

use crate::programs::root;
use anyhow::{Context, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(super) const MODEL: &str = "models/fashion-resnet14.safetensors";

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// The language of a source file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Language {
    C,
    Cpp,
}

impl Language {
    fn compiler(self) -> Command {
        let (compiler, arguments) = match self {
            Self::C => ("cc", ["-std=c11", "-x", "c"]),
            Self::Cpp => ("g++", ["-std=c++11", "-x", "c++"]),
        };
        let mut command = Command::new(compiler);
        command.args(arguments);
        command
    }
}

/// A program to compile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub(super) source: &'static str,
    pub(super) language: Language,
}

impl Program {
    /// A whole program in C.
    pub(super) const fn example(source: &'static str) -> Self {
        Self { source, language: Language::C }
    }

    /// Compiles to a file `name` in `folder`, with all warnings as errors.
    pub(super) fn compile(
        self,
        folder: &Path,
        name: &str,
        flags: &[impl AsRef<str>],
    ) -> anyhow::Result<PathBuf> {
        let program = folder.join(name);
        let mut command = self.language.compiler();
        command.args(["-g", "-pthread"]).args(WARNINGS);
        // What follows are libraries.
        command.arg(self.source).args(["-x", "none"]);
        command.args(flags.iter().map(AsRef::as_ref)).arg("-o").arg(&program);
        output(&mut command)?;
        Ok(program)
    }
}

/// What an example prints of its predictions, after a first line that names the kernels.
pub(super) fn numbers(command: &mut Command) -> anyhow::Result<String> {
    let text = String::from_utf8(output(command)?.stdout).context("the output is not UTF-8")?;
    let (_, numbers) = text.split_once('\n').context("the program printed nothing")?;
    ensure!(numbers.contains("epistemic"), "the program printed no prediction:\n{text}");
    Ok(numbers.to_owned())
}

/// Runs a program at the root of the workspace.
pub(super) fn output(command: &mut Command) -> anyhow::Result<Output> {
    println!("$ {command:?}");
    let output =
        command.current_dir(root()).output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed: {}\n{message}", output.status);
    }
    Ok(output)
}
