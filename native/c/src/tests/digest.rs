//! The digest of logits.

use super::buffers::{Results, options, pictures, predict, slice};
use super::{Failure, MODEL, result, shipped};
use crate::digest::{BAYES8_LOGITS_DIGEST_SIZE, bayes8_logits_digest};
use crate::error::Status;
use bayes8_native::{Pictures, PredictOptions};
use std::ffi::{CStr, c_char};
use std::ptr;

fn digest(logits: &[f32], capacity: usize) -> Result<String, Failure> {
    let mut digest = [b'#' as c_char; BAYES8_LOGITS_DIGEST_SIZE];
    // SAFETY: a slice and its length, and a buffer of `capacity` bytes or more.
    let status = unsafe {
        bayes8_logits_digest(logits.as_ptr(), logits.len(), digest.as_mut_ptr(), capacity)
    };
    result(status, ()).map(|()| {
        // SAFETY: on success it ends in NUL.
        let digest = unsafe { CStr::from_ptr(digest.as_ptr()) };
        digest.to_str().expect("hexadecimal digits").to_owned()
    })
}

#[test]
fn the_digest_is_that_of_the_rust_interface() {
    let (pictures, mut results) = (pictures(1), Results::new(1, 5));
    predict(*shipped(), slice(&pictures), 1, Some(&options()), &results.outputs())
        .expect("it predicts");
    let model = bayes8_native::Model::load(MODEL).expect("it loads");
    let options = PredictOptions::new().samples(3..8).seed(7).keep_logits(true);
    let pictures = Pictures::Bytes(pictures.view());
    let expected = model.predict(pictures, &options).expect("it predicts")[0].logits_digest();
    let digest = digest(&results.logits, BAYES8_LOGITS_DIGEST_SIZE).expect("there is room");
    assert_eq!(Some(digest), expected);
}

#[test]
fn a_digest_without_room_is_refused() {
    let (status, message) = digest(&[1.0], 64).expect_err("too small");
    assert_eq!(status, Status::BufferTooSmall);
    assert_eq!(message, "`digest` has room for 64 elements, 65 are needed");
    // SAFETY: NULL is refused.
    let status = unsafe { bayes8_logits_digest([1.0].as_ptr(), 1, ptr::null_mut(), 65) };
    assert_eq!(status, Status::NullPointer);
    // SAFETY: as above.
    let status = unsafe { bayes8_logits_digest(ptr::null(), 1, [0; 65].as_mut_ptr(), 65) };
    assert_eq!(status, Status::NullPointer);
}
