//! The C library as a C program uses it: compiles the header and `native/examples/predict.c` with all
//! warnings, links statically and dynamically, and runs the program under a memory checker.

use crate::programs::{root, run, succeeds};
use crate::skipped::Skipped;
use anyhow::{Context, bail, ensure};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// What Rust's standard library needs of the system, where it is linked statically.
const SYSTEM_LIBRARIES: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

const MODEL: &str = "models/fashion-resnet14.safetensors";

/// Exit status that only a memory checker returns.
const FAULT: i32 = 99;

pub(crate) fn test(skipped: &mut Skipped) -> anyhow::Result<()> {
    if !succeeds("cc", &["--version"]) {
        skipped.report("the C library: no C compiler `cc`");
        return Ok(());
    }
    // The features of the workspace's tests: they were compiled just before.
    run("cargo", &["build", "--workspace", "--lib", "--tests"])?;
    let program = std::env::current_exe().context("cannot find the folder of the build")?;
    let built = program.parent().context("a program lies in a folder")?;
    let folder = built.join("c-library");
    std::fs::create_dir_all(&folder).context("cannot make a folder for C programs")?;

    headers(skipped)?;
    let library = built.join("libbayes8.a");
    let linked_statically = folder.join("predict-static");
    compile(&linked_statically, &[], &[library.as_os_str()])?;
    let linked_dynamically = folder.join("predict-dynamic");
    let (search, find) =
        (format!("-L{}", built.display()), format!("-Wl,-rpath,{}", built.display()));
    compile(&linked_dynamically, &[], &[search, "-lbayes8".into(), find])?;

    let expected = numbers(Command::new(linked_statically).arg(MODEL))?;
    ensure!(
        numbers(Command::new(linked_dynamically).arg(MODEL))? == expected,
        "linked dynamically, the C program predicts something else"
    );
    match Checker::find(&folder) {
        Some(checker) => checker.test(&folder, &library, &expected),
        None => {
            skipped.report("the C library's memory check: no valgrind, no `-fsanitize=address`");
            Ok(())
        }
    }
}

/// The header by itself, as C and as C++.
fn headers(skipped: &mut Skipped) -> anyhow::Result<()> {
    let check = |compiler, language: [&str; 3]| {
        let arguments = [&language[..], &WARNINGS, &["-fsyntax-only", "native/c/include/bayes8.h"]];
        run(compiler, &arguments.concat())
    };
    check("cc", ["-std=c11", "-x", "c"])?;
    if succeeds("g++", &["--version"]) {
        check("g++", ["-std=c++11", "-x", "c++"])
    } else {
        skipped.report("the C library's header as C++: no `g++`");
        Ok(())
    }
}

/// Compiles the example to `program`.
fn compile(program: &Path, flags: &[&str], library: &[impl AsRef<OsStr>]) -> anyhow::Result<()> {
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-g", "-Inative/c/include"]).args(WARNINGS).args(flags);
    command.arg("native/examples/predict.c").args(library).args(SYSTEM_LIBRARIES);
    output(command.arg("-o").arg(program)).map(|_| ())
}

/// What the example prints of its predictions, after a first line that names the kernels.
fn numbers(command: &mut Command) -> anyhow::Result<String> {
    let text = String::from_utf8(output(command)?.stdout).context("the output is not UTF-8")?;
    let (_, numbers) = text.split_once('\n').context("the program printed nothing")?;
    ensure!(numbers.contains("epistemic"), "the program printed no prediction:\n{text}");
    Ok(numbers.to_owned())
}

/// Runs a program at the root of the workspace.
fn output(command: &mut Command) -> anyhow::Result<Output> {
    println!("$ {command:?}");
    let output =
        command.current_dir(root()).output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed: {}\n{message}", output.status);
    }
    Ok(output)
}

/// What watches the memory of a program.
#[derive(Clone, Copy, Debug)]
enum Checker {
    Valgrind,
    AddressSanitizer,
}

impl Checker {
    /// The best one that can run a program that does nothing.
    fn find(folder: &Path) -> Option<Self> {
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

    /// Predicts a gradient, then a picture file, then meets an error.
    fn test(self, folder: &Path, library: &Path, expected: &str) -> anyhow::Result<()> {
        let program = folder.join("predict-checked");
        compile(&program, self.flags(), &[library])?;
        ensure!(
            numbers(self.command(&program).arg(MODEL))? == expected,
            "under {self:?} the C program predicts something else"
        );
        numbers(self.command(&program).arg(MODEL).arg(picture(folder)?))?;

        let mut command = self.command(&program);
        command.arg("no-such-model");
        let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(1) && message.contains("cannot read no-such-model"),
            "{command:?} should have named the missing file: {}\n{message}",
            output.status
        );
        println!("the C program has no memory fault that {self:?} can see");
        Ok(())
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Valgrind => &[],
            Self::AddressSanitizer => &["-fsanitize=address"],
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
