//! The version of the library, which may be another one than that of the header.

use std::ffi::{CStr, c_char};

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("the version of a package holds no NUL"),
    };

/// Version of the library in use, such as `0.1.0`, in a constant string. The version of the header is
/// `BAYES8_VERSION_STRING`.
#[unsafe(no_mangle)]
pub extern "C" fn bayes8_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Version of the library in use as a number: 1000000 * major + 1000 * minor + patch. The version of
/// the header is `BAYES8_VERSION_NUMBER`.
#[unsafe(no_mangle)]
pub extern "C" fn bayes8_version_number() -> u32 {
    const PARTS: [&str; 3] = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    PARTS.iter().fold(0, |number, part| {
        number * 1000 + part.parse::<u32>().expect("Cargo accepts no other versions")
    })
}
