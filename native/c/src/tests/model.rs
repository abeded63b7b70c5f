//! Loading, describing and freeing.

use super::{
    Failure, MODEL, load, load_bytes, result, shipped, uninitialized, with_isa, with_threads,
};
use crate::describe::bayes8_model_get_class_name;
use crate::error::Status;
use crate::model::{
    ModelHandle, ModelInfo, ModelOptions, bayes8_model_free, bayes8_model_get_info,
    bayes8_model_load, bayes8_model_load_bytes,
};
use bayes8_native::Accumulator;
use bayes8_native::head::classes::ClassSums;
use std::ffi::{CStr, c_char};
use std::ptr;

/// What `BAYES8_MODEL_INFO_INIT` says.
pub(super) fn no_info() -> ModelInfo {
    // SAFETY: NULL pointers and zeros.
    ModelInfo { size: size_of::<ModelInfo>(), ..unsafe { std::mem::zeroed() } }
}

pub(super) fn info(model: *const ModelHandle) -> Result<ModelInfo, Failure> {
    let mut info = no_info();
    // SAFETY: a live handle or NULL, and a variable.
    let status = unsafe { bayes8_model_get_info(model, &mut info) };
    result(status, info)
}

fn class_name(model: *const ModelHandle, index: usize) -> Result<String, Failure> {
    let mut name = ptr::null();
    // SAFETY: a live handle or NULL, and a variable.
    let status = unsafe { bayes8_model_get_class_name(model, index, &mut name) };
    result(status, ()).map(|()| text(name))
}

/// A string of the library, whose model is live.
pub(super) fn text(string: *const c_char) -> String {
    // SAFETY: the library's strings are NUL-terminated and live as long as their model.
    unsafe { CStr::from_ptr(string) }.to_str().expect("strings are UTF-8").to_owned()
}

fn status<T>(result: Result<T, Failure>) -> Status {
    result.err().expect("a failure").0
}

#[test]
fn info_is_what_the_rust_interface_says() {
    let (model, native) = (shipped(), bayes8_native::Model::load(MODEL).expect("it loads"));
    let info = info(*model).expect("a live model");
    assert_eq!(text(info.name), native.quantized().name());
    assert_eq!(text(info.digest), native.digest().to_string());
    assert_eq!(text(info.kernel), native.kernel());
    assert_eq!((info.depth, info.height, info.width, info.channels), (1, 28, 28, 1));
    assert_eq!(info.classes, 10);
    assert_eq!(info.threads, native.threads());
    assert_eq!(info.sum_words, ClassSums::new(10).to_words().len());
    assert_eq!(info.default_samples, 32);
    assert_eq!((info.outputs, info.numbers, text(info.values).as_str()), (1, 10, "bytes"));
    for class in 0..info.classes {
        assert_eq!(class_name(*model, class), Ok(native.class_name(class)));
    }
}

#[test]
fn a_class_that_does_not_exist_is_refused() {
    let (status, message) = class_name(*shipped(), 10).expect_err("there are 10 classes");
    assert_eq!(status, Status::InvalidArgument);
    assert_eq!(message, "class 10 does not exist: output `output` has 10 of them");
}

#[test]
fn bytes_and_file_are_the_same_model() {
    let bytes = std::fs::read(MODEL).expect("the shipped model");
    let model = load_bytes(&bytes).expect("it loads");
    let info = info(*model).expect("a live model");
    assert_eq!(text(info.name), "fashion-resnet14");
}

#[test]
fn options_choose_kernels_and_threads() {
    let portable = load(MODEL, Some(&with_isa(c"portable".as_ptr()))).expect("it loads");
    assert_eq!(text(info(*portable).expect("a live model").kernel), "portable");
    let three = load(MODEL, Some(&with_threads(3))).expect("it loads");
    assert_eq!(info(*three).expect("a live model").threads, 3);
}

#[test]
fn an_absurd_number_of_threads_is_refused() {
    let (status, message) = load(MODEL, Some(&with_threads(usize::MAX))).err().expect("too many");
    assert_eq!(status, Status::Threads);
    assert!(message.contains("at most 1024"), "{message}");
}

#[test]
fn a_bad_instruction_set_is_refused_by_name() {
    let (status, message) = load(MODEL, Some(&with_isa(c"sse9".as_ptr()))).err().expect("no such");
    assert_eq!(status, Status::IsaUnavailable);
    assert!(message.contains("sse9") && message.contains("portable"), "{message}");
    let (status, message) = load(MODEL, Some(&with_isa(c"\xff".as_ptr()))).err().expect("no text");
    assert_eq!(status, Status::InvalidArgument);
    assert_eq!(message, "`options->isa` is not valid UTF-8");
}

#[test]
fn a_missing_file_is_named() {
    let (status, message) = load("no/such/file", None).err().expect("no such file");
    assert_eq!(status, Status::File);
    assert!(message.starts_with("cannot read no/such/file"), "{message}");
}

#[test]
fn a_damaged_model_is_refused() {
    let mut bytes = std::fs::read(MODEL).expect("the shipped model");
    assert_eq!(status(load_bytes(&[])), Status::Format);
    assert_eq!(status(load_bytes(&bytes[..bytes.len() - 1])), Status::Format);
    bytes[20] ^= 0xff;
    let (status, message) = load_bytes(&bytes).err().expect("a damaged header");
    assert_eq!(status, Status::Format);
    assert!(message.starts_with("the bytes are not a valid model"), "{message}");
    let other = env!("CARGO_MANIFEST_PATH");
    let (status, message) = load(other, None).err().expect("a file that is not a model");
    assert_eq!(status, Status::Format);
    assert!(message.starts_with(&format!("{other} is not a valid model")), "{message}");
}

#[test]
fn null_pointers_are_refused_by_name() {
    let null = |name: &str| Err((Status::NullPointer, format!("`{name}` is NULL")));
    let model = shipped();
    let mut other = uninitialized();
    // SAFETY: NULL, live handles, strings, variables and slices with their lengths.
    unsafe {
        let load = bayes8_model_load(ptr::null(), ptr::null(), &mut other);
        assert_eq!(result(load, ()), null("path"));
        assert!(other.is_null());
        let load = bayes8_model_load(c"path".as_ptr(), ptr::null(), ptr::null_mut());
        assert_eq!(result(load, ()), null("model"));
        let load = bayes8_model_load_bytes(ptr::null(), 8, ptr::null(), &mut other);
        assert_eq!(result(load, ()), null("bytes"));
        let load = bayes8_model_load_bytes([0].as_ptr(), 1, ptr::null(), ptr::null_mut());
        assert_eq!(result(load, ()), null("model"));
        let info = bayes8_model_get_info(*model, ptr::null_mut());
        assert_eq!(result(info, ()), null("info"));
        let name = bayes8_model_get_class_name(*model, 0, ptr::null_mut());
        assert_eq!(result(name, ()), null("name"));
        bayes8_model_free(ptr::null_mut());
    }
    assert_eq!(info(ptr::null()).map(|_| ()), null("model"));
    assert_eq!(class_name(ptr::null(), 0).map(|_| ()), null("model"));
}

#[test]
fn a_length_that_no_memory_has_is_refused() {
    let mut model = uninitialized();
    // SAFETY: such a length is refused before the bytes are looked at.
    let status =
        unsafe { bayes8_model_load_bytes([0].as_ptr(), usize::MAX, ptr::null(), &mut model) };
    let (status, message) = result(status, ()).expect_err("no memory is so large");
    assert_eq!(status, Status::InvalidArgument);
    assert!(message.starts_with("`bytes` cannot have"), "{message}");
}

#[test]
fn an_input_size_that_does_not_fit_is_accepted() {
    let streets = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/camvid-unet.safetensors");
    let with = |input_size, tile_overlap| ModelOptions {
        input_size,
        tile_overlap,
        ..ModelOptions::default()
    };
    let size = |options: &ModelOptions| {
        let model = load(streets, Some(options)).expect("a size that fits");
        let info = info(*model).expect("a live model");
        [info.depth, info.height, info.width]
    };
    assert_eq!(size(&with([0; 3], 0)), [1, 192, 256]);
    assert_eq!(size(&with([1, 96, 128], 0)), [1, 96, 128]);
    assert_eq!(size(&with([1, 300, 300], 16)), [1, 300, 300]);
    for (options, part) in [
        (with([1, 100, 100], 0), "cannot change the input size"),
        (with([0, 192, 256], 0), "cannot change the input size"),
        (with([1, 300, 300], 200), "cannot predict in tiles"),
    ] {
        let (status, message) = load(streets, Some(&options)).err().expect("no such size");
        assert_eq!(status, Status::InvalidArgument);
        assert!(message.contains(part), "{message}");
    }
}
