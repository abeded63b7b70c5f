//! The C interface as a C program uses it, against the Rust interface that it wraps.

mod boundary;
mod buffers;
mod digest;
mod draws;
mod dropout;
mod errors;
mod extensible;
mod header;
mod heads;
mod model;
mod outputs;
mod predict;
mod progress;
mod regions;
mod sums;

use crate::error::{Status, bayes8_last_error_message};
use crate::model::{
    ModelHandle, ModelOptions, bayes8_model_free, bayes8_model_load, bayes8_model_load_bytes,
};
use std::ffi::{CStr, CString, c_char};
use std::ops::Deref;
use std::ptr;

const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/fashion-resnet14.safetensors");

/// A handle that is freed as a C program should.
struct Handle(*mut ModelHandle);

// SAFETY: the interface promises that a handle may go to any thread.
unsafe impl Send for Handle {}
// SAFETY: and that many threads may use it at once.
unsafe impl Sync for Handle {}

impl Deref for Handle {
    type Target = *mut ModelHandle;

    fn deref(&self) -> &*mut ModelHandle {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is NULL or live, and this is its owner.
        unsafe { bayes8_model_free(self.0) }
    }
}

/// The status of a failed call and its message.
type Failure = (Status, String);

fn result<T>(status: Status, value: T) -> Result<T, Failure> {
    if status == Status::Ok { Ok(value) } else { Err((status, last_message())) }
}

fn last_message() -> String {
    // SAFETY: the message is a string that lives until this thread's next failure.
    let message = unsafe { CStr::from_ptr(bayes8_last_error_message()) };
    message.to_str().expect("messages are UTF-8").to_owned()
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("text without NUL")
}

/// A variable for a handle that holds rubbish, as a C variable may.
fn uninitialized() -> *mut ModelHandle {
    ptr::dangling_mut()
}

fn load(path: &str, options: Option<&ModelOptions>) -> Result<Handle, Failure> {
    let (path, mut model) = (c_string(path), uninitialized());
    let options = options.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: a string, options or NULL, and a variable.
    let status = unsafe { bayes8_model_load(path.as_ptr(), options, &mut model) };
    assert_eq!(model.is_null(), status != Status::Ok, "a handle exactly on success");
    result(status, Handle(model))
}

fn load_bytes(bytes: &[u8]) -> Result<Handle, Failure> {
    let mut model = uninitialized();
    // SAFETY: a slice and its length, no options, and a variable.
    let status =
        unsafe { bayes8_model_load_bytes(bytes.as_ptr(), bytes.len(), ptr::null(), &mut model) };
    assert_eq!(model.is_null(), status != Status::Ok, "a handle exactly on success");
    result(status, Handle(model))
}

fn shipped() -> Handle {
    load(MODEL, None).expect("the shipped model loads")
}

fn with_isa(isa: *const c_char) -> ModelOptions {
    ModelOptions { isa, ..ModelOptions::default() }
}

fn with_threads(threads: usize) -> ModelOptions {
    ModelOptions { threads, ..ModelOptions::default() }
}
