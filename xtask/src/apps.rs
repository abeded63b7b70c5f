//! Tests the packed npm package in bundlers, runtimes and browsers, with small apps.

use crate::programs::root;
use crate::skipped::Skipped;
use crate::tools::{self, CHROMIUM, FIREFOX};
use crate::web::{self, Package};
use std::process::Command;

pub(crate) const FOLDER: &str = "tests/web/apps";

/// Builds and runs all apps. Apps whose tools are missing are skipped.
pub(crate) fn test(package: &Package, skipped: &mut Skipped) -> anyhow::Result<()> {
    let folder = root().join(FOLDER);
    if let Err(reason) = package.clone().and_then(|()| tools::npm_packages(&folder)) {
        skipped.report(&format!("bundlers and runtimes: {reason}"));
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.arg("test").current_dir(folder);
    web::test_in(&[CHROMIUM, FIREFOX], npm, skipped)
}
