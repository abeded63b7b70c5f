//! Digests that identify logits and models. Two engines agree when their logits have the same
//! digest.

use alloc::string::String;
use core::fmt;
use sha2::{Digest, Sha256};

/// Computes the SHA-256 of `logits` as little-endian f32, in lower-case hexadecimal.
///
/// # Examples
/// ```
/// use bayes8_core::digest::logits_digest;
///
/// // The SHA-256 of the bytes 00 00 80 3f.
/// let digest = "e00e5eb9444182f352323374ef4e08ebcb784725fdd4fd612d7730540b3e0c8c";
/// assert_eq!(logits_digest(&[1.0]), digest);
/// ```
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

/// A digest that identifies a model: the BLAKE3 hash of everything that its file says
/// (`docs/FORMAT.md`).
///
/// [`format::digest`](crate::format::digest) computes it. It is displayed as `blake3:` and 64
/// hexadecimal digits, and does not depend on the order of the tensors in the file.
///
/// # Examples
/// ```
/// use bayes8_core::format;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let bytes = std::fs::read("models/mnist-cnn.safetensors")?;
/// let digest = format::digest(&format::read(&bytes)?);
/// assert_eq!(digest, format::check_digest(&bytes)?);
/// assert!(digest.to_string().starts_with("blake3:"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
