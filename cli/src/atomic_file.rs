//! Output files that are there whole, or not at all.

use anyhow::{Context, bail};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Complains about a path that no file can be written to, before hours of work are lost on it, or
/// that would replace one of the `inputs`.
///
/// # Errors
/// When the path is a folder, a device or an input, or its folder does not exist.
pub(crate) fn check(path: &Path, inputs: &[&Path]) -> anyhow::Result<()> {
    if path.file_name().is_none() || path.is_dir() {
        bail!("cannot write {}: it is a folder", path.display());
    }
    if path.exists() && !path.is_file() {
        bail!("cannot write {}: it is no plain file", path.display());
    }
    let real = fs::canonicalize(path).ok();
    if let Some(input) = inputs.iter().find(|&i| real.is_some() && fs::canonicalize(i).ok() == real)
    {
        bail!("cannot write {}: {} is read", path.display(), input.display());
    }
    let folder = folder(path);
    if !folder.is_dir() {
        bail!("cannot write {}: there is no folder {}", path.display(), folder.display());
    }
    Ok(())
}

/// Contents on their way to a file: complete on the disk, under another name.
pub(crate) struct Pending {
    file: NamedTempFile,
    path: PathBuf,
}

impl Pending {
    /// Writes `contents` beside `path`.
    ///
    /// # Errors
    /// When the folder cannot be written to; nothing is left behind.
    pub(crate) fn write(path: &Path, contents: &[u8]) -> anyhow::Result<Self> {
        let complaint = || format!("cannot write {}", path.display());
        Self::create(path, |file| file.write_all(contents).with_context(complaint))
    }

    /// Lets `fill` write a file beside `path`.
    ///
    /// # Errors
    /// When the folder cannot be written to, or that of `fill`; nothing is left behind.
    pub(crate) fn create(
        path: &Path,
        fill: impl FnOnce(&mut BufWriter<&File>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        // A link stays, and its file is replaced.
        let path = fs::canonicalize(path).unwrap_or(path.into());
        let make = || {
            let mut builder = Builder::new();
            builder.prefix(".bayes8-");
            // Who may read it is for the user's mask to say.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            builder.tempfile_in(folder(&path))
        };
        let complaint = || format!("cannot write {}", path.display());
        let file = make().with_context(complaint)?;
        let mut buffer = BufWriter::new(file.as_file());
        fill(&mut buffer)?;
        buffer.flush().with_context(complaint)?;
        drop(buffer);
        file.as_file().sync_all().with_context(complaint)?;
        Ok(Self { file, path })
    }

    /// Bytes written.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub(crate) fn size(&self) -> anyhow::Result<u64> {
        Ok(self.file.as_file().metadata()?.len())
    }

    /// Gives the file its name; one that has it is replaced.
    ///
    /// # Errors
    /// When the file cannot be renamed; nothing is left behind.
    pub(crate) fn commit(self) -> anyhow::Result<()> {
        let renamed = self.file.persist(&self.path).map_err(|refused| refused.error);
        renamed.with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let count = || fs::read_dir(folder.path()).unwrap().count();
        drop(Pending::write(&path, b"abandoned").unwrap());
        assert_eq!(count(), 0);
        Pending::write(&path, b"first").unwrap().commit().unwrap();
        Pending::write(&path, b"second").unwrap().commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(count(), 1);
        assert!(Pending::write(&folder.path().join("none/out"), b"").is_err());
    }

    #[test]
    fn impossible_paths_are_refused_early() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path(), &[]).is_err());
        assert!(check(Path::new(""), &[]).is_err());
        assert!(check(&folder.path().join("none/out"), &[]).is_err());
        assert!(check(&folder.path().join("out"), &[]).is_ok());
        assert!(check(Path::new("out"), &[Path::new("out")]).is_ok(), "neither is there");
    }

    #[test]
    fn inputs_and_devices_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [input, other] = ["input", "other"].map(|name| folder.path().join(name));
        for path in [&input, &other] {
            fs::write(path, "precious").unwrap();
        }
        assert!(check(&other, &[&input]).is_ok());
        // By another name, too.
        let again = folder.path().join(".").join("input");
        assert!(check(&again, &[&other, &input]).is_err());
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&input, &link).unwrap();
            assert!(check(&link, &[&input]).is_err());
            Pending::write(&link, b"new").unwrap().commit().unwrap();
            assert!(link.is_symlink());
            assert_eq!(fs::read(&input).unwrap(), b"new");
            assert!(check(Path::new("/dev/null"), &[]).is_err());
        }
    }
}
