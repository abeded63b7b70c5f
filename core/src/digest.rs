//! A fingerprint of logits: two engines agree when it is equal.

use alloc::string::String;
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
