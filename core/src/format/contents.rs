//! The digest of a file's contents, independent of the layout of the container. `docs/FORMAT.md`
//! defines it.

use super::{DIGEST_KEY, FormatError, METADATA_KEY};
use crate::digest::ModelDigest;
use alloc::collections::BinaryHeap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

/// White space of JSON, which may follow a description without changing the digest.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Computes the digest of a file with this header and `data`. If the file states a digest, the two
/// must be equal.
///
/// # Errors
/// [`FormatError::Damaged`] and [`FormatError::NoDigest`].
pub(super) fn check(header: &Metadata, data: &[u8]) -> Result<ModelDigest, FormatError> {
    let metadata = header.metadata().as_ref();
    let keys = metadata.into_iter().flat_map(|metadata| metadata.keys());
    let covered = in_order(keys.map(String::as_str).filter(|key| is_covered(key)));
    let stated = metadata.and_then(|metadata| metadata.get(DIGEST_KEY));
    // The damage may have hit the key of the digest itself.
    if let (None, Some(key)) = (stated, covered.iter().find(|key| **key != METADATA_KEY)) {
        return Err(FormatError::NoDigest(key.to_string()));
    }
    let found = digest(header, data, covered);
    match stated {
        Some(expected) if *expected != found.to_string() => {
            Err(FormatError::Damaged { expected: expected.clone(), found })
        }
        _ => Ok(found),
    }
}

/// Computes the digest of a file with this header and `data` as it would be without the metadata `key`.
pub(super) fn digest_without(header: &Metadata, data: &[u8], key: &str) -> ModelDigest {
    let keys = header.metadata().as_ref().into_iter().flat_map(|metadata| metadata.keys());
    let keys = keys.map(String::as_str).filter(|other| is_covered(other) && *other != key);
    digest(header, data, in_order(keys))
}

/// Computes the digest of a file with these metadata, in ascending order, and its tensors.
fn digest(header: &Metadata, data: &[u8], covered: Vec<&str>) -> ModelDigest {
    let metadata = header.metadata().as_ref();
    let mut contents = Contents::new();
    contents.count(covered.len());
    for key in covered {
        let Some(text) = metadata.and_then(|metadata| metadata.get(key)) else { continue };
        contents.metadata(key, text);
    }
    let names = header.offset_keys();
    let names = in_order(names.iter().map(String::as_str));
    contents.count(names.len());
    for name in names {
        let Some(TensorInfo { dtype, shape, data_offsets: (start, end) }) = header.info(name)
        else {
            continue;
        };
        // The container's reader has checked the offsets against the file.
        contents.tensor(name, *dtype, shape, &data[*start..*end]);
    }
    contents.digest()
}

/// Sorts strings. A heap is a tenth of the code of the standard library's sorts, which counts on the
/// web.
fn in_order<'a>(strings: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    strings.collect::<BinaryHeap<_>>().into_sorted_vec()
}

/// Returns whether the digest covers a key of the metadata: the description's, or one of a later
/// writer.
fn is_covered(key: &str) -> bool {
    let ours = key.strip_prefix(METADATA_KEY);
    key != DIGEST_KEY && ours.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A digest under construction: first the number of metadata and each of them, then the number of
/// tensors and each of them, both in ascending byte order of their keys or names.
pub(super) struct Contents {
    hasher: blake3::Hasher,
    /// Bytes that are not hashed yet: fewer than [`BLOCK`].
    pending: Vec<u8>,
}

/// Bytes that are hashed at a time. BLAKE3 hashes several kilobytes in parallel, but only if they
/// start at a multiple of their number; tensors start anywhere.
const BLOCK: usize = 1 << 15;

impl Contents {
    pub(super) fn new() -> Self {
        Self { hasher: blake3::Hasher::new(), pending: Vec::new() }
    }

    pub(super) fn count(&mut self, count: usize) {
        self.hash(&(count as u64).to_le_bytes());
    }

    pub(super) fn metadata(&mut self, key: &str, text: &str) {
        self.bytes(key.as_bytes());
        self.bytes(text.trim_end_matches(WHITE_SPACE).as_bytes());
    }

    pub(super) fn tensor(&mut self, name: &str, dtype: Dtype, shape: &[usize], data: &[u8]) {
        self.bytes(name.as_bytes());
        self.bytes(alloc::format!("{dtype}").as_bytes());
        self.count(shape.len());
        shape.iter().for_each(|&extent| self.count(extent));
        self.bytes(data);
    }

    /// Hashes bytes after their number, so that different contents never give the same sequence of
    /// bytes.
    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.hash(bytes);
    }

    fn hash(&mut self, mut bytes: &[u8]) {
        while self.pending.len() + bytes.len() >= BLOCK {
            let (head, tail) = bytes.split_at(BLOCK - self.pending.len());
            self.pending.extend_from_slice(head);
            self.hasher.update(&self.pending);
            self.pending.clear();
            bytes = tail;
        }
        self.pending.extend_from_slice(bytes);
    }

    pub(super) fn digest(mut self) -> ModelDigest {
        self.hasher.update(&self.pending);
        ModelDigest::new(*self.hasher.finalize().as_bytes())
    }
}
