//! Runs the native tests again as on a processor with fewer instruction sets. `BAYES8_HIDE` hides the
//! others.

use crate::programs::{root, shown};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders of the packages whose tests run kernels.
const FOLDERS: [&str; 3] = ["native", "native/c", "tests"];

/// Runs the test programs of [`FOLDERS`] without the instruction sets `hide`. They are the programs of
/// `cargo test --workspace`, so nothing is compiled for this.
pub(crate) fn test(hide: &str) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for (folder, program) in programs()? {
        let mut command = Command::new(&program);
        command.env("BAYES8_HIDE", hide).env_remove("BAYES8_ISA").current_dir(&folder);
        // Emulated instructions are the same whatever is hidden: `cargo test` has run them.
        command.env("BAYES8_EMULATE", "0");
        println!("$ BAYES8_HIDE={hide} {}", shown(&command));
        let status = command.status();
        let status = status.with_context(|| format!("cannot run {}", program.display()))?;
        if !status.success() {
            failed.push(program.display().to_string());
        }
    }
    ensure!(failed.is_empty(), "with BAYES8_HIDE={hide} failed: {}", failed.join(", "));
    Ok(())
}

/// The test programs, each with the folder of its package, in which cargo runs it.
fn programs() -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
    println!("$ {}", shown(&cargo));
    let output = cargo.current_dir(root()).stderr(std::process::Stdio::inherit()).output();
    let output = output.context("cannot run cargo")?;
    ensure!(output.status.success(), "the tests cannot be compiled");
    let messages = String::from_utf8(output.stdout).context("cargo's messages are not UTF-8")?;
    let programs: Vec<_> = messages.lines().filter_map(|line| program(line, root())).collect();
    ensure!(!programs.is_empty(), "cargo named no test program of {}", FOLDERS.join(", "));
    Ok(programs)
}

/// The folder and the test program in a message of cargo, if it is about one of [`FOLDERS`].
fn program(message: &str, root: &Path) -> Option<(PathBuf, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let is_ours = FOLDERS.iter().any(|ours| folder == root.join(ours));
    let is_test = message["profile"]["test"].as_bool()?;
    (is_ours && is_test).then_some((folder.into(), message["executable"].as_str()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_cargo_s_messages_only_test_programs_of_native_packages_count() {
        let message = |folder: &str, test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/bayes8/{folder}/Cargo.toml",
                "profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let found = |message: &str| program(message, Path::new("/bayes8"));
        let expected = Some(("/bayes8/native/c".into(), "/target/bayes8-1".into()));
        assert_eq!(found(&message("native/c", true, r#""/target/bayes8-1""#)), expected);
        assert_eq!(found(&message("native", false, r#""/target/gemm""#)), None, "an example");
        assert_eq!(found(&message("core", true, r#""/target/core-1""#)), None);
        assert_eq!(found(&message("native", true, "null")), None, "no program");
        assert_eq!(found(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
