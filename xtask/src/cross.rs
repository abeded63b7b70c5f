//! Programs for other architectures, which run in QEMU. `cross.toml` tells cargo how.

use crate::programs::root;
use crate::tools::{self, Missing};
use std::path::Path;
use std::process::Command;

/// The configuration of cargo, from the root of the workspace.
const CONFIGURATION: &str = "xtask/cross.toml";

/// An architecture.
pub(crate) struct Target {
    /// Name in the table of conformance.
    pub(crate) name: &'static str,
    /// With musl: such programs are static, so they need no libraries of their architecture.
    triple: &'static str,
    emulator: &'static str,
    /// Whether this kernel runs its programs without an emulator.
    is_native: fn() -> bool,
}

pub(crate) const AARCH64: Target = Target {
    name: "aarch64 in QEMU",
    triple: "aarch64-unknown-linux-musl",
    emulator: "qemu-aarch64",
    // QEMU has more instruction sets than most processors.
    is_native: || false,
};

/// 32 bits.
const I686: Target = Target {
    name: "i686",
    triple: "i686-unknown-linux-musl",
    emulator: "qemu-i386",
    // Kernels for x86-64 have this setting if they run programs of 32 bits.
    is_native: || Path::new("/proc/sys/abi/vsyscall32").exists(),
};

/// Big-endian.
const POWERPC64: Target = Target {
    name: "powerpc64 in QEMU",
    triple: "powerpc64-unknown-linux-musl",
    emulator: "qemu-ppc64",
    is_native: || false,
};

/// All architectures.
pub(crate) const TARGETS: [Target; 3] = [AARCH64, I686, POWERPC64];

impl Target {
    /// A subcommand of cargo for this architecture. Installs what it needs to compile and run
    /// programs.
    pub(crate) fn cargo(&self, subcommand: &str) -> Result<Command, Missing> {
        let Self { triple, emulator, is_native, .. } = self;
        tools::rust_target(triple)?;
        let mut cargo = Command::new("cargo");
        cargo.args([subcommand, "--config", CONFIGURATION, "--target", triple]);
        if is_native() {
            // `env` runs what it is given.
            cargo.args(["--config", &format!("target.{triple}.runner = ['env']")]);
        } else {
            tools::emulator(emulator)?;
        }
        cargo.current_dir(root());
        Ok(cargo)
    }
}
