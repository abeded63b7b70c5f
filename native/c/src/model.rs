//! Loading, describing and freeing a model.

use crate::dropout::{Dropout, DropoutNode};
use crate::error::{Error, Status, boundary, c_text};
use crate::extensible::{self, Extensible};
use crate::output::OutputTexts;
use crate::pointer::{Place, reference, slice, text};
use bayes8_native::core::format;
use bayes8_native::core::model::Values;
use bayes8_native::{Limits, LoadError, ModelOptions as NativeOptions, Output, Pool, Threads};
use std::ffi::{CStr, CString, OsStr, c_char};
use std::mem::offset_of;
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
    outputs: Vec<OutputTexts>,
    bayesian_layers: usize,
    dropout: Vec<DropoutNode>,
}

// Handles are shared between threads of the caller, which the compiler cannot see.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<ModelHandle>();
};

/// How a model is to run. Start from `BAYES8_MODEL_OPTIONS_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ModelOptions {
    /// `sizeof(bayes8_model_options)`.
    pub size: usize,
    /// Name of an instruction set, such as `avx2`; the message for a wrong one lists them all. NULL,
    /// the default, for the one in the environment variable `BAYES8_ISA`, or else the fastest that
    /// the processor has and `BAYES8_HIDE` (names separated by commas) does not hide. It changes the
    /// speed of a prediction and not one bit of the result.
    pub isa: *const c_char,
    /// Number of threads that only this model uses, at most 1024; 1 predicts on the calling thread. 0,
    /// the default, for one per processor, which all such models share and which end with the last of
    /// them.
    pub threads: usize,
    /// Bytes that may be spent on keeping sampled weights for later predictions of the same seed
    /// and sample indices; 0, the default, keeps none. Changes no result.
    pub bank_bytes: usize,
    /// Most bytes that a prediction may take for activations, whatever its pictures and threads. A
    /// model that takes more for a single picture is refused. 0, the default, for 2 GiB.
    pub max_memory_bytes: u64,
    /// Most steps that a model may take per picture and weight sample, as `bayes8 inspect` shows
    /// them. A model that takes more is refused. 0, the default, for 2^42.
    pub max_steps: u64,
    /// Planes, rows and columns of the inputs, if the network fits others than those of the file. All 0, the default,
    /// for those of the file.
    pub input_size: [usize; 3],
    /// If not 0, inputs of `input_size` are divided into tiles of the size in the file, of which neighbours overlap by
    /// this number of elements along each axis, at most half of a tile. All outputs must be maps, and predictions have
    /// no logits.
    pub tile_overlap: usize,
}

// SAFETY: integers and a pointer, of which any bytes are valid; the last field ends the struct.
unsafe impl Extensible for ModelOptions {
    const NAME: &'static str = "bayes8_model_options";
    const INITIALIZER: &'static str = "BAYES8_MODEL_OPTIONS_INIT";
    const FIRST_SIZE: usize = offset_of!(Self, max_steps) + size_of::<u64>();
}

/// Name, shape and other facts about a model. The strings are UTF-8 and live as long as the model.
/// Start from `BAYES8_MODEL_INFO_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo {
    /// `sizeof(bayes8_model_info)`, set by the caller.
    pub size: usize,
    /// Name of the model.
    pub name: *const c_char,
    /// Digest of the model, `blake3:` and 64 hexadecimal digits. No other model has the same, so it
    /// names the model in records of predictions. `bayes8 inspect` shows it.
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
    /// Number of classes of the first output; 0 if its head is another.
    pub classes: usize,
    /// Number of threads that a prediction may use.
    pub threads: usize,
    /// Number of integers in the sums of the first output for a picture (`sums` of `bayes8_outputs`).
    pub sum_words: usize,
    /// Number of samples of a prediction whose options have `samples` 0: the number of members for an
    /// ensemble in which nothing else varies, and otherwise 32, rounded up to a multiple of the members. Of
    /// chosen draws it is `chosen_draws` if that is smaller.
    pub default_samples: usize,
    /// Number of members of an ensemble, which samples take in turn; 1 if all samples take the same
    /// network.
    pub members: usize,
    /// Number of layers whose weights or biases have a Gaussian posterior.
    pub bayesian_layers: usize,
    /// Number of dropout nodes, which are active; `bayes8_model_get_dropout()` describes them.
    pub dropout: usize,
    /// Number of outputs, at least 1; `bayes8_model_get_output()` describes them.
    pub outputs: usize,
    /// Number of the network's numbers for a picture and sample, of all outputs (`logits` of
    /// `bayes8_outputs`).
    pub numbers: usize,
    /// What the model takes: `bytes`, for `bayes8_predict()`, or `numbers`, for `bayes8_predict_numbers()`.
    pub values: *const c_char,
    /// Number of draws that the model chose, which predictions with a seed of 0 take (`draws` of
    /// `bayes8_predict_options`); 0 if it has none.
    pub chosen_draws: usize,
}

// SAFETY: sizes and pointers, of which any bytes are valid; the last field ends the struct.
unsafe impl Extensible for ModelInfo {
    const NAME: &'static str = "bayes8_model_info";
    const INITIALIZER: &'static str = "BAYES8_MODEL_INFO_INIT";
    const FIRST_SIZE: usize = offset_of!(Self, dropout) + size_of::<usize>();
}

/// Loads a model file.
///
/// On success `*model` is a handle that the caller must free with `bayes8_model_free()`, on any
/// error NULL. The file is not needed after the call. `options` may be NULL for the defaults. On
/// Windows `path` is UTF-8, elsewhere the bytes that the system takes.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT`, `FILE`, `FORMAT`, `ISA_UNAVAILABLE`, `THREADS`,
/// `LIMIT`.
///
/// # Safety
/// `path` is NULL or a NUL-terminated string. `options` is NULL or points to a `bayes8_model_options`
/// of `options->size` bytes, whose `isa` is NULL or a NUL-terminated string. `model` is NULL or points
/// to a pointer.
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

/// Loads a model from the `length` bytes of a model file, which are not needed after the call.
///
/// On success `*model` is a handle that the caller must free with `bayes8_model_free()`, on any
/// error NULL. `options` may be NULL for the defaults.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT`, `FORMAT`, `ISA_UNAVAILABLE`, `THREADS`,
/// `LIMIT`.
///
/// # Safety
/// `bytes` is NULL or points to `length` bytes. `options` is NULL or points to a `bayes8_model_options`
/// of `options->size` bytes, whose `isa` is NULL or a NUL-terminated string. `model` is NULL or points
/// to a pointer.
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

/// Fills `*info`, which must start from `BAYES8_MODEL_INFO_INIT`.
///
/// An older library than the header sets fields that it does not know to zero.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT`.
///
/// # Safety
/// `model` is NULL or a live handle; `info` is NULL or points to a `bayes8_model_info` of `info->size`
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_get_info(
    model: *const ModelHandle,
    info: *mut ModelInfo,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let model = unsafe { reference(model, "model") }?;
        let input = model.native.input();
        let chosen = model.native.quantized().chosen_draws();
        let value = ModelInfo {
            size: size_of::<ModelInfo>(),
            name: model.name.as_ptr(),
            digest: model.digest.as_ptr(),
            kernel: model.kernel.as_ptr(),
            depth: input.depth,
            height: input.height,
            width: input.width,
            channels: input.channels,
            classes: model.native.quantized().classes().map_or(0, |classes| classes.count),
            threads: model.native.threads(),
            sum_words: model.output(0)?.head.sum_words(),
            default_samples: model.native.default_samples() as usize,
            members: model.native.quantized().members(),
            bayesian_layers: model.bayesian_layers,
            dropout: model.dropout.len(),
            outputs: model.outputs.len(),
            numbers: model.native.quantized().output_numbers(),
            values: match model.native.quantized().preprocessing().values {
                Values::Bytes => c"bytes".as_ptr(),
                Values::Numbers => c"numbers".as_ptr(),
            },
            chosen_draws: chosen.map_or(0, |draws| draws.samples().len()),
        };
        // SAFETY: the caller's contract.
        unsafe { extensible::write(info, &value, "info") }
    })
}

/// Fills `*dropout`, which must start from `BAYES8_DROPOUT_INIT`, with the dropout node of an index,
/// in execution order. `dropout` of `bayes8_model_info` is their number.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT` where no dropout node has this index.
///
/// # Safety
/// `model` is NULL or a live handle; `dropout` is NULL or points to a `bayes8_dropout` of
/// `dropout->size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_get_dropout(
    model: *const ModelHandle,
    index: usize,
    dropout: *mut Dropout,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let model = unsafe { reference(model, "model") }?;
        let count = model.dropout.len();
        let found = model.dropout.get(index).ok_or(Error::Dropout { index, count })?;
        // SAFETY: the caller's contract.
        unsafe { extensible::write(dropout, &found.describe(), "dropout") }
    })
}

impl Default for ModelOptions {
    /// Those of `BAYES8_MODEL_OPTIONS_INIT`.
    fn default() -> Self {
        Self {
            size: size_of::<Self>(),
            isa: ptr::null(),
            threads: 0,
            bank_bytes: 0,
            max_memory_bytes: 0,
            max_steps: 0,
            input_size: [0; 3],
            tile_overlap: 0,
        }
    }
}

impl ModelHandle {
    fn new(native: bayes8_native::Model) -> Self {
        let randomness = native.quantized().randomness();
        Self {
            bayesian_layers: randomness.bayesian_layers,
            dropout: randomness.dropout.iter().map(DropoutNode::new).collect(),
            name: c_text(native.quantized().name()),
            digest: c_text(&native.digest().to_string()),
            kernel: c_text(native.kernel()),
            outputs: native.outputs().iter().map(OutputTexts::new).collect(),
            native,
        }
    }

    /// The output of an index.
    pub(crate) fn output(&self, index: usize) -> Result<&Output, Error> {
        let outputs = self.native.outputs();
        outputs.get(index).ok_or(Error::Output { index, count: outputs.len() })
    }

    /// The strings of the output of an index.
    pub(crate) fn texts(&self, index: usize) -> Result<&OutputTexts, Error> {
        let count = self.outputs.len();
        self.outputs.get(index).ok_or(Error::Output { index, count })
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

/// The threads of all models that ask for no number of them: they end with the last of those models.
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
/// `options` is NULL, misaligned or points to options of any version, with their `size` set, whose
/// `isa` is NULL or a NUL-terminated string.
unsafe fn native_options(options: *const ModelOptions) -> Result<NativeOptions, Error> {
    // SAFETY: the caller's contract.
    let options = unsafe { extensible::read_optional(options, "options") }?.unwrap_or_default();
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
    let size = Some(options.input_size).filter(|size| *size != [0; 3]);
    let native = NativeOptions::new().isa(isa).threads(threads).input_size(size);
    let native = native.tile_overlap(Some(options.tile_overlap).filter(|&overlap| overlap > 0));
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
