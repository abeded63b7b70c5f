//! Plain files: the only kind that a path may name.
//!
//! A device may never end, and a named pipe may never begin, so each path is checked before it is
//! opened. Links are followed. The pointer that Git LFS leaves in place of a file that it has not
//! downloaded is not that file.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::Path;

/// Opens a plain file for reading.
///
/// # Errors
/// When it cannot be opened, or is a folder, device, pipe, socket or a pointer of Git LFS; then the error
/// says so.
pub fn open(path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for a writer.
    check(&std::fs::metadata(path)?)?;
    let mut file = File::open(path)?;
    // The name may stand for something else by now.
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

/// How a pointer of Git LFS begins (docs/spec.md of its repository).
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Whether these are the bytes of a pointer that Git LFS leaves in place of a file.
pub fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(LFS_POINTER)
}

/// Reads a plain file: no more than it held when it was opened.
///
/// # Errors
/// Those of [`open`], or when there is not enough memory.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    contents(open(path)?)
}

/// Reads the rest of a file: no more than it holds now.
///
/// # Errors
/// When it cannot be read, or there is not enough memory.
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
    fn reads_what_a_plain_file_holds() {
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
    fn a_device_is_not_read_without_end() {
        let error = read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.to_string(), "it is a device, pipe or socket, not a file");
    }
}
