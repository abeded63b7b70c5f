//! Names the shared library as programs will look for it when they start.
//!
//! A program that was linked with one library must not start with another that breaks its ABI. Versions
//! 0.1 and 0.2 may, so the name has both numbers (`libbayes8.so.0.1`); from 1.0 on the first suffices.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let [major, minor] = ["CARGO_PKG_VERSION_MAJOR", "CARGO_PKG_VERSION_MINOR"].map(number);
    let version = if major == "0" { format!("{major}.{minor}") } else { major };
    let system = var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let family = var("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
    let name = match (system.as_str(), family.contains("unix")) {
        ("macos" | "ios", _) => format!("-install_name,@rpath/libbayes8.{version}.dylib"),
        (_, true) => format!("-soname,libbayes8.so.{version}"),
        // A DLL is known by its file's name.
        _ => return,
    };
    println!("cargo::rustc-cdylib-link-arg=-Wl,{name}");
}

fn number(name: &str) -> String {
    var(name).expect("Cargo sets a package's version")
}
