//! `cargo xtask structure`: checks that files are small, and that the files of a crate, or of a folder
//! of TypeScript, do not import each other in a cycle.

mod imports;
mod modules;
mod names;
mod typescript;

use crate::programs::{output, root};
use anyhow::{Context, ensure};
use imports::{Files, Imports};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Most lines of a source file.
const MOST_LINES: usize = 400;

/// Extensions of source files.
const SOURCES: [&str; 5] = ["rs", "ts", "js", "mjs", "py"];

/// Folders of TypeScript.
const TYPESCRIPT: [&str; 2] = ["wasm/npm/src", "web-demo/src"];

/// Prints every cycle of files and every file that is too long.
///
/// # Errors
/// If it finds any, or if a file cannot be read.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut faults = 0;
    for (name, crate_root) in crate_roots()? {
        let files = read(crate_root.parent().context("a crate is in a folder")?, "rs")?;
        let imports = modules::imports(&files, &crate_root)
            .with_context(|| format!("cannot find the modules of {name}"))?;
        faults += print_cycles(&name, &imports);
    }
    for folder in TYPESCRIPT {
        let files = read(Path::new(folder), "ts")?;
        faults += print_cycles(folder, &typescript::imports(&files));
    }
    for (file, lines) in long_files()? {
        println!("too long: {} has {lines} lines, {MOST_LINES} at most", file.display());
        faults += 1;
    }
    ensure!(faults == 0, "{faults} faults of structure, printed above");
    Ok(())
}

/// Prints the cycles among `imports`, and returns their number.
fn print_cycles(name: &str, imports: &Imports) -> usize {
    let cycles = imports.cycles();
    for cycle in &cycles {
        println!("cycle in {name}:");
        for import in cycle {
            let [from, to] = [&import.from, &import.to].map(|file| file.display());
            println!("  {from}:{} imports {to}", import.line);
        }
    }
    cycles.len()
}

/// Name and first file of each library and program of the workspace.
fn crate_roots() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let text = output("cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&text).context("cargo's metadata is not JSON")?;
    let packages = metadata["packages"].as_array().context("metadata has packages")?;
    let mut roots = Vec::new();
    for target in packages.iter().filter_map(|package| package["targets"].as_array()).flatten() {
        let kinds = target["kind"].as_array().context("a target has kinds")?;
        if kinds
            .iter()
            .any(|kind| ["lib", "rlib", "cdylib", "bin"].map(Some).contains(&kind.as_str()))
        {
            let name = target["name"].as_str().context("a target has a name")?;
            let path = Path::new(target["src_path"].as_str().context("a target has a file")?);
            roots.push((name.into(), path.strip_prefix(root())?.into()));
        }
    }
    Ok(roots)
}

/// All files in `folder` with this extension.
fn read(folder: &Path, extension: &str) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder);
        for entry in entries.with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path);
                let text = text.with_context(|| format!("cannot read {}", path.display()))?;
                files.insert(path.strip_prefix(root())?.into(), text);
            }
        }
    }
    Ok(files)
}

/// Source files with more than [`MOST_LINES`] lines, and their number of lines.
fn long_files() -> anyhow::Result<Vec<(PathBuf, usize)>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let mut long = Vec::new();
    for file in output("git", &arguments)?.lines().map(Path::new) {
        let is_source = file.extension().is_some_and(|found| SOURCES.iter().any(|&s| found == s));
        let path = root().join(file);
        // Git still lists files that were deleted since the last commit.
        if is_source && path.exists() {
            let text = fs::read_to_string(&path);
            let lines =
                text.with_context(|| format!("cannot read {}", file.display()))?.lines().count();
            if lines > MOST_LINES {
                long.push((file.into(), lines));
            }
        }
    }
    Ok(long)
}
