//! Loading, describing and freeing a model.

use crate::error::{Error, Status, boundary, c_text};
use crate::pointer::{Place, optional, reference, slice, text};
use bayes8_native::core::format;
use bayes8_native::core::limits::Limits;
use bayes8_native::{LoadError, ModelOptions as NativeOptions, Pool, Threads};
use std::ffi::{CStr, CString, OsStr, c_char};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A model, ready to predict. It never changes: any number of threads may use one at once.
/// Only freeing it needs care: no other thread may still be using it.
///
/// A process must not fork after it has loaded a model and use one in the child, which has none of
/// the threads.
pub struct ModelHandle {
    pub(crate) native: bayes8_native::Model,
    name: CString,
    digest: CString,
    kernel: CString,
    class_names: Vec<CString>,
}

// Handles are shared between threads of the caller, which the compiler cannot see.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<ModelHandle>();
};

/// How a model is to run. Start from `bayes8_model_options_default()`: later versions may add
/// fields.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ModelOptions {
    /// Name of an instruction set, such as `avx2`; the message for a wrong one lists them all. NULL,
    /// the default, for the one in the environment variable `BAYES8_ISA`, or else the fastest that
    /// the processor has and `BAYES8_HIDE` (names with commas between) does not hide. It changes the
    /// speed of a prediction and not one bit of the result.
    pub isa: *const c_char,
    /// Number of threads of the model's own; 1 predicts on the calling thread. 0, the default, for
    /// one per processor, which all such models share and which end with the last of them.
    pub threads: usize,
    /// Bytes that may be spent on keeping sampled weights for later predictions of the same seed
    /// and sample indices; 0, the default, keeps none. Changes no result.
    pub bank_bytes: usize,
    /// Most bytes that a prediction may take for activations, whatever its pictures and threads: a
    /// model of which a single picture takes more is refused. 0, the default, for 2 GiB.
    pub max_memory_bytes: u64,
    /// Most steps that a model may take for a picture and a weight sample, as `bayes8 inspect` shows
    /// them: one that takes more is refused. 0, the default, for 2^42.
    pub max_steps: u64,
}

/// What a model is. The strings are UTF-8 and live as long as the model.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo {
    /// Name of the model.
    pub name: *const c_char,
    /// Digest of the model, `blake3:` and 64 hexadecimal digits: names it in a record of its
    /// predictions, as no other model has the same. `bayes8 inspect` shows it.
    pub digest: *const c_char,
    /// Name of the kernels in use.
    pub kernel: *const c_char,
    /// Depth of a volume, in planes; 1 for pictures.
    pub depth: usize,
    /// Height of a picture, in pixels; 1 for sequences.
    pub height: usize,
    /// Width of a picture, in pixels.
    pub width: usize,
    /// Channels of a picture: 1 for gray, 3 for red, green and blue.
    pub channels: usize,
    /// Number of classes.
    pub classes: usize,
    /// Number of threads that a prediction may use.
    pub threads: usize,
}

/// Options for the fastest instruction set and all processors.
#[unsafe(no_mangle)]
pub extern "C" fn bayes8_model_options_default() -> ModelOptions {
    ModelOptions { isa: ptr::null(), threads: 0, bank_bytes: 0, max_memory_bytes: 0, max_steps: 0 }
}

/// Loads a model file.
///
/// On success `*model` is a handle that the caller must free with `bayes8_model_free()`, on any
/// error NULL. The file is read once and not needed any more. `options` may be NULL for the
/// defaults. On Windows `path` is UTF-8, elsewhere the bytes that the system takes.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT`, `FILE`, `FORMAT`, `ISA_UNAVAILABLE`, `THREADS`,
/// `LIMIT`.
///
/// # Safety
/// `path` and `options->isa` are NULL or NUL-terminated strings; `options` and `model` are NULL or
/// point to objects of their types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_load(
    path: *const c_char,
    options: *const ModelOptions,
    model: *mut *mut ModelHandle,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (place, path, options) = unsafe {
            let place = handle(model)?;
            (place, text(path, "path")?, native_options(options)?)
        };
        let native = bayes8_native::Model::load_with(file_name(path)?, options)?;
        place.set(Box::into_raw(Box::new(ModelHandle::new(native))));
        Ok(())
    })
}

/// Loads a model from the `length` bytes of a model file, which are not needed any more when the
/// call returns. All else is as for `bayes8_model_load()`.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT`, `FORMAT`, `ISA_UNAVAILABLE`, `THREADS`,
/// `LIMIT`.
///
/// # Safety
/// `bytes` is NULL or points to `length` bytes; `options` and `model` are NULL or point to objects
/// of their types; `options->isa` is NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_load_bytes(
    bytes: *const u8,
    length: usize,
    options: *const ModelOptions,
    model: *mut *mut ModelHandle,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (place, bytes, options) = unsafe {
            let place = handle(model)?;
            (place, slice(bytes, length, "bytes")?, native_options(options)?)
        };
        let native = bayes8_native::Model::new(format::read(bytes)?, options)?;
        place.set(Box::into_raw(Box::new(ModelHandle::new(native))));
        Ok(())
    })
}

/// Frees a model and all strings that came from it; its threads have ended when the call returns.
/// NULL is allowed and does nothing.
///
/// # Safety
/// `model` is NULL or a handle that was not freed before and that no thread is using.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_free(model: *mut ModelHandle) {
    if model.is_null() {
        return;
    }
    let _ = boundary(|| {
        // SAFETY: a handle comes from `Box::into_raw`; the caller vouches that it is freed once.
        drop(unsafe { Box::from_raw(model) });
        Ok(())
    });
}

/// Describes a model in `*info`.
///
/// Errors: `NULL_POINTER`.
///
/// # Safety
/// `model` is NULL or a live handle; `info` is NULL or points to an object of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_get_info(
    model: *const ModelHandle,
    info: *mut ModelInfo,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (model, place) = unsafe { (reference(model, "model")?, Place::new(info, "info")?) };
        let input = model.native.quantized().graph().input();
        place.set(ModelInfo {
            name: model.name.as_ptr(),
            digest: model.digest.as_ptr(),
            kernel: model.kernel.as_ptr(),
            depth: input.depth,
            height: input.height,
            width: input.width,
            channels: input.channels,
            classes: model.class_names.len(),
            threads: model.native.threads(),
        });
        Ok(())
    })
}

/// Puts the name of a class into `*name`: UTF-8 that lives as long as the model; `class N` where
/// the model has no names.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT` where there is no such class.
///
/// # Safety
/// `model` is NULL or a live handle; `name` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_get_class_name(
    model: *const ModelHandle,
    index: usize,
    name: *mut *const c_char,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (model, place) = unsafe { (reference(model, "model")?, Place::new(name, "name")?) };
        let classes = model.class_names.len();
        let name = model.class_names.get(index).ok_or(Error::Class { class: index, classes })?;
        place.set(name.as_ptr());
        Ok(())
    })
}

impl ModelHandle {
    fn new(native: bayes8_native::Model) -> Self {
        let classes = native.quantized().classes();
        Self {
            name: c_text(native.quantized().name()),
            digest: c_text(&native.digest().to_string()),
            kernel: c_text(native.kernel()),
            class_names: (0..classes).map(|class| c_text(&native.class_name(class))).collect(),
            native,
        }
    }
}

/// The caller's variable for a handle, NULL until there is one.
///
/// # Safety
/// `model` is NULL, misaligned, or valid for writes as long as the place lives.
unsafe fn handle(model: *mut *mut ModelHandle) -> Result<Place<*mut ModelHandle>, Error> {
    // SAFETY: the caller's contract is the same.
    let place = unsafe { Place::new(model, "model") }?;
    place.set(ptr::null_mut());
    Ok(place)
}

/// The threads of all models that have none of their own: they end with the last of those models.
fn shared_pool() -> Result<Arc<Pool>, LoadError> {
    static SHARED: Mutex<Weak<Pool>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = shared.upgrade() {
        return Ok(pool);
    }
    let pool = Arc::new(Pool::new(0)?);
    *shared = Arc::downgrade(&pool);
    Ok(pool)
}

/// # Safety
/// `options` is NULL, misaligned or points to options, whose `isa` is NULL or a NUL-terminated
/// string.
unsafe fn native_options(options: *const ModelOptions) -> Result<NativeOptions, Error> {
    // SAFETY: the caller's contract.
    let options = unsafe { optional(options, "options") }?.copied();
    let options = options.unwrap_or_else(|| bayes8_model_options_default());
    let isa = if options.isa.is_null() {
        None
    } else {
        // SAFETY: the caller vouches for the string.
        let name = unsafe { text(options.isa, "options->isa") }?;
        Some(name.to_str().map_err(|_| Error::NotUtf8("options->isa"))?.parse()?)
    };
    let threads = match options.threads {
        0 => Threads::Pool(shared_pool()?),
        count => Threads::new(count)?,
    };
    let Limits { memory_bytes, steps, .. } = Limits::default();
    let given = |limit: u64, default| if limit == 0 { default } else { limit };
    let limits = Limits::new()
        .memory_bytes(given(options.max_memory_bytes, memory_bytes))
        .steps(given(options.max_steps, steps));
    let native = NativeOptions::new().isa(isa).threads(threads);
    Ok(native.bank_bytes(options.bank_bytes).limits(limits))
}

#[cfg(unix)]
fn file_name(path: &CStr) -> Result<&OsStr, Error> {
    use std::os::unix::ffi::OsStrExt;
    Ok(OsStr::from_bytes(path.to_bytes()))
}

#[cfg(not(unix))]
fn file_name(path: &CStr) -> Result<&OsStr, Error> {
    path.to_str().map(OsStr::new).map_err(|_| Error::NotUtf8("path"))
}
