//! The public API: load a model, predict pictures.

use crate::engine::{Engine, Job, PictureResult, engine};
use crate::isa::{Isa, IsaError};
use bayes8_core::digest::logits_digest;
use bayes8_core::format::{self, FormatError};
use bayes8_core::graph::Shape;
use bayes8_core::input::InputQuantizer;
use bayes8_core::sampler::MAX_SAMPLES;
use bayes8_core::uncertainty::{SampleSums, Uncertainty};
use ndarray::{ArrayView2, ArrayView4, CowArray, Ix4};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::ops::Range;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A model, ready to predict. Any number of threads may share one.
pub struct Model {
    description: bayes8_core::model::Model,
    quantizer: InputQuantizer,
    engine: Box<dyn Engine>,
    isa: Isa,
    /// Threads of its own; `None` uses those of the caller's rayon pool.
    pool: Option<ThreadPool>,
}

/// How a model is to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModelOptions {
    /// Instruction set; `None` for the fastest, or what `BAYES8_ISA` says.
    pub isa: Option<Isa>,
    /// Number of threads; `None` uses the rayon pool of the caller, by default all processors.
    pub threads: Option<usize>,
}

/// A batch of pictures, `[N, H, W, C]`.
#[derive(Clone, Copy, Debug)]
pub enum Pictures<'a> {
    /// Raw bytes, which the model normalizes.
    Bytes(ArrayView4<'a, u8>),
    /// Numbers that are normalized already: `(p / 255 - mean) / std`.
    Normalized(ArrayView4<'a, f32>),
}

/// What to compute.
#[derive(Clone, Debug)]
pub struct PredictOptions {
    /// Indices of the Monte-Carlo samples; the same index always has the same weights.
    pub samples: Range<u32>,
    /// Seed of the weights.
    pub seed: u64,
    /// Whether to return the logits of every sample.
    pub keep_logits: bool,
}

impl Default for PredictOptions {
    /// 32 samples of seed 0, without logits.
    fn default() -> Self {
        Self { samples: 0..32, seed: 0, keep_logits: false }
    }
}

/// The prediction for one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    sums: SampleSums,
    logits: Vec<f32>,
    classes: usize,
}

/// Why a model cannot be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a model.
    #[error("{} is not a valid model: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FormatError,
    },
    /// The instruction set cannot be used.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// The threads cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// Why pictures cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PredictError {
    /// Pictures of another shape than the model takes.
    #[error("pictures are {found}, the model takes {expected} (height x width x channels)")]
    Shape {
        /// What the model takes.
        expected: Shape,
        /// What was given.
        found: Shape,
    },
    /// A number that has no code.
    #[error("picture {picture} holds a number that is not finite")]
    NotFinite {
        /// Index of the picture.
        picture: usize,
    },
    /// A range of samples that is empty or too high.
    #[error("samples {}..{} must not be empty nor end above {MAX_SAMPLES}", .0.start, .0.end)]
    Samples(Range<u32>),
}

impl Model {
    /// Loads a model file with default options.
    ///
    /// # Errors
    /// A [`LoadError`] that names the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        Self::load_with(path, ModelOptions::default())
    }

    /// Loads a model file.
    ///
    /// # Errors
    /// A [`LoadError`] that names the file.
    pub fn load_with(path: impl AsRef<Path>, options: ModelOptions) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let description = read(path)?;
        Self::new(description, options)
    }

    /// A model from memory, such as the converter makes.
    ///
    /// # Errors
    /// [`LoadError::Isa`] or [`LoadError::Threads`].
    pub fn new(
        description: bayes8_core::model::Model,
        options: ModelOptions,
    ) -> Result<Self, LoadError> {
        let isa = options.isa.map_or_else(Isa::choose, Isa::require)?;
        let engine = engine(&description, isa)?;
        let pool = match options.threads {
            Some(threads) => Some(ThreadPoolBuilder::new().num_threads(threads.max(1)).build()?),
            None => None,
        };
        let quantizer = InputQuantizer::new(&description);
        Ok(Self { description, quantizer, engine, isa, pool })
    }

    /// What the file says.
    pub fn description(&self) -> &bayes8_core::model::Model {
        &self.description
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Name of the kernels in use.
    pub fn kernel(&self) -> &'static str {
        self.engine.kernel()
    }

    /// Number of threads that a prediction may use.
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or_else(rayon::current_num_threads, ThreadPool::current_num_threads)
    }

    /// Name of a class; `class N` where the model has no names.
    pub fn class_name(&self, class: usize) -> String {
        let name = self.description.class_names().get(class);
        name.cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// Predicts a batch of pictures; one prediction each, in order. A pure function: the same
    /// model, pictures, seed and samples give the same bits, whatever the batch, the threads or
    /// the instruction set.
    ///
    /// # Errors
    /// A [`PredictError`] that says what is wrong with the input.
    pub fn predict(
        &self,
        pictures: Pictures<'_>,
        options: &PredictOptions,
    ) -> Result<Vec<Prediction>, PredictError> {
        let PredictOptions { samples, seed, keep_logits } = options.clone();
        if samples.is_empty() || samples.end > MAX_SAMPLES {
            return Err(PredictError::Samples(samples));
        }
        let codes = self.quantize(pictures)?;
        let pictures = codes.len() / self.description.graph().input().elements();
        let job = Job { codes: &codes, pictures, seed, samples, keep_logits };
        let run = || self.engine.run(&job);
        let results = if pictures == 0 {
            Vec::new()
        } else {
            self.pool.as_ref().map_or_else(run, |pool| pool.install(run))
        };
        let classes = self.description.classes();
        let prediction = |PictureResult { sums, logits }| Prediction { sums, logits, classes };
        Ok(results.into_iter().map(prediction).collect())
    }

    /// Draws weight samples on this thread and forgets them: for measuring what sampling costs.
    pub fn draw_weights(&self, seed: u64, samples: Range<u32>) {
        self.engine.sample(seed, samples);
    }

    fn quantize(&self, pictures: Pictures<'_>) -> Result<Vec<u8>, PredictError> {
        let expected = self.description.graph().input();
        let check = |(_, height, width, channels)| {
            let found = Shape::new(height, width, channels);
            if found == expected { Ok(()) } else { Err(PredictError::Shape { expected, found }) }
        };
        match pictures {
            Pictures::Bytes(bytes) => {
                check(bytes.dim())?;
                let mut codes = vec![0; bytes.len()];
                self.quantizer.bytes(contiguous(&bytes.as_standard_layout()), &mut codes);
                Ok(codes)
            }
            Pictures::Normalized(numbers) => {
                check(numbers.dim())?;
                for (picture, numbers) in numbers.outer_iter().enumerate() {
                    if numbers.iter().any(|x| !x.is_finite()) {
                        return Err(PredictError::NotFinite { picture });
                    }
                }
                let mut codes = vec![0; numbers.len()];
                self.quantizer.normalized(contiguous(&numbers.as_standard_layout()), &mut codes);
                Ok(codes)
            }
        }
    }
}

impl Prediction {
    /// Mean probabilities and their uncertainty.
    pub fn uncertainty(&self) -> Uncertainty {
        self.sums.finish()
    }

    /// The integer sums over the samples, to be merged with those of other sample ranges.
    pub fn sums(&self) -> &SampleSums {
        &self.sums
    }

    /// Logits `[samples, classes]`, if they were asked for.
    pub fn logits(&self) -> Option<ArrayView2<'_, f32>> {
        if self.logits.is_empty() {
            return None;
        }
        let shape = (self.logits.len() / self.classes, self.classes);
        ArrayView2::from_shape(shape, &self.logits).ok()
    }

    /// SHA-256 of the logits as little-endian f32, if they were asked for: two engines agree when
    /// it is equal.
    pub fn logits_digest(&self) -> Option<String> {
        (!self.logits.is_empty()).then(|| logits_digest(&self.logits))
    }
}

fn contiguous<'a, T>(array: &'a CowArray<'_, T, Ix4>) -> &'a [T] {
    array.as_slice().expect("an array in standard layout is contiguous")
}

fn read(path: &Path) -> Result<bayes8_core::model::Model, LoadError> {
    let unreadable = |source| LoadError::File { path: path.into(), source };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    format::read(&bytes).map_err(|source| LoadError::Format { path: path.into(), source })
}
