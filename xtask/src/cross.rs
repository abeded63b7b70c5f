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
    /// With musl: such programs are static, so they need no libraries of their architecture, and the
    /// toolchain links them.
    triple: &'static str,
    /// QEMU, with the options of `cross.toml`.
    emulator: &'static [&'static str],
    /// Whether this kernel runs its programs without an emulator.
    is_native: fn() -> bool,
}

pub(crate) const AARCH64: Target = Target {
    name: "aarch64 in QEMU",
    triple: "aarch64-unknown-linux-musl",
    emulator: &["qemu-aarch64", "-cpu", "max"],
    // QEMU has more instruction sets than most processors.
    is_native: || false,
};

/// 32 bits.
const I686: Target = Target {
    name: "i686",
    triple: "i686-unknown-linux-musl",
    emulator: &["qemu-i386", "-cpu", "max"],
    // Kernels for x86-64 have this setting if they run programs of 32 bits.
    is_native: || Path::new("/proc/sys/abi/vsyscall32").exists(),
};

/// Big-endian. Not s390x: before version 8.1, QEMU multiplies two `f32` to an `f64` wrongly there (the
/// instruction MDEBR), and Debian 12 has 7.2.
const POWERPC64: Target = Target {
    name: "powerpc64 in QEMU",
    triple: "powerpc64-unknown-linux-musl",
    emulator: &["qemu-ppc64"],
    is_native: || false,
};

/// All architectures.
pub(crate) const TARGETS: [Target; 3] = [AARCH64, I686, POWERPC64];

/// Packages whose tests run on other architectures.
const TESTED: [&str; 4] = ["--package", "bayes8-core", "--package", "bayes8-native"];

impl Target {
    /// A subcommand of cargo for the [`TESTED`] packages on this architecture, and the words before a
    /// program that run it. Installs what these need.
    fn cargo(&self, subcommand: &str) -> Result<(Command, &'static [&'static str]), Missing> {
        let Self { triple, emulator, is_native, .. } = self;
        let runner = if is_native() { &[][..] } else { emulator };
        if let Some(program) = runner.first() {
            tools::emulator(program)?;
        }
        tools::rust_target(triple)?;
        let mut cargo = Command::new("cargo");
        cargo.args([subcommand, "--config", CONFIGURATION, "--target", triple]).args(TESTED);
        if is_native() {
            // `env` runs what it is given.
            cargo.args(["--config", &format!("target.{triple}.runner = ['env']")]);
        }
        cargo.current_dir(root());
        Ok((cargo, runner))
    }

    /// The command that tests with fewer random cases, as QEMU is slow. Without examples and those of
    /// the documentation.
    pub(crate) fn test(&self) -> Result<Command, Missing> {
        let (mut cargo, _) = self.cargo("test")?;
        cargo.args(["--lib", "--tests", "--no-fail-fast"]).env("PROPTEST_CASES", "16");
        Ok(cargo)
    }

    /// Commands that compile and that run an example of `bayes8-conformance`. The libraries are
    /// those of [`Target::test`], if that has compiled them: the packages are selected together, so that
    /// the features are the same.
    pub(crate) fn example(&self, name: &str) -> Result<[Command; 2], Missing> {
        let (mut build, runner) = self.cargo("build")?;
        build.args(["--package", "bayes8-conformance", "--example", name]);
        let program = tools::target().join(self.triple).join("debug/examples").join(name);
        let mut run = match runner {
            [] => Command::new(program),
            [emulator, options @ ..] => {
                let mut run = Command::new(emulator);
                run.args(options).arg(program);
                run
            }
        };
        run.current_dir(root());
        Ok([build, run])
    }
}
