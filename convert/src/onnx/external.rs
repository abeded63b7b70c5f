//! Tensors whose data is in another file, as in models beyond the 2 GB limit of protobuf.
//!
//! The ONNX file names the file and the bytes, but is not trusted. Files outside its folder are
//! refused after following links, and so is more data in total than the files have: otherwise many
//! tensors could take the same bytes and fill the memory.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use bayes8_core::quoted::Echo;
use bayes8_native::file;
use rten_onnx::onnx::TensorProto;

/// The places where data outside the ONNX file may be.
pub(super) struct External<'f> {
    folder: Option<&'f Path>,
    /// Length of every file that was read.
    lengths: BTreeMap<PathBuf, u64>,
    /// The number of bytes read.
    read: u64,
}

impl<'f> External<'f> {
    /// Nowhere.
    pub(super) fn refused() -> Self {
        Self { folder: None, lengths: BTreeMap::new(), read: 0 }
    }

    /// In `folder` and the folders in it.
    pub(super) fn inside(folder: &'f Path) -> Self {
        Self { folder: Some(folder), ..Self::refused() }
    }

    /// Reads the `expected` bytes of `proto`, or says why they are refused.
    pub(super) fn read(&mut self, proto: &TensorProto, expected: u64) -> Result<Vec<u8>, String> {
        let Some(folder) = self.folder else {
            return Err("its data is in another file; save the model with all data inside".into());
        };
        let entry = |key: &str| {
            let found = proto.external_data.iter().find(|e| e.key.as_deref() == Some(key));
            found.and_then(|entry| entry.value.as_deref())
        };
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| {
                format!("`{key}` of its external data is `{}`, not a number", Echo(text))
            }),
        };
        let location = entry("location").ok_or("its external data has no `location`")?;
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let path = inside(folder, location)?;
        let location = Echo(location);
        let unreadable = |error: std::io::Error| format!("its data in `{location}`: {error}");
        let mut file = file::open(&path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let length = length.unwrap_or(size.saturating_sub(offset));
        if length != expected {
            return Err(format!("its shape needs {expected} bytes, `{location}` has {length}"));
        }
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(format!(
                "its data, {length} bytes from {offset} on, is beyond the {size} of `{location}`"
            ));
        }
        self.lengths.insert(path, size);
        self.read = self.read.saturating_add(length);
        if self.read > self.lengths.values().sum() {
            return Err(format!("tensors take more data of `{location}` than it has"));
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        file.take(length).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 != length {
            return Err(format!("`{location}` was cut off while it was read"));
        }
        Ok(bytes)
    }
}

/// Opens the file `location` of `folder`.
fn inside(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let shown = Echo(location);
    let outside = || format!("its data is in `{shown}`, which is not in the model's folder");
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !Path::new(location).components().all(plain) {
        return Err(outside());
    }
    let unreadable = |error: std::io::Error| format!("its data in `{shown}`: {error}");
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let root = folder.canonicalize().map_err(unreadable)?;
    let path = root.join(location).canonicalize().map_err(unreadable)?;
    if path.starts_with(&root) { Ok(path) } else { Err(outside()) }
}
