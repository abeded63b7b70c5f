//! Where an evaluation comes from: what to run, and on which files, to have it again.

use crate::input;
use anyhow::Context;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;

/// Program, command line and files of an evaluation.
#[derive(Serialize)]
pub(crate) struct Provenance {
    /// Version of bayes8.
    pub(crate) version: &'static str,
    /// Operating system and architecture.
    pub(crate) platform: String,
    /// The arguments of the command, as a shell takes them.
    pub(crate) command: String,
    pub(crate) files: Vec<FileDigest>,
}

/// A file that an evaluation read.
#[derive(Serialize)]
pub(crate) struct FileDigest {
    /// What it was read for.
    pub(crate) role: &'static str,
    /// As it was given.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// In hexadecimal digits.
    pub(crate) sha256: String,
}

impl Provenance {
    /// That of this process.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn of(files: &[(&'static str, &Path)]) -> anyhow::Result<Self> {
        let arguments = std::env::args_os().skip(1);
        let arguments = arguments.map(|argument| quoted(&argument.to_string_lossy()));
        let words: Vec<String> = std::iter::once("bayes8".to_string()).chain(arguments).collect();
        let digests = files.iter().map(|&(role, path)| FileDigest::of(role, path));
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            command: words.join(" "),
            files: digests.collect::<anyhow::Result<_>>()?,
        })
    }
}

impl FileDigest {
    fn of(role: &'static str, path: &Path) -> anyhow::Result<Self> {
        let mut hash = Sha256::new();
        let mut read = || -> io::Result<u64> {
            let mut file = input::open(path)?;
            let mut buffer = vec![0; 1 << 16];
            let mut bytes = 0;
            loop {
                match io::Read::read(&mut file, &mut buffer)? {
                    0 => return Ok(bytes),
                    count => {
                        hash.update(&buffer[..count]);
                        bytes += count as u64;
                    }
                }
            }
        };
        let bytes = read().with_context(|| path.display().to_string())?;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { role, path: path.display().to_string(), bytes, sha256 })
    }
}

/// A word of a shell's command line.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let digest = FileDigest::of("data", file.path()).unwrap();
        assert_eq!(digest.bytes, 3);
        assert!(digest.sha256.starts_with("ba7816bf8f01cfea"), "{}", digest.sha256);
        assert!(FileDigest::of("data", Path::new("no such file")).is_err());
    }

    #[test]
    fn a_shell_reads_the_same_words() {
        assert_eq!(quoted("data/x.npz"), "data/x.npz");
        assert_eq!(quoted("my file"), "'my file'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
