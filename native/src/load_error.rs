//! Why a model cannot be loaded.

use crate::isa::IsaError;
use bayes8_core::format::FormatError;
use bayes8_core::limits::LimitError;
use bayes8_core::model::InputSizeError;
use bayes8_core::tiling::TilingError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a model cannot be loaded.
///
/// The message names the file; [`source`](std::error::Error::source) gives the cause. Print both, as
/// `anyhow` does with `{error:#}`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file, or the bytes, are not a model.
    #[error("{} is not a valid model", path_or(path.as_deref(), "the buffer"))]
    Format {
        /// The file; `None` for a model from memory.
        path: Option<PathBuf>,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The model takes more than [`ModelOptions::limits`](crate::ModelOptions::limits) allow.
    #[error("cannot run {}", path_or(path.as_deref(), "the model"))]
    Limit {
        /// The file; `None` for a model from memory.
        path: Option<PathBuf>,
        /// The limit that is exceeded, and the node with the largest part.
        source: LimitError,
    },
    /// The network does not fit inputs of the size in [`ModelOptions::input_size`](crate::ModelOptions::input_size).
    #[error("cannot change the input size of {}", path_or(path.as_deref(), "the model"))]
    InputSize {
        /// The file; `None` for a model from memory.
        path: Option<PathBuf>,
        /// What keeps the network from it, and the nearest sizes that fit. Boxed to keep the error small.
        source: Box<InputSizeError>,
    },
    /// Inputs of [`ModelOptions::input_size`](crate::ModelOptions::input_size) cannot be divided into tiles.
    #[error("cannot predict in tiles with {}", path_or(path.as_deref(), "the model"))]
    Tiling {
        /// The file; `None` for a model from memory.
        path: Option<PathBuf>,
        /// The cause. Boxed to keep the error small.
        source: Box<TilingError>,
    },
    /// The instruction set cannot be used.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// More threads than [`Threads::MAX`](crate::Threads::MAX).
    #[error("cannot start {count} threads: at most {max} are allowed")]
    TooManyThreads {
        /// The number of threads that was asked for.
        count: usize,
        /// The largest number.
        max: usize,
    },
    /// The system cannot start the threads.
    #[error("cannot start threads: {0}")]
    Threads(rayon::ThreadPoolBuildError),
}

/// Not a source: it prints the system's error itself, and a chain would print that twice.
impl From<rayon::ThreadPoolBuildError> for LoadError {
    fn from(error: rayon::ThreadPoolBuildError) -> Self {
        Self::Threads(error)
    }
}

/// Formats the path, or `unnamed` for a model from memory.
fn path_or(path: Option<&Path>, unnamed: &str) -> String {
    path.map_or_else(|| unnamed.into(), |path| path.display().to_string())
}
