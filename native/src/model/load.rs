//! Loading a model.

use super::Model;
use crate::engine::{Engine, MOST_IDLE, Memory, engine};
use crate::isa::{Isa, IsaError};
use crate::load_error::LoadError;
use crate::model_options::ModelOptions;
use crate::tiled::Tiled;
use bayes8_core::format::{self, FormatError};
use bayes8_core::input::InputQuantizer;
use bayes8_core::limits::Cost;
use bayes8_core::model::QuantizedModel;
use bayes8_core::tiling::Tiling;
use crossbeam_queue::ArrayQueue;
use std::path::Path;
use std::sync::Arc;

impl Model {
    /// Loads a model file with the default [`ModelOptions`].
    ///
    /// # Errors
    /// [`LoadError`], which names the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        Self::load_with(path, ModelOptions::default())
    }

    /// Loads a model file.
    ///
    /// # Errors
    /// [`LoadError`], which names the file.
    pub fn load_with(path: impl AsRef<Path>, options: ModelOptions) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let bytes = crate::file::read(path)
            .map_err(|source| LoadError::File { path: path.into(), source })?;
        Self::prepare(parse(&bytes, Some(path))?, options, Some(path), engine)
    }

    /// Loads a model from the bytes of a model file, with the default [`ModelOptions`].
    ///
    /// # Errors
    /// [`LoadError::Format`], [`LoadError::InputSize`], [`LoadError::Limit`] and [`LoadError::Isa`].
    ///
    /// # Examples
    /// ```
    /// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    /// let bytes = std::fs::read("models/mnist-cnn.safetensors")?;
    /// let model = bayes8_native::Model::from_bytes(&bytes)?;
    /// assert_eq!(model.quantized().name(), "mnist-cnn");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::from_bytes_with(bytes, ModelOptions::default())
    }

    /// Loads a model from the bytes of a model file.
    ///
    /// # Errors
    /// [`LoadError::Format`], [`LoadError::InputSize`], [`LoadError::Limit`] and [`LoadError::Isa`].
    pub fn from_bytes_with(bytes: &[u8], options: ModelOptions) -> Result<Self, LoadError> {
        Self::prepare(parse(bytes, None)?, options, None, engine)
    }

    /// Prepares a model that is in memory, such as the converter makes.
    ///
    /// # Errors
    /// [`LoadError::InputSize`], [`LoadError::Limit`] and [`LoadError::Isa`].
    pub fn new(quantized: QuantizedModel, options: ModelOptions) -> Result<Self, LoadError> {
        Self::prepare(quantized, options, None, engine)
    }

    /// Prepares a model that was read from `path`, or from memory, on the engine that `engine` creates.
    pub(crate) fn prepare(
        quantized: QuantizedModel,
        options: ModelOptions,
        path: Option<&Path>,
        engine: impl FnOnce(&QuantizedModel, Isa, Memory) -> Result<Box<dyn Engine>, IsaError>,
    ) -> Result<Self, LoadError> {
        let ModelOptions { isa, threads, bank_bytes, limits, input_size, tile_overlap } = options;
        let isa = isa.map_or_else(Isa::choose, Isa::require)?;
        let size = input_size.unwrap_or(quantized.graph().input().axes());
        let file = || path.map(Path::to_path_buf);
        let tiling = tile_overlap.map(|overlap| Tiling::new(&quantized, size, overlap)).transpose();
        let tiling = tiling.map_err(|error| {
            let (path, source) = (file(), Box::new(error));
            LoadError::Tiling { path, source }
        })?;
        let quantized = match &tiling {
            Some(_) => quantized,
            None => quantized.with_input_size(size).map_err(|error| {
                let (path, source) = (file(), Box::new(error));
                LoadError::InputSize { path, source }
            })?,
        };
        Cost::new(&quantized)
            .check(&quantized, limits)
            .map_err(|source| LoadError::Limit { path: file(), source })?;
        let activation_bytes = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
        let mut engine = engine(&quantized, isa, Memory { activation_bytes, bank_bytes })?;
        let mut quantizer = InputQuantizer::new(&quantized);
        let mut outputs = Arc::clone(quantized.shared_outputs());
        let is_tiled = tiling.is_some();
        if let Some(tiling) = tiling {
            quantizer = quantizer.with_shape(tiling.input());
            let of_tile = core::mem::replace(&mut outputs, Arc::clone(tiling.outputs()));
            engine = Box::new(Tiled { inner: engine, tiling, outputs: of_tile });
        }
        let default_samples = quantized.randomness().default_samples();
        let codes = ArrayQueue::new(MOST_IDLE);
        Ok(Self {
            quantized,
            quantizer,
            outputs,
            is_tiled,
            engine,
            isa,
            threads,
            default_samples,
            codes,
        })
    }
}

fn parse(bytes: &[u8], path: Option<&Path>) -> Result<QuantizedModel, LoadError> {
    let invalid =
        |source: FormatError| LoadError::Format { path: path.map(Path::to_path_buf), source };
    format::read(bytes).map_err(invalid)
}
