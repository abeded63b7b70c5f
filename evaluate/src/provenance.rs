//! The origin of an evaluation: the command and files that reproduce it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bayes8_convert::pictures::Open;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::EvaluateError;

/// Program, command line and files of an evaluation.
#[derive(Debug, Serialize)]
pub struct Provenance {
    /// Version of bayes8.
    pub version: &'static str,
    /// Operating system and architecture.
    pub platform: String,
    /// The command line that gives the same result, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// All files that were read; the model is the first.
    pub files: Vec<FileDigest>,
}

/// A file that an evaluation read.
#[derive(Debug, Serialize)]
pub struct FileDigest {
    /// Why it was read.
    pub role: &'static str,
    /// Its path, as given.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl Provenance {
    /// Reads the files, each with its role.
    pub(crate) fn new(
        command: Option<String>,
        files: &[(&'static str, &Path)],
        open: Open,
    ) -> Result<Self, EvaluateError> {
        let digest = |&(role, path): &(&'static str, &Path)| {
            open(path)
                .and_then(|file| FileDigest::new(role, path, file))
                .map_err(|source| EvaluateError::Io { path: path.into(), source })
        };
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            command,
            files: files.iter().map(digest).collect::<Result<_, _>>()?,
        })
    }
}

impl FileDigest {
    fn new(role: &'static str, path: &Path, mut file: File) -> io::Result<Self> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut bytes = 0;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => {
                    hash.update(&buffer[..count]);
                    bytes += count as u64;
                }
            }
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { role, path: path.display().to_string(), bytes, sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let digest = FileDigest::new("data", file.path(), file.reopen().unwrap()).unwrap();
        assert_eq!(digest.bytes, 3);
        assert!(digest.sha256.starts_with("ba7816bf8f01cfea"), "{}", digest.sha256);
        let missing = [("data", Path::new("no such file"))];
        assert!(Provenance::new(None, &missing, bayes8_native::file::open).is_err());
    }
}
