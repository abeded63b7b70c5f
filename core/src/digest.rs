//! Fingerprints: of logits, by which two engines agree, and of a model.

use alloc::string::String;
use core::fmt;
use sha2::{Digest, Sha256};

/// SHA-256 of `logits` as little-endian f32, in hexadecimal.
pub fn logits_digest(logits: &[f32]) -> String {
    let mut hash = Sha256::new();
    for logit in logits {
        hash.update(logit.to_le_bytes());
    }
    let mut hex = String::new();
    for byte in hash.finalize() {
        hex.push_str(&alloc::format!("{byte:02x}"));
    }
    hex
}

/// The name of a model that cannot be taken by another one: the BLAKE3 hash of all that its file says
/// (`docs/FORMAT.md`), shown as `blake3:` and 64 hexadecimal digits.
///
/// It does not depend on the order of the tensors in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelDigest([u8; 32]);

impl ModelDigest {
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for ModelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("blake3:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
