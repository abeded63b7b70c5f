//! Output files that are written completely or not at all.

use crate::interrupt;
use anyhow::{Context, bail};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// An output file under a hidden name next to its final one, until it is complete.
pub(crate) struct Pending {
    file: NamedTempFile,
    /// As the user gave it.
    path: PathBuf,
    /// The file itself if the path is a link, which stays.
    real: PathBuf,
}

impl Pending {
    /// Creates the hidden file, empty, to find out that it cannot be written before hours of work are
    /// lost.
    ///
    /// # Errors
    /// When the path is a folder, a device, or one of the `inputs`, or its folder is not writable.
    pub(crate) fn create(path: &Path, inputs: &[&Path]) -> anyhow::Result<Self> {
        let complaint = || format!("cannot write {}", path.display());
        let real = check(path, inputs).with_context(complaint)?;
        let file = interrupt::delayed(|hidden| {
            let file = Builder::new()
                .prefix(".bayes8-")
                .make_in(folder(&real), |p| File::create_new(p))?;
            hidden.push(file.path().to_path_buf());
            keep_mode(&real, file.as_file())?;
            Ok::<_, io::Error>(file)
        });
        Ok(Self { file: file.with_context(complaint)?, path: path.into(), real })
    }

    /// Whether both would become the same file.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.real == other.real
    }

    /// Writes the contents, once.
    ///
    /// # Errors
    /// When the disk is full.
    pub(crate) fn write(&self, contents: &[u8]) -> anyhow::Result<()> {
        self.fill(|file| file.write_all(contents).with_context(|| self.complaint()))
    }

    /// Lets `fill` write the contents, once.
    ///
    /// # Errors
    /// When the disk is full, or the error of `fill`.
    pub(crate) fn fill(
        &self,
        fill: impl FnOnce(&mut BufWriter<&File>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut buffer = BufWriter::new(self.file.as_file());
        fill(&mut buffer)?;
        buffer.flush().with_context(|| self.complaint())?;
        self.file.as_file().sync_all().with_context(|| self.complaint())
    }

    /// Bytes written.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn size(&self) -> anyhow::Result<u64> {
        Ok(self.file.as_file().metadata()?.len())
    }

    /// Gives the file its final name; an existing file is replaced.
    ///
    /// # Errors
    /// When the file cannot be renamed; the hidden file is then removed.
    pub(crate) fn commit(self) -> anyhow::Result<()> {
        let complaint = self.complaint();
        let renamed = interrupt::delayed(|_| self.file.persist(&self.real));
        renamed.map_err(|refused| refused.error).context(complaint)?;
        Ok(())
    }

    fn complaint(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

/// The path to write to: that of the file itself if `path` is a link, which stays.
fn check(path: &Path, inputs: &[&Path]) -> anyhow::Result<PathBuf> {
    let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
        bail!("it is a folder");
    };
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => bail!("it is not a plain file"),
        Ok(_) => {
            let real = fs::canonicalize(path)?;
            let same = |input: &&Path| fs::canonicalize(input).is_ok_and(|input| input == real);
            if let Some(input) = inputs.iter().copied().find(same) {
                bail!("{} is read", input.display());
            }
            Ok(real)
        }
        // For example, a name that is too long.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Err(_) => {
            let folder = folder(path);
            if !folder.is_dir() {
                bail!("the folder {} does not exist", folder.display());
            }
            Ok(fs::canonicalize(folder)?.join(name))
        }
    }
}

/// Gives `file` the mode of the file that it will replace, if there is one: who could not read that cannot
/// read this.
#[cfg(unix)]
fn keep_mode(replaced: &Path, file: &File) -> io::Result<()> {
    match fs::metadata(replaced) {
        Ok(found) => file.set_permissions(found.permissions()),
        Err(_) => Ok(()),
    }
}

#[cfg(not(unix))]
fn keep_mode(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

fn folder(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &Path, contents: &[u8]) -> anyhow::Result<Pending> {
        let pending = Pending::create(path, &[])?;
        pending.write(contents)?;
        Ok(pending)
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let count = || fs::read_dir(folder.path()).unwrap().count();
        drop(written(&path, b"abandoned").unwrap());
        assert_eq!(count(), 0);
        written(&path, b"first").unwrap().commit().unwrap();
        written(&path, b"second").unwrap().commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(count(), 1);
    }

    #[test]
    fn impossible_paths_are_refused_early() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let long = folder.path().join("x".repeat(1000));
        for path in [
            folder.path(),
            Path::new(""),
            &folder.path().join("none/out"),
            &file.join("out"),
            &long,
        ] {
            let error = Pending::create(path, &[]).err().unwrap().to_string();
            assert!(error.starts_with(&format!("cannot write {}", path.display())), "{error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(Pending::create(&folder.path().join("out"), &[]).is_ok());
        let missing = folder.path().join("out");
        assert!(Pending::create(&missing, &[&missing]).is_ok(), "neither exists");
    }

    #[test]
    fn inputs_and_devices_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [input, other] = ["input", "other"].map(|name| folder.path().join(name));
        for path in [&input, &other] {
            fs::write(path, "precious").unwrap();
        }
        assert!(Pending::create(&other, &[&input]).is_ok());
        // By another name, too.
        let again = folder.path().join(".").join("input");
        assert!(Pending::create(&again, &[&other, &input]).is_err());
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&input, &link).unwrap();
            assert!(Pending::create(&link, &[&input]).is_err());
            written(&link, b"new").unwrap().commit().unwrap();
            assert!(link.is_symlink());
            assert_eq!(fs::read(&input).unwrap(), b"new");
            assert!(Pending::create(Path::new("/dev/null"), &[]).is_err());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_stays_private_when_it_is_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        written(&path, b"first").unwrap().commit().unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        written(&path, b"second").unwrap().commit().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }

    #[test]
    fn one_file_has_many_paths() {
        let folder = tempfile::tempdir().unwrap();
        let create = |name: &str| Pending::create(&folder.path().join(name), &[]).unwrap();
        assert!(create("out").is_same(&create("./out")));
        assert!(!create("out").is_same(&create("other")));
    }
}
