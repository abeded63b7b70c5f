//! Finds the programs that chores need, and installs missing ones. Each function fails with a
//! reason that can follow `SKIPPED: ...`, and needs the network only the first time.

use crate::programs::{root, shown, succeeds};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The reason why a program is missing.
pub(crate) type Missing = String;

/// Adds a target of the toolchain.
pub(crate) fn rust_target(target: &str) -> Result<(), Missing> {
    if sysroot().is_some_and(|root| root.join("lib/rustlib").join(target).is_dir()) {
        return Ok(());
    }
    let added = install(Command::new("rustup").args(["target", "add", target]));
    added.map_err(|reason| format!("no target {target}: {reason}"))
}

/// The folder of the toolchain, which has its targets.
fn sysroot() -> Option<PathBuf> {
    let mut rustc = Command::new("rustc");
    let output = rustc.args(["--print", "sysroot"]).current_dir(root()).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().into())
}

/// Folder of the programs that [`cargo_program`] installs.
pub(crate) fn bin() -> PathBuf {
    tools().join("bin")
}

fn tools() -> PathBuf {
    target().join("tools")
}

/// Folder of build outputs.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()))
}

/// Installs a program of crates.io in exactly this version, in [`bin`], with further `options` of
/// `cargo install`. It is built without optimization: these programs run for seconds, but compiling
/// them takes minutes.
pub(crate) fn cargo_program(
    package: &str,
    program: &str,
    version: &str,
    options: &[&str],
) -> Result<(), Missing> {
    let reports = Command::new(bin().join(program)).arg("--version").output();
    let reports = reports.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    // `name 1.2.3` or `name v1.2.3`.
    let is_installed = |text: String| {
        let number = text.split_whitespace().nth(1).map(|word| word.trim_start_matches('v'));
        number == Some(version)
    };
    if reports.is_ok_and(is_installed) {
        return Ok(());
    }
    println!("{package} {version} is missing: compiling it takes about two minutes, once");
    let mut cargo = Command::new("cargo");
    cargo.args(["install", package, "--version", version, "--bin", program, "--debug", "--force"]);
    cargo.args(options).arg("--root").arg(tools()).env("CARGO_TARGET_DIR", tools().join("build"));
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false");
    install(&mut cargo).map_err(|reason| format!("no {package} {version}: {reason}"))?;
    // Large, and not needed any more.
    let _ = fs::remove_dir_all(tools().join("build"));
    Ok(())
}

/// Makes a virtual environment of Python under [`target`], installs `packages` with pip, and returns the folder of
/// its programs.
pub(crate) fn python_environment(name: &str, packages: &[&str]) -> Result<PathBuf, Missing> {
    let folder = target().join(name);
    let (programs, python) = match cfg!(windows) {
        true => (folder.join("Scripts"), "python"),
        false => (folder.join("bin"), "python3"),
    };
    if !succeeds(programs.join("python"), &["-m", "pip", "--version"]) {
        let made = install(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder));
        made.map_err(|reason| format!("no virtual environment of {python}: {reason}"))?;
    }
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    install(&mut pip).map_err(|reason| format!("pip: {reason}"))?;
    Ok(programs)
}

/// The version of a crate in `Cargo.lock`.
pub(crate) fn locked_version(package: &str) -> Result<String, Missing> {
    let path = root().join("Cargo.lock");
    let lock = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let entry = format!("name = \"{package}\"\nversion = \"");
    let version = lock.split_once(&entry).and_then(|(_, rest)| rest.split_once('"'));
    let (version, _) = version.ok_or_else(|| format!("Cargo.lock has no {package}"))?;
    Ok(version.into())
}

/// Checks that Node and npm are there.
pub(crate) fn node() -> Result<(), Missing> {
    for program in ["node", "npm"] {
        if !succeeds(program, &["--version"]) {
            return Err(format!("no `{program}`: install Node 20 or later (https://nodejs.org)"));
        }
    }
    Ok(())
}

/// Installs the packages of `folder/package-lock.json` in `folder/node_modules`.
pub(crate) fn npm_packages(folder: &Path) -> Result<(), Missing> {
    // npm writes the second file when it has installed the packages of the first.
    let changed = |file: &str| fs::metadata(folder.join(file)).and_then(|file| file.modified());
    let wanted = changed("package-lock.json").map_err(|error| format!("no lock file: {error}"))?;
    if changed("node_modules/.package-lock.json").is_ok_and(|installed| installed >= wanted) {
        return Ok(());
    }
    let installed = install(Command::new("npm").arg("ci").arg("--prefix").arg(folder));
    installed.map_err(|reason| format!("no npm packages of {}: {reason}", folder.display()))
}

/// A browser for tests.
#[derive(Clone, Copy)]
pub(crate) struct Browser {
    name: &'static str,
    /// Environment variable with its path, which tests read too.
    pub(crate) variable: &'static str,
    /// Its names on the `PATH`. The first is also the name of Debian's package.
    programs: &'static [&'static str],
}

pub(crate) const CHROMIUM: Browser = Browser {
    name: "Chromium",
    variable: "BAYES8_CHROMIUM",
    programs: &["chromium", "chromium-browser", "google-chrome"],
};

pub(crate) const FIREFOX: Browser =
    Browser { name: "Firefox", variable: "BAYES8_FIREFOX", programs: &["firefox-esr", "firefox"] };

impl Browser {
    /// The path from the variable or the `PATH`. Installs the browser for root on Debian.
    pub(crate) fn find(self) -> Result<PathBuf, Missing> {
        let Self { name, variable, programs } = self;
        if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
            return match succeeds(&path, &["--version"]) {
                true => Ok(path.into()),
                false => Err(format!("{variable}, {}, does not run", path.display())),
            };
        }
        let find = || {
            programs.iter().find_map(|name| {
                let directories = env::var_os("PATH")?;
                let mut paths =
                    env::split_paths(&directories).map(|directory| directory.join(name));
                paths.find(|path| succeeds(path, &["--version"]))
            })
        };
        let missing = format!("no {name}: install it or set {variable} to the path of one");
        find_or_install(find, programs[0], missing)
    }
}

/// Finds an emulator of QEMU, such as `qemu-aarch64`. Installs it for root on Debian.
pub(crate) fn emulator(program: &str) -> Result<(), Missing> {
    let find = || succeeds(program, &["--version"]).then_some(());
    let missing = format!("no {program}: install QEMU's user mode (Debian's package qemu-user)");
    find_or_install(find, "qemu-user", missing)
}

/// Finds a program. If it is `missing`, installs Debian's `package` for root on Debian, and looks
/// again.
fn find_or_install<T>(
    find: impl Fn() -> Option<T>,
    package: &str,
    missing: Missing,
) -> Result<T, Missing> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if !succeeds("apt-get", &["--version"]) || !is_root() {
        return Err(missing);
    }
    let apt = |arguments: &[&str]| {
        install(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"])
        .and_then(|()| apt(&["install", "--yes", "--no-install-recommends", package]))
        .map_err(|reason| format!("{missing}; apt-get: {reason}"))?;
    find().ok_or(missing)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Runs an installer in the root of the workspace. Its output is shown only if it fails; the last line
/// is the reason.
fn install(command: &mut Command) -> Result<(), Missing> {
    println!("$ {}", shown(command));
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.current_dir(root()).output();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    eprint!("{complaint}");
    let last = complaint.lines().rfind(|line| !line.trim().is_empty());
    Err(last.map_or_else(|| format!("{program} failed"), |line| line.trim().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock_file() {
        let version = locked_version("wasm-bindgen").unwrap();
        assert!(version.split('.').count() == 3 && !version.contains('"'), "{version}");
        assert!(locked_version("no-such-crate").unwrap_err().contains("no-such-crate"));
    }

    #[test]
    fn an_installer_that_fails_gives_its_last_line() {
        let reason = install(Command::new("cargo").arg("no-such-command")).unwrap_err();
        assert!(!reason.is_empty() && !reason.contains('\n'), "{reason}");
        let reason = install(&mut Command::new("no-such-program")).unwrap_err();
        assert!(reason.starts_with("cannot run no-such-program"), "{reason}");
    }
}
