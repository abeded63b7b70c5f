//! Status codes, the messages that explain them, and the boundary that no panic crosses.

use bayes8_native::core::format::FormatError;
use bayes8_native::core::graph::Shape;
use bayes8_native::core::head::WordsError;
use bayes8_native::{IsaError, LoadError, PredictError, RequestError};
use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use thiserror::Error;

/// Whether a call succeeded, or why not. The numbers are stable; later versions may add others. The
/// functions below list their errors without `BAYES8_STATUS_`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Success.
    Ok = 0,
    /// A pointer that must not be NULL is NULL.
    NullPointer = 1,
    /// An argument out of its range: text that is not UTF-8, an index or a length that is too
    /// large, a misaligned pointer, a range of samples that is empty or too high, chosen
    /// draws of a model that has none, a struct whose `size` is wrong or that sets a field which this
    /// version does not know.
    InvalidArgument = 2,
    /// An output buffer has no room for all results.
    BufferTooSmall = 3,
    /// The model file cannot be read.
    File = 4,
    /// The file or the bytes are not a valid model.
    Format = 5,
    /// The instruction set is unknown, or this processor does not have it.
    IsaUnavailable = 6,
    /// The threads cannot be started.
    Threads = 7,
    /// The pictures or sums do not have the shape that the model takes.
    Shape = 8,
    /// A picture holds a number that is not finite.
    NotFinite = 9,
    /// A defect of the library. It was contained: the model can be used further and freed.
    Panic = 10,
    /// The model takes more memory or steps than its options allow.
    Limit = 11,
    /// There is not enough memory for this many pictures or samples at once.
    OutOfMemory = 12,
    /// No samples can have these sums: they are damaged, or belong to another model.
    Sums = 13,
    /// The caller's progress function cancelled the prediction.
    Cancelled = 14,
    /// Bytes for a model that takes numbers, or numbers for one that takes bytes.
    Values = 15,
}

/// Why a call failed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("`{0}` is NULL")]
    Null(&'static str),
    #[error("`{0}` is not aligned for its type")]
    Misaligned(&'static str),
    #[error("`{name}` cannot have {length} elements: no memory is that large")]
    Length { name: &'static str, length: usize },
    #[error("`{0}` is not valid UTF-8")]
    NotUtf8(&'static str),
    #[error("output {index} does not exist, the model has {count} of them")]
    Output { index: usize, count: usize },
    #[error("output `{0}` is named twice")]
    Twice(String),
    #[error("{item} {index} does not exist: output `{output}` has {count} of them")]
    Item { item: &'static str, index: usize, output: String, count: usize },
    #[error("output `{output}` has no {items}: its head is `{head}`")]
    NoItems { items: &'static str, output: String, head: &'static str },
    #[error(
        "`{name}` is not a figure of output `{output}`: its head is `{head}`, which has {figures}"
    )]
    NoFigure { name: &'static str, output: String, head: &'static str, figures: String },
    #[error(
        "`{name}`: output `{output}` has no conformal predictor; `bayes8 evaluate --store` puts one into \
         the model file"
    )]
    NotCalibrated { name: &'static str, output: String },
    #[error(
        "`options->draws` is {0}, not BAYES8_DRAWS_AUTO (0), BAYES8_DRAWS_CHOSEN (1) or \
         BAYES8_DRAWS_RANDOM (2)"
    )]
    Draws(u64),
    #[error(
        "`options->seed` is {0}, which is for random draws: with BAYES8_DRAWS_CHOSEN leave it at 0"
    )]
    SeedOfChosen(u64),
    #[error("dropout node {index} does not exist, the model has {count} of them")]
    Dropout { index: usize, count: usize },
    #[error("`{name}` has room for {capacity} elements, {needed} are needed")]
    TooSmall { name: &'static str, capacity: usize, needed: usize },
    #[error("`pictures` has {length} elements, not {count} x {shape} ({})", shape.axis_names())]
    Pictures { length: usize, count: usize, shape: Shape },
    #[error("`{name}` has {length} words, not {count} x {words}")]
    SumsLength { name: &'static str, length: usize, count: usize, words: usize },
    #[error("picture {picture} of `{name}`")]
    Words { name: &'static str, picture: usize, source: WordsError },
    #[error("picture {picture} would have {samples} samples: it can have at most 2^28")]
    TooManySamples { picture: usize, samples: u64 },
    #[error("`{0}` and `{1}` overlap")]
    Overlap(&'static str, &'static str),
    #[error("`outputs->{0}` must be NULL: sums do not determine it")]
    NotFinished(&'static str),
    #[error("`outputs->next` must be NULL: the sums are those of one output")]
    OneOutput,
    #[error("`{name}->size` is {size}, not `sizeof({of})`: start from `{initializer}`")]
    Size { name: &'static str, size: usize, of: &'static str, initializer: &'static str },
    #[error(
        "`{0}` sets a field that bayes8 {version} does not know: the caller was compiled for a later \
         version, or the struct was not initialized", version = env!("CARGO_PKG_VERSION")
    )]
    UnknownField(&'static str),
    #[error("the bytes are not a valid model")]
    Format(#[from] FormatError),
    #[error(transparent)]
    Isa(#[from] IsaError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Predict(#[from] PredictError),
    #[error("defect of bayes8: {0}")]
    Panic(String),
}

impl Error {
    fn status(&self) -> Status {
        match self {
            Self::Null(_) => Status::NullPointer,
            Self::Misaligned(_)
            | Self::Length { .. }
            | Self::NotUtf8(_)
            | Self::Output { .. }
            | Self::Twice(_)
            | Self::Item { .. }
            | Self::NoItems { .. }
            | Self::NoFigure { .. }
            | Self::NotCalibrated { .. }
            | Self::Dropout { .. }
            | Self::Draws(_)
            | Self::SeedOfChosen(_)
            | Self::TooManySamples { .. }
            | Self::Overlap(..)
            | Self::NotFinished(_)
            | Self::OneOutput
            | Self::Size { .. }
            | Self::UnknownField(_) => Status::InvalidArgument,
            Self::TooSmall { .. } => Status::BufferTooSmall,
            Self::Load(LoadError::File { .. }) => Status::File,
            Self::Format(_) | Self::Load(LoadError::Format { .. }) => Status::Format,
            Self::Isa(_) | Self::Load(LoadError::Isa(_)) => Status::IsaUnavailable,
            Self::Load(LoadError::Threads(_) | LoadError::TooManyThreads { .. }) => Status::Threads,
            Self::Load(LoadError::Limit { .. }) => Status::Limit,
            Self::Load(LoadError::InputSize { .. } | LoadError::Tiling { .. }) => {
                Status::InvalidArgument
            }
            Self::Pictures { .. }
            | Self::SumsLength { .. }
            | Self::Predict(PredictError::Shape { .. }) => Status::Shape,
            Self::Words { .. } => Status::Sums,
            Self::Predict(PredictError::Cancelled) => Status::Cancelled,
            Self::Predict(PredictError::Request(error)) => match error {
                RequestError::Length { .. } => Status::Shape,
                RequestError::Values(_) => Status::Values,
                RequestError::NotFinite { .. } => Status::NotFinite,
                RequestError::Memory { .. } => Status::OutOfMemory,
                // Samples that do not exist, and what else a later version may refuse.
                _ => Status::InvalidArgument,
            },
            // Every error that this version knows has a status above.
            Self::Predict(_) | Self::Load(_) | Self::Panic(_) => Status::Panic,
        }
    }
}

/// Runs the body of a function of the C interface: an error or a panic becomes a status, and its
/// message is kept for [`bayes8_last_error_message`].
///
/// Unwinding leaves nothing half changed: a model is immutable but for idle workspaces, which have
/// no state between runs.
pub(crate) fn boundary(body: impl FnOnce() -> Result<(), Error>) -> Status {
    let result = catch_unwind(AssertUnwindSafe(body));
    match result.unwrap_or_else(|panic| Err(Error::Panic(panic_message(&*panic)))) {
        Ok(()) => Status::Ok,
        Err(error) => {
            // While a thread ends its message is gone; the status still tells what happened.
            let _ = MESSAGE.try_with(|message| message.replace(c_text(&with_causes(&error))));
            error.status()
        }
    }
}

/// The message of an error and those of its causes, with colons between.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// `text` for C, which ends at the first NUL: each NUL becomes U+FFFD.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{FFFD}")).expect("no NUL is left")
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let constant = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let formatted = || panic.downcast_ref::<String>().cloned();
    constant.or_else(formatted).unwrap_or_else(|| "a panic without a message".to_owned())
}

thread_local! {
    static MESSAGE: RefCell<CString> = RefCell::default();
}

/// Why the last call that failed on this thread failed: UTF-8 text that names the file, tensor or
/// argument and says what would be right. Empty if none has failed; a call that succeeds leaves it.
///
/// The string belongs to the library. It is valid until another call fails on this thread or the
/// thread ends; copy it to keep it or to hand it to another thread.
#[unsafe(no_mangle)]
pub extern "C" fn bayes8_last_error_message() -> *const c_char {
    const NONE: &CStr = c"";
    MESSAGE.try_with(|message| message.borrow().as_ptr()).unwrap_or(NONE.as_ptr())
}
