//! Files that a command reads: plain files, or standard input as `-`.

use bayes8_convert::pictures::{is_archive, is_array, is_safetensors};
use bayes8_native::file;
use std::fs::File;
use std::io::{self, Read, Seek, Write, stdin};
use std::path::Path;
use std::sync::Mutex;

/// Most bytes that are read from standard input; files have no such limit.
const MAX_STDIN: u64 = 1 << 30;

/// The contents of standard input, once it has been read.
static STDIN: Mutex<Option<File>> = Mutex::new(None);

/// Opens a plain file, or a copy of standard input if `path` is `-`, at its beginning.
///
/// # Errors
/// When it is not a plain file or cannot be read, or standard input is empty or has more than 1 GiB.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if path != Path::new("-") {
        return file::open(path);
    }
    let mut copy = STDIN.lock().expect("no thread panics with the lock");
    let copy = match &mut *copy {
        Some(copy) => copy,
        none => none.insert(spooled(stdin().lock(), MAX_STDIN)?),
    };
    let mut copy = copy.try_clone()?;
    copy.rewind()?;
    Ok(copy)
}

/// Reads a plain file, or standard input if `path` is `-`.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    file::contents(open(path)?)
}

/// Copies `source`, of 1 to `most` bytes, to a file without a name, which can be sought and read
/// twice.
fn spooled(source: impl Read, most: u64) -> io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    let length = io::copy(&mut source.take(most + 1), &mut copy)?;
    if length == 0 {
        let message = "standard input is empty: pipe a file into it, or name a file";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    if length > most {
        let message = format!("standard input has more than {most} bytes: give it as a file");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    copy.flush()?;
    Ok(copy)
}

/// What to call a file that begins with `start`, if it holds pictures.
pub(crate) fn kind_of_pictures(start: &[u8]) -> Option<&'static str> {
    match start {
        // The length of a safetensors header may look like the start of a picture or archive.
        _ if is_safetensors(start) => None,
        _ if is_archive(start) => Some("an npz archive"),
        _ if is_array(start) => Some("an npy array"),
        _ => image::guess_format(start).is_ok().then_some("a picture"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of 19,778 bytes begins with `BM`.
    #[test]
    fn a_model_is_not_taken_for_a_picture() {
        for length in [*b"BM", *b"PK"] {
            let start = [&length[..], b"\0\0\0\0\0\0{\"__metadata"].concat();
            assert!(is_safetensors(&start) && !is_archive(&start));
            assert_eq!(kind_of_pictures(&start), None);
        }
        assert_eq!(kind_of_pictures(b"BM\0\0\0\0\0\0\0\0"), Some("a picture"));
    }

    #[test]
    fn an_endless_source_is_refused() {
        assert_eq!(file::contents(rewound(spooled(&b"abc"[..], 3).unwrap())).unwrap(), b"abc");
        let error = spooled(io::repeat(0), 1000).unwrap_err();
        assert_eq!(error.to_string(), "standard input has more than 1000 bytes: give it as a file");
    }

    fn rewound(mut file: File) -> File {
        file.rewind().unwrap();
        file
    }
}
