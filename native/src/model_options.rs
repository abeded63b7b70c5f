//! How a model runs: kernels, threads, memory.

use crate::isa::Isa;
use crate::load_error::LoadError;
use crate::pool::Pool;
use bayes8_core::limits::Limits;
#[cfg(doc)]
use bayes8_core::model::QuantizedModel;
use std::sync::Arc;

/// The threads that run a model's predictions. No result depends on them.
///
/// # Examples
/// Two models that share four threads:
/// ```no_run
/// use bayes8_native::{Model, ModelOptions, Threads};
///
/// let options = ModelOptions::new().threads(Threads::new(4)?);
/// let clothes = Model::load_with("models/fashion-resnet14.safetensors", options.clone())?;
/// let photos = Model::load_with("models/cifar10-resnet20.safetensors", options)?;
/// assert_eq!((clothes.threads(), photos.threads()), (4, 4));
/// # Ok::<(), bayes8_native::LoadError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Threads {
    /// The rayon pool that the caller runs in. Outside any pool this is rayon's global one, which has one thread per
    /// processor.
    #[default]
    Caller,
    /// The calling thread alone.
    One,
    /// A pool of the caller's, which several models may share.
    Pool(Arc<Pool>),
}

impl Threads {
    /// The largest number of threads that [`new`](Self::new) starts: more than any machine has processors,
    /// and few enough to start them all.
    pub const MAX: usize = 1024;

    /// Returns `count` threads: the calling one for 0 and 1, a new pool otherwise.
    ///
    /// # Errors
    /// [`LoadError::TooManyThreads`] for more than [`MAX`](Self::MAX), [`LoadError::Threads`] when the system
    /// cannot start them.
    pub fn new(count: usize) -> Result<Self, LoadError> {
        if count <= 1 {
            return Ok(Self::One);
        }
        if count > Self::MAX {
            return Err(LoadError::TooManyThreads { count, max: Self::MAX });
        }
        Ok(Self::Pool(Arc::new(Pool::new(count)?)))
    }

    /// Returns the number of threads.
    pub fn count(&self) -> usize {
        match self {
            Self::Caller => rayon::current_num_threads(),
            Self::One => 1,
            Self::Pool(pool) => pool.current_num_threads(),
        }
    }

    /// Calls `f` where rayon finds these threads.
    pub(crate) fn install<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        match self {
            Self::Pool(pool) => pool.install(f),
            Self::Caller | Self::One => f(),
        }
    }
}

/// How a model runs. Only [`input_size`](Self::input_size) changes what it predicts.
///
/// # Examples
/// ```
/// use bayes8_native::{Isa, ModelOptions, Threads};
///
/// let options = ModelOptions::new().isa(Isa::Portable).threads(Threads::One).bank_bytes(64 << 20);
/// assert_eq!(options.bank_bytes, 67_108_864);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ModelOptions {
    /// Instruction set. `None`, the default, takes the one that `BAYES8_ISA` names, or else the fastest.
    pub isa: Option<Isa>,
    /// Threads. By default those of the caller's rayon pool.
    pub threads: Threads,
    /// Bytes for a *sample bank*, which keeps drawn weights for later predictions from the same seed and sample
    /// indices. One sample takes [`Model::weight_bytes`](crate::Model::weight_bytes); the least recently used one
    /// goes first. By default 0: no bank.
    pub bank_bytes: usize,
    /// The most that the model may take to run. A prediction never takes more memory for activations than
    /// [`Limits::memory_bytes`], whatever its pictures and threads. By default 2 GiB and 2^42 steps.
    pub limits: Limits,
    /// Planes, rows and columns of the inputs, if the network fits others than that of the model file
    /// ([`QuantizedModel::with_input_size`]).
    pub input_size: Option<[usize; 3]>,
    /// Whether inputs of [`input_size`](Self::input_size) are divided into tiles of the model file's size, and by how many
    /// elements neighbouring tiles overlap along each axis. All outputs must be maps. Memory is that of a tile, and of
    /// the whole map.
    pub tile_overlap: Option<usize>,
}

impl ModelOptions {
    /// Returns the defaults: the fastest instruction set, the caller's threads, no bank.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the instruction set; `None` chooses the fastest. Loading fails where the processor lacks it.
    #[must_use]
    pub fn isa(self, isa: impl Into<Option<Isa>>) -> Self {
        Self { isa: isa.into(), ..self }
    }

    /// Sets the threads.
    #[must_use]
    pub fn threads(self, threads: Threads) -> Self {
        Self { threads, ..self }
    }

    /// Sets the size of the sample bank, in bytes.
    #[must_use]
    pub fn bank_bytes(self, bank_bytes: usize) -> Self {
        Self { bank_bytes, ..self }
    }

    /// Sets the most that the model may take to run. Loading fails where it takes more.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Predicts in tiles, of which neighbours overlap by `overlap` elements along each axis; `None` for whole inputs. Loading
    /// fails where the inputs cannot be divided like this.
    ///
    /// # Examples
    /// ```
    /// use bayes8_native::{Model, ModelOptions};
    ///
    /// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    /// let options = ModelOptions::new().input_size([1, 500, 700]).tile_overlap(32);
    /// let model = Model::load_with("models/camvid-unet.safetensors", options)?;
    /// assert_eq!(model.input().to_string(), "500x700x3");
    /// assert_eq!(model.quantized().graph().input().to_string(), "192x256x3"); // a tile
    /// assert_eq!(model.outputs()[0].positions, [1, 500, 700]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn tile_overlap(self, overlap: impl Into<Option<usize>>) -> Self {
        Self { tile_overlap: overlap.into(), ..self }
    }

    /// Sets planes, rows and columns of the inputs; `None` for those of the model file. Loading fails where the network
    /// does not fit them.
    #[must_use]
    pub fn input_size(self, size: impl Into<Option<[usize; 3]>>) -> Self {
        Self { input_size: size.into(), ..self }
    }
}
