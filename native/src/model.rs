//! The public API: load a model, predict pictures.

use crate::engine::{Engine, Job, MOST_IDLE, Memory, Stopped, engine};
use crate::isa::{Isa, IsaError};
use crate::pool::Pool;
use crate::prediction::{
    EachSample, NodeTrace, Observer, Pictures, PredictError, PredictOptions, Prediction,
};
use bayes8_core::digest::ModelDigest;
use bayes8_core::executor::NodeOutput;
use bayes8_core::format::{self, FormatError};
use bayes8_core::input::InputQuantizer;
use bayes8_core::limits::{Cost, LimitError, Limits};
use bayes8_core::model::QuantizedModel;
use bayes8_core::posterior::Draw;
use bayes8_core::session::{Pieces, RequestError, SampleRange};
use crossbeam_queue::ArrayQueue;
use ndarray::Dimension;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;

/// A model, ready to predict. Any number of threads may share one.
pub struct Model {
    quantized: QuantizedModel,
    quantizer: InputQuantizer,
    engine: Box<dyn Engine>,
    isa: Isa,
    threads: Threads,
    /// Input codes of earlier predictions: memory for later ones.
    codes: ArrayQueue<Vec<u8>>,
}

/// Which threads run a model's predictions.
#[derive(Clone, Debug, Default)]
pub enum Threads {
    /// The rayon pool that `predict` is called in: by default the global one, all processors.
    #[default]
    Caller,
    /// This thread alone, the one that calls.
    One,
    /// A pool of the caller's, which several models may share.
    Pool(Arc<Pool>),
}

impl Threads {
    /// `count` threads: the calling one, or a new pool.
    ///
    /// # Errors
    /// [`LoadError::Threads`] when they cannot be started.
    pub fn new(count: usize) -> Result<Self, LoadError> {
        if count <= 1 {
            return Ok(Self::One);
        }
        Ok(Self::Pool(Arc::new(Pool::new(count)?)))
    }

    /// Number of threads.
    pub fn count(&self) -> usize {
        match self {
            Self::Caller => rayon::current_num_threads(),
            Self::One => 1,
            Self::Pool(pool) => pool.current_num_threads(),
        }
    }

    /// Calls `f` where rayon finds these threads.
    fn install<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        match self {
            Self::Pool(pool) => pool.install(f),
            Self::Caller | Self::One => f(),
        }
    }
}

/// How a model is to run.
#[derive(Clone, Debug, Default)]
pub struct ModelOptions {
    /// Instruction set; `None` for the fastest, or what `BAYES8_ISA` says.
    pub isa: Option<Isa>,
    /// Threads.
    pub threads: Threads,
    /// Bytes of weight samples that are kept for later predictions with the same seed and sample
    /// indices ([`Model::weight_bytes`] each); less than one keeps none. Changes no result.
    pub bank_bytes: usize,
    /// What the model may take to run. A prediction takes no more memory for activations than
    /// [`Limits::memory_bytes`], whatever its pictures and threads.
    pub limits: Limits,
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
    /// The model takes more than [`ModelOptions::limits`].
    #[error("{}{source}", path.as_deref().map(cannot_run).unwrap_or_default())]
    Limit {
        /// The file; `None` for a model from memory.
        path: Option<PathBuf>,
        /// Which limit, and the node with the largest part.
        source: LimitError,
    },
    /// The instruction set cannot be used.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// The threads cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
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
        let quantized = read(path)?;
        Self::prepare(quantized, options, Some(path))
    }

    /// A model from memory, such as the converter makes.
    ///
    /// # Errors
    /// [`LoadError::Isa`] and [`LoadError::Limit`].
    pub fn new(quantized: QuantizedModel, options: ModelOptions) -> Result<Self, LoadError> {
        Self::prepare(quantized, options, None)
    }

    /// The model of `path`, or from memory.
    fn prepare(
        quantized: QuantizedModel,
        options: ModelOptions,
        path: Option<&Path>,
    ) -> Result<Self, LoadError> {
        let ModelOptions { isa, threads, bank_bytes, limits } = options;
        let isa = isa.map_or_else(Isa::choose, Isa::require)?;
        Cost::new(&quantized)
            .check(&quantized, limits)
            .map_err(|source| LoadError::Limit { path: path.map(PathBuf::from), source })?;
        let activation_bytes = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
        let engine = engine(&quantized, isa, Memory { activation_bytes, bank_bytes })?;
        let quantizer = InputQuantizer::new(&quantized);
        let codes = ArrayQueue::new(MOST_IDLE);
        Ok(Self { quantized, quantizer, engine, isa, threads, codes })
    }

    /// What the file says.
    pub fn quantized(&self) -> &QuantizedModel {
        &self.quantized
    }

    /// What names the model in a record of its predictions ([`format::digest`]).
    pub fn digest(&self) -> ModelDigest {
        format::digest(&self.quantized)
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
        self.threads.count()
    }

    /// Name of a class; `class N` where the model has no names.
    pub fn class_name(&self, class: usize) -> String {
        let name = self.quantized.class_names().get(class);
        name.cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// Predicts a batch of pictures; one prediction each, in order. A pure function: the same
    /// model, pictures, seed and samples give the same bits, whatever the batch, the threads or
    /// the instruction set.
    ///
    /// # Errors
    /// A [`PredictError`] that says what is wrong with the input.
    pub fn predict<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        options: &PredictOptions,
    ) -> Result<Vec<Prediction>, PredictError> {
        let mut predictions = Vec::new();
        self.predict_into(pictures, options, &mut predictions)?;
        Ok(predictions)
    }

    /// The same in pieces of about a second's work, which an [`Observer`] watches and can cancel. The
    /// logits that it sees take memory piece by piece, however many samples there are.
    ///
    /// # Errors
    /// A [`PredictError`] that says what is wrong with the input, or [`PredictError::Cancelled`].
    pub fn predict_with<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        options: &PredictOptions,
        observer: Observer<'_>,
    ) -> Result<Vec<Prediction>, PredictError> {
        let mut predictions = Vec::new();
        let samples = SampleRange::new(options.samples.clone())?;
        let pieces = Pieces::new(&self.quantized, self.threads(), samples);
        self.run(pictures, options, samples, pieces, observer, &mut predictions)?;
        Ok(predictions)
    }

    /// [`Self::predict`] into memory of the caller's, whatever it held: once it has grown to the size of the
    /// batch, and as many calls as ever run at a time have run, no memory is allocated. (A draw that
    /// the bank has not kept takes an entry of its map. A call
    /// from outside of its rayon pool passes through the pool's queue, which allocates a block now
    /// and then; with [`Threads::One`], or from a thread of the pool, nothing does.)
    ///
    /// # Errors
    /// A [`PredictError`] that says what is wrong with the input; `predictions` is left as it was, but
    /// empty after [`RequestError::Memory`].
    pub fn predict_into<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        options: &PredictOptions,
        predictions: &mut Vec<Prediction>,
    ) -> Result<(), PredictError> {
        let samples = SampleRange::new(options.samples.clone())?;
        self.run(pictures, options, samples, Pieces::WHOLE, Observer::default(), predictions)
    }

    /// Predicts `samples`, those of `options`, in `pieces`.
    fn run<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        options: &PredictOptions,
        samples: SampleRange,
        pieces: Pieces,
        observer: Observer<'_>,
        predictions: &mut Vec<Prediction>,
    ) -> Result<(), PredictError> {
        let &PredictOptions { seed, keep_logits, .. } = options;
        let cancelled = AtomicBool::new(false);
        let progress = |pictures| {
            // One thread that breaks ends the work of all.
            if cancelled.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            let flow = observer.progress.map_or(ControlFlow::Continue(()), |f| f(pictures));
            cancelled.fetch_or(flow.is_break(), Ordering::Relaxed);
            flow
        };
        let mut codes = self.codes.pop().unwrap_or_default();
        let run = self.quantize(pictures, &mut codes).and_then(|pictures| {
            let (threads, progress) = (self.threads(), &progress);
            let job = Job { codes: &codes, seed, samples, keep_logits, threads, progress };
            Prediction::reset(predictions, pictures, self.quantized.head())
                .map_err(Stopped::from)
                .and_then(|()| self.run_pieces(job, pieces, observer.logits, predictions))
                .map_err(|stopped| {
                    predictions.clear();
                    let kept = if keep_logits { self.quantized.outputs() } else { 0 };
                    let logits = samples.count().saturating_mul(kept);
                    match stopped {
                        Stopped::OutOfMemory => RequestError::Memory { pictures, logits }.into(),
                        Stopped::Cancelled => PredictError::Cancelled,
                    }
                })
        });
        // Where the queue is full the memory is freed.
        drop(self.codes.push(codes));
        run
    }

    /// Runs `pieces` of `job`, and hands out the logits of each.
    fn run_pieces(
        &self,
        job: Job<'_>,
        pieces: Pieces,
        mut observe: Option<EachSample<'_>>,
        predictions: &mut [Prediction],
    ) -> Result<(), Stopped> {
        let picture_bytes = self.quantizer.shape().elements();
        let keep_logits = job.keep_logits || observe.is_some();
        for (pictures, samples) in pieces.of(predictions.len(), job.samples) {
            let codes = &job.codes[pictures.start * picture_bytes..pictures.end * picture_bytes];
            let piece = Job { codes, samples, keep_logits, ..job };
            let first = pictures.start;
            let predictions = &mut predictions[pictures];
            if keep_logits {
                Prediction::reserve(predictions, samples.count())?;
            }
            self.threads.install(|| self.engine.run(piece, predictions))?;
            let Some(observe) = &mut observe else { continue };
            for (index, prediction) in predictions.iter_mut().enumerate() {
                let each = |logits: &[f32]| observe(first + index, logits);
                prediction.hand_out(samples.count(), job.keep_logits, each);
            }
        }
        Ok(())
    }

    /// What every node gives for a batch of pictures and weight sample `sample` of `seed`, in the
    /// order of the nodes: to find the first one on which two engines differ. A prediction keeps
    /// none of it. Flattened values, and convolutions that end in a residual addition, have no
    /// codes of their own and are left out.
    ///
    /// # Errors
    /// A [`PredictError`] that says what is wrong with the input.
    pub fn trace<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        seed: u64,
        sample: u32,
    ) -> Result<Vec<NodeTrace>, PredictError> {
        SampleRange::new(sample..sample.saturating_add(1))?;
        let mut codes = Vec::new();
        let pictures = self.quantize(pictures, &mut codes)?;
        let (draw, threads) = (Draw { seed, sample }, self.threads());
        let outputs = self.threads.install(|| self.engine.trace(&codes, draw, threads));
        let outputs = outputs.map_err(|_| RequestError::Memory { pictures, logits: 0 })?;
        let nodes = self.quantized.graph().nodes();
        let named =
            |NodeOutput { node, bytes }| NodeTrace { node: nodes[node].name.clone(), bytes };
        Ok(outputs.into_iter().map(named).collect())
    }

    /// Bytes of one weight sample in the bank ([`ModelOptions::bank_bytes`]).
    pub fn weight_bytes(&self) -> usize {
        self.engine.weight_bytes()
    }

    /// Draws weight samples on this thread and forgets them: for measuring what sampling costs.
    ///
    /// # Errors
    /// [`PredictError::Request`].
    pub fn draw_weights(&self, seed: u64, samples: Range<u32>) -> Result<(), PredictError> {
        Ok(self.engine.draw_weights(seed, SampleRange::new(samples)?)?)
    }

    /// Fills `codes` with the input codes of pictures, and counts these.
    fn quantize<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        codes: &mut Vec<u8>,
    ) -> Result<usize, PredictError> {
        let expected = self.quantizer.shape();
        let count = match pictures.extents().split_first() {
            Some((&count, one)) if expected.fits(one) => count,
            _ => {
                let found = pictures.extents().get(1..).unwrap_or_default().to_vec();
                return Err(PredictError::Shape { expected, found });
            }
        };
        codes.clear();
        // A request without pictures has an answer here: no predictions.
        if count > 0 {
            pictures.with_input(|input| input.quantize(&self.quantizer, codes))?;
        }
        Ok(count)
    }
}

fn cannot_run(path: &Path) -> String {
    format!("cannot run {}: ", path.display())
}

fn read(path: &Path) -> Result<QuantizedModel, LoadError> {
    let unreadable = |source| LoadError::File { path: path.into(), source };
    let bytes = crate::file::read(path).map_err(unreadable)?;
    format::read(&bytes).map_err(|source| LoadError::Format { path: path.into(), source })
}
