//! The C library as packages and programs expect it: a folder with `include` and `lib`.

use crate::programs::{output, root};
use anyhow::{Context, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package's version, which is the workspace's.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A folder that the library was installed to.
#[derive(Debug)]
pub(super) struct Prefix {
    folder: PathBuf,
    /// Libraries of the system that a program needs which contains the library, such as `-lm`.
    pub(super) system_libraries: Vec<String>,
}

impl Prefix {
    /// Copies header and libraries from the folder `built`, in which cargo left them, to `folder`.
    pub(super) fn install(built: &Path, folder: &Path) -> anyhow::Result<Self> {
        let folder = std::path::absolute(folder).context("the prefix is not a path")?;
        let prefix = Self { folder, system_libraries: system_libraries(built)? };
        let (include, lib) = (prefix.folder.join("include"), prefix.lib());
        for folder in [&include, &lib.join("pkgconfig")] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        copy(&root().join("native/c/include/bayes8.h"), &include.join("bayes8.h"))?;
        copy(&built.join("libbayes8.a"), &prefix.archive())?;

        // Programs are linked with the first name, and look for the second, the soname, when they start.
        let [name, soname, file] = shared_names();
        copy(&built.join(&name), &lib.join(&file))?;
        link(&file, &lib.join(&soname))?;
        link(&soname, &lib.join(&name))?;

        let template = root().join("native/c/bayes8.pc.in");
        let template = fs::read_to_string(template).context("cannot read bayes8.pc.in")?;
        let description = template
            .replace("@VERSION@", VERSION)
            .replace("@LIBS_PRIVATE@", &prefix.system_libraries.join(" "));
        fs::write(lib.join("pkgconfig/bayes8.pc"), description)
            .context("cannot write bayes8.pc")?;
        Ok(prefix)
    }

    pub(super) fn lib(&self) -> PathBuf {
        self.folder.join("lib")
    }

    fn archive(&self) -> PathBuf {
        self.lib().join("libbayes8.a")
    }

    fn include_flag(&self) -> String {
        format!("-I{}", self.folder.join("include").display())
    }

    /// Compiler flags of a program that contains the library.
    pub(super) fn static_flags(&self) -> Vec<String> {
        let mut flags = vec![self.include_flag(), self.archive().display().to_string()];
        flags.extend_from_slice(&self.system_libraries);
        flags
    }

    /// Compiler flags of a program that loads the library when it starts.
    pub(super) fn shared_flags(&self) -> Vec<String> {
        vec![self.include_flag(), format!("-L{}", self.lib().display()), "-lbayes8".to_owned()]
    }

    /// The flags that pkg-config prints.
    pub(super) fn pkg_config(&self, arguments: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut command = Command::new("pkg-config");
        command.args(arguments).arg("bayes8");
        command.env("PKG_CONFIG_PATH", self.lib().join("pkgconfig"));
        let output = command.output().context("cannot run pkg-config")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pkg-config failed: {}", errors.trim());
        let flags = String::from_utf8(output.stdout).context("pkg-config prints no UTF-8")?;
        Ok(flags.split_whitespace().map(str::to_owned).collect())
    }

    /// Checks that the soname is the name of the link, else programs would not find the library.
    pub(super) fn check_soname(&self) -> anyhow::Result<()> {
        let [name, soname, _] = shared_names();
        let path = self.lib().join(name);
        let path = path.to_str().context("the prefix is not UTF-8")?;
        let dynamic = output("readelf", &["--dynamic", "--wide", path])?;
        let expected = format!("Library soname: [{soname}]");
        ensure!(dynamic.contains(&expected), "{path} has no `{expected}`:\n{dynamic}");
        Ok(())
    }
}

/// Names of the shared library: as the linker looks for it, as programs look for it, and the file.
fn shared_names() -> [String; 3] {
    let mut numbers = VERSION.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    // As in native/c/build.rs.
    let abi = if major == "0" { format!("{major}.{minor}") } else { major.to_owned() };
    if cfg!(target_vendor = "apple") {
        ["".into(), format!(".{abi}"), format!(".{VERSION}")].map(|v| format!("libbayes8{v}.dylib"))
    } else {
        ["".into(), format!(".{abi}"), format!(".{VERSION}")].map(|v| format!("libbayes8.so{v}"))
    }
}

/// The system's libraries that Rust's standard library needs, without those that every compiler adds.
fn system_libraries(folder: &Path) -> anyhow::Result<Vec<String>> {
    const LINE: &str = "note: native-static-libs: ";
    let (source, archive) = (folder.join("nothing.rs"), folder.join("libnothing.a"));
    fs::write(&source, "").context("cannot write a source file")?;
    let mut rustc = Command::new("rustc");
    rustc.args(["--crate-type", "staticlib", "--print", "native-static-libs"]);
    let output = rustc.arg(&source).arg("-o").arg(&archive).output().context("cannot run rustc")?;
    for file in [source, archive] {
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    let notes = String::from_utf8_lossy(&output.stderr);
    let libraries = notes.lines().find_map(|line| line.strip_prefix(LINE));
    let libraries = libraries.with_context(|| format!("rustc did not print {LINE:?}:\n{notes}"))?;
    let added = ["-lc", "-lgcc_s", "-lSystem"];
    let needed = libraries.split_whitespace().filter(|library| !added.contains(library));
    Ok(needed.map(str::to_owned).collect())
}

/// Copies a file to a new one: a program that runs keeps the library that was there.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    remove(to)?;
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Removes a file or a link, if there is one.
fn remove(path: &Path) -> anyhow::Result<()> {
    if path.symlink_metadata().is_ok() {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Makes `link` lead to the file `name` beside it.
#[cfg(unix)]
fn link(name: &str, link: &Path) -> anyhow::Result<()> {
    remove(link)?;
    std::os::unix::fs::symlink(name, link)
        .with_context(|| format!("cannot link {} to {name}", link.display()))
}

#[cfg(not(unix))]
fn link(_: &str, _: &Path) -> anyhow::Result<()> {
    anyhow::bail!("only Unix has the names of shared libraries that this installs")
}
