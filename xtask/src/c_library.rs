//! The C library: installs it, and tests it as a C program uses it. The test compiles the header and the
//! examples with all warnings against an installed library, links them statically and by pkg-config,
//! and runs them under a memory checker.

mod checker;
mod prefix;
mod programs;

use crate::programs::{run, succeeds};
use crate::skipped::Skipped;
use anyhow::{Context, ensure};
use checker::Checker;
use prefix::Prefix;
use programs::{Language, MODEL, Program, numbers, output};
use std::path::{Path, PathBuf};
use std::process::Command;

const HEADER: &str = "native/c/tests/header.c";

const EXAMPLES: [(&str, Program); 3] = [
    ("predict", Program::example("native/examples/predict.c")),
    ("outputs", Program::example("native/examples/outputs.c")),
    ("merge", Program::example("native/examples/merge.c")),
];

/// Builds the library and installs it to `prefix`.
pub(crate) fn install(prefix: &Path) -> anyhow::Result<()> {
    run("cargo", &["build", "--release", "-p", "bayes8-c"])?;
    let built = build_folder()?.parent().context("profiles have folders")?.join("release");
    let prefix = Prefix::install(&built, prefix)?;
    let lib = prefix.lib();
    println!("installed; pkg-config finds it with PKG_CONFIG_PATH={}/pkgconfig", lib.display());
    Ok(())
}

pub(crate) fn test(skipped: &mut Skipped) -> anyhow::Result<()> {
    if !cfg!(unix) {
        skipped.report("the C library: its test knows the names of libraries on Unix alone");
        return Ok(());
    }
    if !succeeds("cc", &["--version"]) {
        skipped.report("the C library: no C compiler `cc`");
        return Ok(());
    }
    // The features of the workspace's tests: they were compiled just before.
    run("cargo", &["build", "--workspace", "--lib", "--tests"])?;
    let built = build_folder()?;
    let folder = built.join("c-library");
    let prefix = Prefix::install(&built, &folder.join("prefix"))?;
    if !cfg!(target_os = "linux") {
        skipped.report("the C library's soname: only Linux has one to read");
    } else if succeeds("readelf", &["--version"]) {
        prefix.check_soname()?;
    } else {
        skipped.report("the C library's soname: no `readelf`");
    }

    header(&folder, &prefix, skipped)?;
    let shared = shared_flags(&prefix, skipped)?;
    let checker = Checker::find(&folder);
    for (name, example) in EXAMPLES {
        let contains =
            example.compile(&folder, &format!("{name}-static"), &prefix.static_flags())?;
        let loads = example.compile(&folder, &format!("{name}-shared"), &shared)?;
        let expected = numbers(Command::new(contains).arg(MODEL))?;
        ensure!(
            numbers(Command::new(loads).arg(MODEL))? == expected,
            "linked dynamically, {name}.c predicts something else"
        );
        if let Some(checker) = checker {
            checker.test(name, example, &folder, &prefix.static_flags(), &expected)?;
        }
    }
    if checker.is_none() {
        skipped.report("the C library's memory check: no valgrind, no `-fsanitize=address`");
    }
    Ok(())
}

/// The folder in which cargo leaves what it builds in this profile.
fn build_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find the folder of the build")?;
    program.parent().map(Path::to_owned).context("a program lies in a folder")
}

/// The header's macros, as C and as C++.
fn header(folder: &Path, prefix: &Prefix, skipped: &mut Skipped) -> anyhow::Result<()> {
    let check = |language, name| {
        let program = Program { source: HEADER, language };
        let program = program.compile(folder, name, &prefix.static_flags())?;
        output(&mut Command::new(program)).map(drop)
    };
    check(Language::C, "header-c")?;
    if succeeds("g++", &["--version"]) {
        return check(Language::Cpp, "header-cpp");
    }
    skipped.report("the C library's header as C++: no `g++`");
    Ok(())
}

/// Compiler flags of a program that loads the library when it starts: pkg-config's, if there is one.
fn shared_flags(prefix: &Prefix, skipped: &mut Skipped) -> anyhow::Result<Vec<String>> {
    let mut flags = if succeeds("pkg-config", &["--version"]) {
        let version = prefix.pkg_config(&["--modversion"])?;
        ensure!(version == [env!("CARGO_PKG_VERSION")], "pkg-config finds version {version:?}");
        let private = prefix.pkg_config(&["--static", "--libs"])?;
        let needed = &prefix.system_libraries;
        ensure!(
            needed.iter().all(|library| private.contains(library)),
            "pkg-config --static gives {private:?}, which lacks some of {needed:?}"
        );
        prefix.pkg_config(&["--cflags", "--libs"])?
    } else {
        skipped.report("the C library's pkg-config file: no `pkg-config`");
        prefix.shared_flags()
    };
    flags.push(format!("-Wl,-rpath,{}", prefix.lib().display()));
    Ok(flags)
}
