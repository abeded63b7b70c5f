//! The digest of logits, by which two engines agree.

use crate::error::{Status, boundary};
use crate::pointer::{Destination, slice};
use bayes8_native::core::digest::logits_digest;
use std::ffi::c_char;

/// Room that `bayes8_logits_digest()` needs: 64 hexadecimal digits and the NUL after them.
pub const BAYES8_LOGITS_DIGEST_SIZE: usize = 65;

/// Writes the SHA-256 of `length` logits, as little-endian floats, to `digest`: 64 hexadecimal digits
/// and a NUL.
///
/// If two digests of a picture's `[samples][classes]` logits are equal, the predictions agree in every
/// bit, probabilities and uncertainty included. The Rust crate, the command line and the npm package
/// give the same digest.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT`, `BUFFER_TOO_SMALL` where `capacity` is below
/// `BAYES8_LOGITS_DIGEST_SIZE`.
///
/// # Safety
/// `logits` is NULL or points to `length` floats. `digest` is NULL or points to `capacity` bytes, which
/// only this call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_logits_digest(
    logits: *const f32,
    length: usize,
    digest: *mut c_char,
    capacity: usize,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (logits, mut digest) = unsafe {
            let needed = BAYES8_LOGITS_DIGEST_SIZE;
            (
                slice(logits, length, "logits")?,
                Destination::new(digest, capacity, needed, "digest")?,
            )
        };
        let mut text = [0; BAYES8_LOGITS_DIGEST_SIZE];
        for (to, from) in text.iter_mut().zip(logits_digest(logits).bytes()) {
            // ASCII.
            *to = from as c_char;
        }
        digest.put(0, &text);
        Ok(())
    })
}
