//! Memory checkers: programs of the C library run under the best that the machine has.

use super::programs::{MODEL, Program, numbers};
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Exit status that only a memory checker returns.
const FAULT: i32 = 99;

/// What watches the memory of a program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Checker {
    Valgrind,
    AddressSanitizer,
}

impl Checker {
    /// The best one that can run a program that does nothing.
    pub(super) fn find(folder: &Path) -> Option<Self> {
        let (source, program) = (folder.join("nothing.c"), folder.join("nothing"));
        std::fs::write(&source, "int main(void) { return 0; }\n").ok()?;
        [Self::Valgrind, Self::AddressSanitizer].into_iter().find(|checker| {
            let mut compiler = Command::new("cc");
            compiler.args(checker.flags()).arg(&source).arg("-o").arg(&program);
            [compiler, checker.command(&program)]
                .iter_mut()
                .all(|command| command.output().is_ok_and(|output| output.status.success()))
        })
    }

    /// Runs an example with a model, then with a model that does not exist.
    pub(super) fn test(
        self,
        name: &str,
        example: Program,
        folder: &Path,
        library: &[String],
        expected: &str,
    ) -> anyhow::Result<()> {
        let flags: Vec<_> = library.iter().map(String::as_str).chain(self.flags()).collect();
        let program = example.compile(folder, &format!("{name}-checked"), &flags)?;
        ensure!(
            numbers(self.command(&program).arg(MODEL))? == expected,
            "under {self:?} {name}.c predicts something else"
        );
        if name == "predict" {
            numbers(self.command(&program).arg(MODEL).arg(picture(folder)?))?;
        }

        let mut command = self.command(&program);
        command.arg("no-such-model");
        let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(1) && message.contains("cannot read no-such-model"),
            "{command:?} should have named the missing file: {}\n{message}",
            output.status
        );
        println!("{name}.c has no memory fault that {self:?} can see");
        Ok(())
    }

    fn flags(self) -> Option<&'static str> {
        match self {
            Self::Valgrind => None,
            Self::AddressSanitizer => Some("-fsanitize=address"),
        }
    }

    /// A command that runs `program` with the kernels that it detects.
    fn command(self, program: &Path) -> Command {
        let mut command = match self {
            Self::Valgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(["--quiet", "--leak-check=full"]);
                valgrind.arg(format!("--error-exitcode={FAULT}")).arg(program);
                valgrind
            }
            Self::AddressSanitizer => {
                let mut program = Command::new(program);
                program.env("ASAN_OPTIONS", format!("exitcode={FAULT}:detect_leaks=1"));
                program
            }
        };
        // valgrind shows a program a smaller processor, which may lack what the variable asks for.
        command.env_remove("BAYES8_ISA");
        command
    }
}

/// A picture file of the size that the model takes.
fn picture(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("picture.pgm");
    let pixels = (0..28 * 28).map(|i| (i % 251) as u8);
    let file: Vec<u8> = b"P5\n28 28\n255\n".iter().copied().chain(pixels).collect();
    std::fs::write(&path, file).context("cannot write a picture")?;
    Ok(path)
}
