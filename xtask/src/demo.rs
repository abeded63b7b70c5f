//! The web demo: a static site in `web-demo/dist`, with the npm package from this workspace.

use crate::programs::{root, run_command};
use crate::skipped::Skipped;
use crate::tools::{CHROMIUM, FIREFOX};
use crate::web::Package;
use crate::{apps, tools, web};
use anyhow::anyhow;
use std::process::Command;

const FOLDER: &str = "web-demo";

/// Builds the package and the site, and serves the site until it is stopped.
pub(crate) fn serve(port: u16) -> anyhow::Result<()> {
    web::run(true, web::Packer::Direct)?;
    tools::npm_packages(&root().join(FOLDER)).map_err(|reason| anyhow!(reason))?;
    run_command(&mut npm(&["run", "build"]))?;
    let port = port.to_string();
    run_command(&mut npm(&["run", "preview", "--", "--port", &port, "--strictPort"]))
}

/// Checks the types, builds the site and tests it in browsers. Missing browsers are skipped.
pub(crate) fn test(package: &Package, skipped: &mut Skipped) -> anyhow::Result<()> {
    // The package that drives Firefox belongs to the apps.
    let packages = || {
        [FOLDER, apps::FOLDER]
            .iter()
            .try_for_each(|folder| tools::npm_packages(&root().join(folder)))
    };
    if let Err(reason) = package.clone().and_then(|()| packages()) {
        skipped.report(&format!("the web demo: {reason}"));
        return Ok(());
    }
    run_command(&mut npm(&["run", "check"]))?;
    run_command(&mut npm(&["run", "build"]))?;
    run_command(&mut npm(&["run", "size"]))?;
    web::test_in(&[CHROMIUM, FIREFOX], npm(&["test"]), skipped)
}

/// A script of the demo.
fn npm(arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(root().join(FOLDER));
    npm
}
