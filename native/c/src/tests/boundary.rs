//! No panic crosses the boundary, and messages stay where they belong.

use super::{last_message, load};
use crate::error::{Error, Status, boundary, c_text};
use crate::version::bayes8_version;
use std::ffi::CStr;

#[test]
fn a_panic_becomes_a_status_with_its_message() {
    assert_eq!(boundary(|| panic!("tile {} is odd", 7)), Status::Panic);
    assert_eq!(last_message(), "defect of bayes8: tile 7 is odd");
    assert_eq!(boundary(|| panic!("constant")), Status::Panic);
    assert_eq!(last_message(), "defect of bayes8: constant");
    assert_eq!(boundary(|| std::panic::panic_any(1)), Status::Panic);
    assert_eq!(last_message(), "defect of bayes8: a panic without a message");
}

#[test]
fn a_thread_sees_no_message_of_another() {
    assert_eq!(boundary(|| Err(Error::Null("here"))), Status::NullPointer);
    let other = std::thread::spawn(|| {
        let before = last_message();
        assert!(load("nowhere.safetensors", None).is_err());
        (before, last_message())
    });
    let (before, after) = other.join().expect("the thread ends well");
    assert_eq!(before, "");
    assert!(after.contains("nowhere.safetensors"), "{after}");
    assert_eq!(last_message(), "`here` is NULL");
}

#[test]
fn success_keeps_the_message() {
    assert_eq!(boundary(|| Err(Error::Null("here"))), Status::NullPointer);
    assert_eq!(boundary(|| Ok(())), Status::Ok);
    assert_eq!(last_message(), "`here` is NULL");
}

#[test]
fn text_with_a_nul_is_not_cut_short() {
    assert_eq!(c_text("a\0b").to_str(), Ok("a\u{FFFD}b"));
}

#[test]
fn version_is_the_package() {
    // SAFETY: a constant string.
    let version = unsafe { CStr::from_ptr(bayes8_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
}
