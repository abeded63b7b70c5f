//! A model that is ready to predict on this machine.

mod load;

use crate::engine::{Engine, Job, Stopped};
use crate::isa::Isa;
#[cfg(doc)]
use crate::model_options::ModelOptions;
use crate::model_options::Threads;
use crate::pictures::Pictures;
use crate::predict_options::{EachSample, MOST_SAMPLES_UNTIL, Observer, PredictOptions};
use crate::prediction::{NodeTrace, PredictError, Prediction};
use bayes8_core::digest::ModelDigest;
use bayes8_core::draws::Draws;
use bayes8_core::executor::NodeOutput;
use bayes8_core::format;
use bayes8_core::graph::Shape;
use bayes8_core::head::Output;
use bayes8_core::input::InputQuantizer;
use bayes8_core::model::QuantizedModel;
use bayes8_core::session::{DrawSequence, Pieces, RequestError, SampleRange};
use crossbeam_queue::ArrayQueue;
use ndarray::Dimension;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What options stand for.
struct Request<'a> {
    draws: &'a DrawSequence,
    samples: SampleRange,
    options: &'a PredictOptions,
}

/// A model that is ready to predict on this machine.
///
/// Any number of threads may share one and predict at once; no lock stands in the way of a prediction
/// (a sample bank, if there is one, is looked up once per sample).
///
/// # Examples
/// ```
/// use bayes8_native::{Model, Pictures, PredictOptions};
/// use ndarray::Array4;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let model = Model::load("models/fashion-resnet14.safetensors")?;
/// let black = Array4::<u8>::zeros((1, 28, 28, 1));
/// let options = PredictOptions::new().samples(0..8).seed(7);
/// let predictions = model.predict(Pictures::Bytes(black.view()), &options)?;
/// let uncertainty = predictions[0].uncertainty().classes().expect("a classifier");
/// let (class, probability) = uncertainty.top(1)[0];
/// println!("{}: {probability:.3}", model.class_name(class));
/// assert!(uncertainty.mutual_information <= uncertainty.predictive_entropy);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Model {
    quantized: QuantizedModel,
    quantizer: InputQuantizer,
    /// Those of predictions.
    outputs: Arc<[Output]>,
    /// Whether inputs are divided into tiles.
    is_tiled: bool,
    engine: Box<dyn Engine>,
    isa: Isa,
    threads: Threads,
    default_samples: u32,
    /// Input codes of earlier predictions: memory for later ones.
    codes: ArrayQueue<Vec<u8>>,
}

impl Model {
    /// Returns the network: name, class names, graph, parameters. It is what the model file holds, for inputs of
    /// [`ModelOptions::input_size`]; with [`ModelOptions::tile_overlap`], for a tile.
    pub fn quantized(&self) -> &QuantizedModel {
        &self.quantized
    }

    /// Returns the shape of an input: that of the network, or of the whole that is divided into tiles.
    pub fn input(&self) -> Shape {
        self.quantizer.shape()
    }

    /// Returns the outputs of predictions, at least one: those of the network, or, for inputs that are divided into tiles,
    /// with all positions.
    pub fn outputs(&self) -> &Arc<[Output]> {
        &self.outputs
    }

    /// Computes the digest that identifies the model in a record of its predictions ([`format::digest`]).
    pub fn digest(&self) -> ModelDigest {
        format::digest(&self.quantized)
    }

    /// Returns the instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Returns the name of the kernels in use.
    pub fn kernel(&self) -> &'static str {
        self.engine.kernel()
    }

    /// Returns the number of threads that a prediction may use.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// Returns the number of samples of a prediction for which none is given: the number of members for an ensemble
    /// in which nothing else varies, and otherwise 32, rounded up to a multiple of the members
    /// ([`Randomness::default_samples`](bayes8_core::model::Randomness::default_samples)).
    pub fn default_samples(&self) -> u32 {
        self.default_samples
    }

    /// Returns the draws and the indices of the samples that `options` stand for. The default number of samples is
    /// [`Self::default_samples`], or that of the chosen draws if it is smaller.
    ///
    /// # Errors
    /// [`RequestError`] when the model does not have them.
    pub fn samples_of(
        &self,
        options: &PredictOptions,
    ) -> Result<(DrawSequence, SampleRange), RequestError> {
        let draws = DrawSequence::new(&self.quantized, options.draws)?;
        let most = options.until.map_or(self.default_samples, |_| MOST_SAMPLES_UNTIL);
        let default = || 0..draws.at_most(most);
        let samples = draws.range(options.samples.clone().unwrap_or_else(default))?;
        if let (Some(until), [first, ..]) = (options.until, &self.outputs[..]) {
            until.check(first, samples.count()).map_err(RequestError::from)?;
        }
        Ok((draws, samples))
    }

    /// Returns the name of a class, or `class N` if the model has no class names.
    pub fn class_name(&self, class: usize) -> String {
        let name = self.quantized.class_names().get(class);
        name.cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// Predicts a batch of pictures and returns one prediction per picture, in order.
    ///
    /// This is a pure function: the same model, picture, seed and samples give the same bits, whatever the
    /// other pictures of the batch, the threads and the instruction set.
    ///
    /// # Errors
    /// [`PredictError::Shape`] and [`PredictError::Request`] when the input does not fit.
    pub fn predict<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        options: &PredictOptions,
    ) -> Result<Vec<Prediction>, PredictError> {
        let mut predictions = Vec::new();
        self.predict_into(pictures, options, &mut predictions)?;
        Ok(predictions)
    }

    /// Predicts a batch of pictures while an [`Observer`] watches, who can cancel.
    ///
    /// Returns what [`Self::predict`] returns. The work is done in pieces of about a second, so the logits that
    /// the observer sees take little memory, however many samples there are.
    ///
    /// # Errors
    /// Those of [`Self::predict`], and [`PredictError::Cancelled`].
    pub fn predict_with<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        options: &PredictOptions,
        observer: Observer<'_>,
    ) -> Result<Vec<Prediction>, PredictError> {
        let mut predictions = Vec::new();
        let (draws, samples) = self.samples_of(options)?;
        let pieces = Pieces::new(&self.quantized, self.threads(), samples);
        let request = Request { draws: &draws, samples, options };
        self.run(pictures, request, pieces, observer, &mut predictions)?;
        Ok(predictions)
    }

    /// Predicts like [`Self::predict`], into memory that the caller keeps.
    ///
    /// `predictions` may hold anything before. Calls allocate no memory once it has grown to the
    /// size of the batch and the model has met its highest number of simultaneous calls. There are
    /// two exceptions. A draw that the bank has not kept takes an entry of its map. A call from
    /// outside the model's rayon pool passes through the pool's queue, which allocates a block now
    /// and then; with [`Threads::One`], or from a thread of the pool, nothing does.
    ///
    /// # Errors
    /// Those of [`Self::predict`]. `predictions` is left as it was, but is empty after [`RequestError::Memory`].
    pub fn predict_into<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        options: &PredictOptions,
        predictions: &mut Vec<Prediction>,
    ) -> Result<(), PredictError> {
        let (draws, samples) = self.samples_of(options)?;
        let request = Request { draws: &draws, samples, options };
        self.run(pictures, request, Pieces::WHOLE, Observer::default(), predictions)
    }

    /// Predicts in `pieces`.
    fn run<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        request: Request<'_>,
        pieces: Pieces,
        observer: Observer<'_>,
        predictions: &mut Vec<Prediction>,
    ) -> Result<(), PredictError> {
        let Request { draws, samples, options: &PredictOptions { keep_logits, until, .. } } =
            request;
        self.check_whole(keep_logits || observer.logits.is_some())?;
        let cancelled = AtomicBool::new(false);
        let progress = |pictures| {
            // If one thread breaks, all stop.
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
            let job = Job { codes: &codes, draws, samples, keep_logits, threads, progress };
            Prediction::reset(predictions, pictures, &self.outputs)
                .map_err(Stopped::from)
                .and_then(|()| match until {
                    Some(until) => self.run_until(job, until, pieces, observer.logits, predictions),
                    None => self.run_pieces(job, pieces, observer.logits, predictions),
                })
                .map_err(|stopped| {
                    predictions.clear();
                    self.error(stopped, pictures, samples, keep_logits)
                })
        });
        // If the queue is full, the memory is freed.
        drop(self.codes.push(codes));
        run
    }

    /// Checks that the network sees whole inputs, if `needed`.
    pub(crate) fn check_whole(&self, needed: bool) -> Result<(), PredictError> {
        if needed && self.is_tiled { Err(PredictError::Tiled) } else { Ok(()) }
    }

    /// Returns the error for a prediction that stopped early.
    pub(crate) fn error(
        &self,
        stopped: Stopped,
        pictures: usize,
        samples: SampleRange,
        keep_logits: bool,
    ) -> PredictError {
        let kept = if keep_logits { self.quantized.output_numbers() } else { 0 };
        let numbers = samples.count().saturating_mul(kept);
        match stopped {
            Stopped::OutOfMemory => RequestError::Memory { pictures, numbers }.into(),
            Stopped::Cancelled => PredictError::Cancelled,
        }
    }

    /// Runs `job` in `pieces`, and passes the logits of each piece to `observe`.
    pub(crate) fn run_pieces(
        &self,
        job: Job<'_>,
        pieces: Pieces,
        mut observe: Option<EachSample<'_>>,
        predictions: &mut [Prediction],
    ) -> Result<(), Stopped> {
        let picture_bytes = job.codes.len() / predictions.len().max(1);
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

    /// Returns the output of every node for a batch of pictures and one weight sample, in the order of the
    /// nodes: to find the first node on which two engines differ.
    ///
    /// Flattened values, and convolutions that end in a residual addition, have no codes and are left out.
    ///
    /// # Errors
    /// Those of [`Self::predict`], and [`PredictError::Tiled`].
    pub fn trace<D: Dimension>(
        &self,
        pictures: Pictures<'_, D>,
        draws: Option<Draws>,
        sample: u32,
    ) -> Result<Vec<NodeTrace>, PredictError> {
        self.check_whole(true)?;
        let draws = DrawSequence::new(&self.quantized, draws)?;
        let samples = draws.range(sample..sample.saturating_add(1))?;
        let mut codes = Vec::new();
        let pictures = self.quantize(pictures, &mut codes)?;
        let trace = |draw| self.threads.install(|| self.engine.trace(&codes, draw, self.threads()));
        let outputs = draws.of(samples).map(trace).collect::<Result<Vec<_>, _>>();
        let outputs = outputs.map_err(|_| RequestError::Memory { pictures, numbers: 0 })?;
        let nodes = self.quantized.graph().nodes();
        let named =
            |NodeOutput { node, bytes }| NodeTrace { node: nodes[node].name.clone(), bytes };
        Ok(outputs.into_iter().flatten().map(named).collect())
    }

    /// Returns the size of one weight sample in the bank, in bytes ([`ModelOptions::bank_bytes`]).
    pub fn weight_bytes(&self) -> usize {
        self.engine.weight_bytes()
    }

    /// Draws weight samples on this thread and forgets them, to measure the cost of sampling.
    ///
    /// # Errors
    /// [`PredictError::Request`] for samples that do not exist, or without memory.
    pub fn draw_weights(&self, seed: u64, samples: Range<u32>) -> Result<(), PredictError> {
        let draws = DrawSequence::Random { seed };
        Ok(self.engine.draw_weights(&draws, draws.range(samples)?)?)
    }

    /// Fills `codes` with the input codes of the pictures and returns the number of pictures.
    pub(crate) fn quantize<D: Dimension>(
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
        // Without pictures there is nothing to quantize; the answer is no predictions.
        if count > 0 {
            pictures.with_input(|input| input.quantize(&self.quantizer, codes))?;
        }
        Ok(count)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.quantized.name())
            .field("input", &self.input())
            .field("isa", &self.isa)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}
