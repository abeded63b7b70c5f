//! `libbayes8`: the C library. A thin layer over [`bayes8_native`] that turns handles, pointers and
//! status codes into its types and back; `include/bayes8.h` is generated from these sources.
//!
//! Rules of the boundary:
//! - every function runs inside [`error::boundary`], so no panic crosses it;
//! - every pointer of the caller goes through [`pointer`], which refuses NULL, misaligned addresses
//!   and impossible lengths; only what cannot be checked is left to the caller's contract;
//! - everything is checked before anything is written.
//!
//! The doc comments of public items become the header, so they speak of C.

pub mod error;
pub mod model;
mod pointer;
pub mod predict;
#[cfg(test)]
mod tests;

use std::ffi::{CStr, c_char};

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("the version of a package holds no NUL"),
    };

/// Version of the library, such as `0.1.0`. The string is constant.
#[unsafe(no_mangle)]
pub extern "C" fn bayes8_version() -> *const c_char {
    VERSION.as_ptr()
}
