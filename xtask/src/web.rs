//! Builds the npm package: both WebAssembly modules with one glue, then the TypeScript around them.

use crate::programs::{root, run_command, stream};
use crate::skipped::Skipped;
use crate::tools::{self, Browser, CHROMIUM, Missing};
use crate::wasm_module::{Instructions, TARGET, check_the_check};
use anyhow::{Context, anyhow, ensure};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Version of wasm-pack, which makes modules and glue with the wasm-bindgen of `Cargo.lock`.
const WASM_PACK: &str = "0.15.1";

/// The crate of the package, and how it is compiled.
const CRATE: &str = "bayes8-wasm";
const PROFILE: &str = "web";

/// The target of the kernels' tests, which can print, and what runs them in the folder of [`CRATE`].
const TESTED: &str = "wasm32-wasip1";
const RUNNER: (&str, &str) =
    ("CARGO_TARGET_WASM32_WASIP1_RUNNER", "node --no-warnings checks/run.js");

/// Folders of the npm package, of its modules, and of the programs from npm.
const PACKAGE: &str = "wasm/npm";
const MODULES: &str = "wasm/npm/wasm";
const PROGRAMS: &str = "wasm/tools";

/// The probe, which finds out how an engine computes relaxed dot products.
const PROBE: &str = "wasm/npm/src/probe.wat";

/// The files that both modules share, under the names of wasm-pack.
const GLUE: [&str; 2] = ["bayes8.js", "bayes8.d.ts"];

/// How modules and glue are made from the crate. Both ways give the same bytes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Packer {
    /// With wasm-pack.
    WasmPack,
    /// With cargo and wasm-bindgen, which wasm-pack calls. Saves compiling wasm-pack.
    Direct,
}

/// Builds the package and packs it for `npm install`. An error says what is missing.
pub(crate) fn run(optimize: bool, packer: Packer) -> anyhow::Result<()> {
    install(packer).map_err(|reason| anyhow!(reason))?;
    build(optimize, packer)?;
    let packages = tools::target().join("npm");
    fs::create_dir_all(&packages).with_context(|| format!("cannot make {}", packages.display()))?;
    let mut pack = npm(&["pack", "--ignore-scripts", "--silent", "--pack-destination"]);
    let output = pack.arg(&packages).output().context("cannot run npm")?;
    let name = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "npm pack: {}", String::from_utf8_lossy(&output.stderr));
    println!("To use it: npm install {}", packages.join(name.trim()).display());
    Ok(())
}

/// `Ok` if the package is built, or else what is missing for it.
pub(crate) type Package = Result<(), Missing>;

/// Builds the package. Skips it if something is missing.
pub(crate) fn prepare(skipped: &mut Skipped) -> anyhow::Result<Package> {
    if let Err(reason) = install(Packer::Direct) {
        skipped.report(&format!("the npm package: {reason}"));
        return Ok(Err(reason));
    }
    build(true, Packer::Direct)?;
    Ok(Ok(()))
}

/// Lints the crate of the package, compiled for the web.
pub(crate) fn lint(package: &Package) -> anyhow::Result<()> {
    if package.is_err() {
        return Ok(());
    }
    let mut clippy = Command::new("cargo");
    clippy.args(["clippy", "--package", CRATE, "--target", TARGET]);
    clippy.args(["--", "-D", "warnings"]);
    run_command(compiler(&mut clippy, Instructions::Relaxed))
}

/// Tests the kernels of both modules in Node.
pub(crate) fn test_kernels(package: &Package, skipped: &mut Skipped) -> anyhow::Result<()> {
    if package.is_err() {
        return Ok(());
    }
    if let Err(reason) = tools::rust_target(TESTED) {
        skipped.report(&format!("the kernels of the npm package: {reason}"));
        return Ok(());
    }
    for instructions in Instructions::ALL {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--package", CRATE, "--lib", "--target", TESTED]);
        run_command(compiler(&mut cargo, instructions).env(RUNNER.0, RUNNER.1))?;
    }
    Ok(())
}

/// Tests the package in Node and Chromium. A missing browser is skipped.
pub(crate) fn test(package: &Package, skipped: &mut Skipped) -> anyhow::Result<()> {
    if package.is_err() {
        return Ok(());
    }
    test_in(&[CHROMIUM], npm(&["test"]), skipped)
}

/// Runs tests with the browsers that are found. The tests themselves report what they skip.
pub(crate) fn test_in(
    browsers: &[Browser],
    mut npm: Command,
    skipped: &mut Skipped,
) -> anyhow::Result<()> {
    for browser in browsers {
        match browser.find() {
            Ok(path) => {
                npm.env(browser.variable, path);
            }
            Err(reason) => println!("{reason}"),
        }
    }
    stream(&mut npm, |line| {
        skipped.notices(line);
        println!("{line}");
    })
}

/// Installs everything that the build needs.
fn install(packer: Packer) -> Result<(), Missing> {
    tools::node()?;
    tools::rust_target(TARGET)?;
    let bindgen = tools::locked_version("wasm-bindgen")?;
    tools::cargo_program("wasm-bindgen-cli", "wasm-bindgen", &bindgen, &[])?;
    if packer == Packer::WasmPack {
        tools::cargo_program("wasm-pack", "wasm-pack", WASM_PACK, &[])?;
    }
    tools::npm_packages(&root().join(PROGRAMS))?;
    tools::npm_packages(&root().join(PACKAGE))
}

/// Builds modules and package.
fn build(optimize: bool, packer: Packer) -> anyhow::Result<()> {
    let folder = tools::target().join("wasm-pack");
    let [baseline, relaxed] =
        Instructions::ALL.map(|instructions| pack(instructions, &folder, packer));
    let (baseline, relaxed) = (baseline?, relaxed?);
    let modules = root().join(MODULES);
    fs::create_dir_all(&modules).with_context(|| format!("cannot make {}", modules.display()))?;
    for file in GLUE {
        let [glue, other] = [&baseline, &relaxed].map(|folder| fs::read(folder.join(file)));
        let glue = glue.with_context(|| format!("wasm-pack wrote no {file}"))?;
        ensure!(other.is_ok_and(|other| other == glue), "the modules differ in their {file}");
        fs::write(modules.join(file), glue).with_context(|| format!("cannot write {file}"))?;
    }
    for (instructions, packed) in
        [(Instructions::Baseline, baseline), (Instructions::Relaxed, relaxed)]
    {
        let (from, to) = (packed.join("bayes8_bg.wasm"), modules.join(instructions.file()));
        if optimize {
            // The module itself says which instructions it may use.
            let mut wasm_opt = binaryen("wasm-opt");
            // LLVM has optimized for speed: -O3 makes the module larger and not faster. Large functions
            // with one caller compress better on their own.
            wasm_opt.args(["-O2", "--one-caller-inline-max-function-size=50"]);
            wasm_opt.args(["--strip-producers", "--strip-target-features"]);
            run_command(wasm_opt.arg(from).arg("-o").arg(&to))?;
        } else {
            fs::copy(from, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
        instructions.check(&to)?;
    }
    check_the_check(&folder)?;
    let mut wasm_as = binaryen("wasm-as");
    wasm_as.args(["--enable-simd", "--enable-relaxed-simd", PROBE]);
    run_command(wasm_as.arg("-o").arg(modules.join("probe.wasm")))?;
    run_command(&mut npm(&["run", "build"]))?;
    if optimize {
        run_command(&mut npm(&["run", "size"]))?;
    }
    Ok(())
}

/// Compiles one module with its glue. Returns their folder.
fn pack(instructions: Instructions, folder: &Path, packer: Packer) -> anyhow::Result<PathBuf> {
    let packed = folder.join(format!("{instructions:?}").to_lowercase());
    if packer == Packer::Direct {
        let mut cargo = Command::new("cargo");
        cargo.args([
            "build",
            "--lib",
            "--package",
            CRATE,
            "--profile",
            PROFILE,
            "--target",
            TARGET,
        ]);
        run_command(compiler(&mut cargo, instructions))?;
        let module = tools::target().join(TARGET).join(PROFILE).join("bayes8_wasm.wasm");
        let mut bindgen = Command::new(tools::bin().join("wasm-bindgen"));
        bindgen.arg(module).args(["--target", "web", "--omit-default-module-path"]);
        run_command(bindgen.args(["--out-name", "bayes8", "--out-dir"]).arg(&packed))?;
        return Ok(packed);
    }
    let mut wasm_pack = Command::new(tools::bin().join("wasm-pack"));
    wasm_pack.args([
        "build",
        "wasm",
        "--profile",
        PROFILE,
        "--target",
        "web",
        "--mode",
        "no-install",
    ]);
    wasm_pack.args(["--no-pack", "--no-gitignore", "--out-name", "bayes8", "--out-dir"]);
    wasm_pack.arg(&packed).env("PATH", path_with_tools()?);
    run_command(compiler(&mut wasm_pack, instructions))?;
    Ok(packed)
}

/// Makes `command` compile for `instructions`, without the folders of this machine: a module contains
/// the file names of its panics.
fn compiler(command: &mut Command, instructions: Instructions) -> &mut Command {
    let mut flags = vec![format!("-Ctarget-feature={}", instructions.target_features())];
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    flags.extend(home.map(|home| format!("--remap-path-prefix={}=cargo", home.display())));
    flags.push(format!("--remap-path-prefix={}=bayes8", root().display()));
    // Unlike RUSTFLAGS, this may contain spaces.
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
}

/// The value of `PATH`, with the programs of this build first.
fn path_with_tools() -> anyhow::Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = [tools::bin()].into_iter().chain(env::split_paths(&path));
    env::join_paths(directories).context("the path of the tools cannot be in PATH")
}

/// A command that runs a program of binaryen.
fn binaryen(program: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(format!("{PROGRAMS}/node_modules/binaryen/bin/{program}"));
    node
}

/// A command that runs npm in the package.
fn npm(arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(root().join(PACKAGE));
    npm
}
