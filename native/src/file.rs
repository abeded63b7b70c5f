//! Reads plain files, and refuses everything else.
//!
//! Reading a device may never end, and opening a named pipe may never return, so each path is
//! checked before it is opened. Symbolic links are followed. A pointer that Git LFS leaves in place
//! of a file that it has not downloaded is refused.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::Path;

/// Opens a plain file for reading.
///
/// # Errors
/// When the file cannot be opened, or is a folder, device, pipe, socket or Git LFS pointer; the
/// error says which.
pub fn open(path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for a writer.
    check(&std::fs::metadata(path)?)?;
    let mut file = File::open(path)?;
    // The path may name something else by now.
    check(&file.metadata()?)?;
    let mut start = Vec::new();
    file.by_ref().take(LFS_POINTER.len() as u64).read_to_end(&mut start)?;
    if is_lfs_pointer(&start) {
        let message = "it is a Git LFS pointer; `git lfs pull` downloads the file itself";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    file.rewind()?;
    Ok(file)
}

/// The first bytes of a Git LFS pointer (docs/spec.md of its repository).
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Returns whether `bytes` are those of a Git LFS pointer.
pub fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(LFS_POINTER)
}

/// Reads a plain file. Bytes that are appended meanwhile are left out.
///
/// # Errors
/// Those of [`open`] and [`contents`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    contents(open(path)?)
}

/// Reads an open file from its current position, up to its current size. Bytes that are appended
/// meanwhile are left out.
///
/// # Errors
/// When the file cannot be read, or there is not enough memory.
pub fn contents(file: File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let (kind, what) = match metadata.is_dir() {
        true => (io::ErrorKind::IsADirectory, "a folder"),
        false => (io::ErrorKind::InvalidInput, "a device, pipe or socket"),
    };
    Err(io::Error::new(kind, format!("it is {what}, not a file")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_files_are_read_and_others_refused() {
        let path = std::env::temp_dir().join(format!("bayes8-file-{}", std::process::id()));
        std::fs::write(&path, b"abc").unwrap();
        let bytes = read(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(bytes.unwrap(), b"abc");
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
            .unwrap();
        let pointer = read(&path);
        std::fs::remove_file(&path).unwrap();
        assert!(pointer.unwrap_err().to_string().contains("git lfs pull"));
        let error = read(&std::env::temp_dir()).unwrap_err();
        assert_eq!(error.to_string(), "it is a folder, not a file");
    }

    #[test]
    #[cfg(unix)]
    fn devices_are_refused() {
        let error = read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.to_string(), "it is a device, pipe or socket, not a file");
    }
}
