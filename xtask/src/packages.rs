//! The crates as `cargo publish` would upload them.

use crate::programs::{output, root, run};
use crate::tools;
use anyhow::{Context, ensure};
use std::fs;

/// A package only has sources. Vectors, models and pictures stay in the repository.
const MOST_BYTES: u64 = 250 << 10;

/// Packs every crate that is published, in the order of their dependencies, and checks the sizes. The
/// packed sources are not compiled, since the tests compile the same sources.
pub(crate) fn check() -> anyhow::Result<()> {
    let names = published()?;
    let mut arguments = vec!["package", "--no-verify", "--allow-dirty"];
    arguments.extend(names.iter().flat_map(|name| ["--package", name]));
    run("cargo", &arguments)?;
    for name in &names {
        let file = format!("{name}-{}.crate", env!("CARGO_PKG_VERSION"));
        let path = tools::target().join("package").join(&file);
        let size = fs::metadata(&path).with_context(|| format!("no {}", path.display()))?.len();
        println!("{file}: {} kB", size >> 10);
        ensure!(size <= MOST_BYTES, "{file} has {size} bytes, at most {MOST_BYTES} are expected");
    }
    Ok(())
}

/// The names of the crates that are published.
fn published() -> anyhow::Result<Vec<String>> {
    let metadata = output("cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).context("cargo's metadata is not JSON")?;
    let packages = metadata["packages"].as_array().context("cargo's metadata has no packages")?;
    // `publish = false` is an empty list of registries.
    let names = packages.iter().filter(|package| package["publish"].is_null());
    let names: Vec<_> = names.filter_map(|p| p["name"].as_str().map(str::to_owned)).collect();
    ensure!(names.iter().any(|name| name == "bayes8"), "no crate `bayes8` in {}", root().display());
    Ok(names)
}
