//! Spreads pictures and weight samples over threads.
//!
//! Each thread takes some of the samples. If there are fewer samples than threads, the pictures are
//! split too; if that is not enough, the threads share each operation. Results are integer sums
//! that merge exactly, so the split changes no bit.
//!
//! Memory is borrowed from lock-free queues and returned, so that a prediction allocates nothing
//! once the queues hold enough for all predictions that run at the same time.

use crate::bank::Bank;
use crate::isa::{Isa, IsaError};
use crate::kernels::{Kernel, with_kernel};
use crate::predict_options::Progress;
use crate::prediction::Prediction;
use crate::threads::simd;
use bayes8_core::backend::Backend;
use bayes8_core::executor::{NodeOutput, OutOfMemory, Workspace};
use bayes8_core::head::Output;
use bayes8_core::head::map::MapSums;
use bayes8_core::model::QuantizedModel;
use bayes8_core::posterior::Draw;
use bayes8_core::reference::Reference;
use bayes8_core::session::{DrawSequence, RequestError, SampleRange, Session};
use crossbeam_queue::ArrayQueue;
use std::sync::Arc;

/// A job: input codes of whole pictures, and the weight samples to run.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) codes: &'a [u8],
    pub(crate) draws: &'a DrawSequence,
    pub(crate) samples: SampleRange,
    pub(crate) keep_logits: bool,
    /// Number of threads of the current rayon pool to use; 1 does not use rayon.
    pub(crate) threads: usize,
    /// Called by every thread after each of its samples, with the number of pictures that it was
    /// run for.
    pub(crate) progress: Progress<'a>,
}

/// Why a job stopped early.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stopped {
    OutOfMemory,
    Cancelled,
}

impl From<OutOfMemory> for Stopped {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// The memory to use.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Bytes of activations at a time, of all threads together. At least one picture always runs.
    pub(crate) activation_bytes: usize,
    /// Bytes of the sample bank.
    pub(crate) bank_bytes: usize,
}

/// An executor with the memory of its threads, for any kernels.
pub(crate) trait Engine: Send + Sync {
    /// Returns the name of the kernels.
    fn kernel(&self) -> &'static str;
    /// Runs a job and adds its samples to `predictions`, one per picture.
    fn run(&self, job: Job<'_>, predictions: &mut [Prediction]) -> Result<(), Stopped>;
    /// Returns the output of every node for the pictures of `codes` and one draw, on `threads`
    /// threads.
    fn trace(
        &self,
        codes: &[u8],
        draw: Draw,
        threads: usize,
    ) -> Result<Vec<NodeOutput>, OutOfMemory>;
    /// Draws weight samples on this thread and discards them.
    fn draw_weights(&self, draws: &DrawSequence, samples: SampleRange) -> Result<(), RequestError>;
    /// Returns the size of one weight sample in bytes.
    fn weight_bytes(&self) -> usize;
}

/// Creates the engine of `model` on `isa`.
pub(crate) fn engine(
    model: &QuantizedModel,
    isa: Isa,
    memory: Memory,
) -> Result<Box<dyn Engine>, IsaError> {
    with_kernel!(
        isa,
        K => {
            let kernel = K::new().ok_or(IsaError::Unavailable(isa))?;
            Ok(threaded(model, simd(kernel), memory))
        },
        portable => Ok(threaded(model, Reference, memory)),
        missing => Err(IsaError::Unavailable(isa))
    )
}

fn threaded<B: Backend + 'static>(
    model: &QuantizedModel,
    backend: B,
    memory: Memory,
) -> Box<dyn Engine> {
    Box::new(Threaded::new(model, backend, memory))
}

/// How threads share the memory for activations.
#[derive(Clone, Copy)]
struct Share {
    /// Number of parts of a job that run at a time, with separate activations. The threads of a
    /// part share each operation.
    parts: usize,
    /// Number of pictures of a part that run together, one sample after the other. The values that
    /// no sample changes are kept for all of them.
    together: usize,
}

/// Bytes of activations that run together: about the size that stays in the caches of a processor.
const BLOCK_BYTES: usize = 20 << 20;

/// Bytes for the sums of one picture in all parts of a job together. At least one part always runs.
const MOST_SUM_BYTES: usize = 256 << 20;

/// The most idle buffers that are kept; others are freed.
pub(crate) const MOST_IDLE: usize = 256;

pub(crate) struct Threaded<B: Backend> {
    session: Session<B>,
    outputs: Arc<[Output]>,
    activation_bytes: usize,
    pub(crate) bank: Option<Bank<B>>,
    workspaces: ArrayQueue<Workspace<B>>,
    /// Sums of one thread before they are merged.
    partial: ArrayQueue<Vec<Prediction>>,
}

impl<B: Backend> Threaded<B> {
    pub(crate) fn new(model: &QuantizedModel, backend: B, memory: Memory) -> Self {
        let Memory { activation_bytes, bank_bytes } = memory;
        let session = Session::new(model, backend, BLOCK_BYTES);
        Self {
            bank: Bank::new(bank_bytes, session.executor().weight_bytes()),
            session,
            outputs: Arc::clone(model.shared_outputs()),
            activation_bytes,
            workspaces: ArrayQueue::new(MOST_IDLE),
            partial: ArrayQueue::new(MOST_IDLE),
        }
    }

    /// Runs `job` on its threads.
    fn spread(
        &self,
        job: Job<'_>,
        share: Share,
        predictions: &mut [Prediction],
    ) -> Result<(), Stopped> {
        let (samples, threads, parts) = (job.samples.count(), job.threads, share.parts);
        let left_parts = parts / 2;
        let of_parts = |parts| Share { parts, ..share };
        let left_threads = threads * left_parts / parts;
        let left = Job { threads: left_threads, ..job };
        let right = Job { threads: threads - left_threads, ..job };
        if parts > 1 && samples > 1 {
            // Each part gets about the same number of samples, and at least one.
            let (first, last) = job.samples.split_at((samples * left_parts / parts).max(1));
            let left = Job { samples: first, ..left };
            let right = Job { samples: last, ..right };
            let mut partial = self.partial.pop().unwrap_or_default();
            Prediction::reset(&mut partial, predictions.len(), &self.outputs)?;
            if job.keep_logits {
                Prediction::reserve(&mut partial, last.count())?;
            }
            let (left, right) = rayon::join(
                || self.spread(left, of_parts(left_parts), predictions),
                || self.spread(right, of_parts(parts - left_parts), &mut partial),
            );
            left.and(right)?;
            for (prediction, part) in predictions.iter_mut().zip(&partial) {
                prediction.merge(part);
            }
            // If the queue is full, the memory is freed.
            drop(self.partial.push(partial));
            Ok(())
        } else if parts > 1 && predictions.len() > 1 {
            let split = (predictions.len() * left_parts / parts).max(1);
            let picture_bytes = job.codes.len() / predictions.len();
            let (left_codes, right_codes) = job.codes.split_at(split * picture_bytes);
            let (left_predictions, right_predictions) = predictions.split_at_mut(split);
            let left = Job { codes: left_codes, ..left };
            let right = Job { codes: right_codes, ..right };
            let (left, right) = rayon::join(
                || self.spread(left, of_parts(left_parts), left_predictions),
                || self.spread(right, of_parts(parts - left_parts), right_predictions),
            );
            left.and(right)
        } else {
            self.run_here(job, share.together, predictions)
        }
    }

    /// Runs `job` on this thread, with each operation shared by the job's threads.
    fn run_here(
        &self,
        job: Job<'_>,
        together: usize,
        predictions: &mut [Prediction],
    ) -> Result<(), Stopped> {
        let idle = self.workspaces.pop();
        let mut workspace = match idle {
            Some(workspace) => workspace,
            None => self.session.workspace()?,
        };
        self.session.executor().share(&mut workspace, job.threads);
        let picture_bytes = job.codes.len() / predictions.len();
        let mut runs =
            job.codes.chunks(together * picture_bytes).zip(predictions.chunks_mut(together));
        let run = runs.try_for_each(|(codes, predictions)| {
            self.run_pictures(Job { codes, ..job }, &mut workspace, predictions)
        });
        drop(self.workspaces.push(workspace));
        run
    }

    /// Runs a job whose pictures all run together.
    fn run_pictures(
        &self,
        job: Job<'_>,
        workspace: &mut Workspace<B>,
        predictions: &mut [Prediction],
    ) -> Result<(), Stopped> {
        let executor = self.session.executor();
        executor.begin(job.codes, workspace)?;
        let pictures = predictions.len();
        let run = self.session.run(
            workspace,
            job.draws,
            job.samples,
            |draw, workspace| {
                let bank = self.bank.as_ref()?;
                Some(bank.get(draw, |weights| executor.sample(draw, weights, workspace)))
            },
            |picture, numbers| {
                let add_to_map = |sums: &mut MapSums, numbers: &[f32]| {
                    executor.backend().add_to_map(sums, numbers);
                };
                predictions[picture].add(numbers, job.keep_logits, add_to_map);
            },
            || (job.progress)(pictures),
        );
        if run.is_break() { Err(Stopped::Cancelled) } else { Ok(()) }
    }

    /// Chooses how `threads` threads share the memory for activations and for sums: one part each, if
    /// they all fit.
    fn share(&self, threads: usize) -> Share {
        let (executor, capacity) = (self.session.executor(), self.session.capacity());
        let block = capacity * executor.bytes_per_picture();
        let sums = self.outputs.iter().map(Output::result_bytes).fold(0, usize::saturating_add);
        let parts = (self.activation_bytes / block.max(1)).min(MOST_SUM_BYTES / sums.max(1));
        let parts = parts.clamp(1, threads.max(1));
        let kept = executor.kept_bytes_per_picture().max(1);
        let together = (self.activation_bytes / parts / kept).max(capacity);
        Share { parts, together }
    }
}

impl<B: Backend> Engine for Threaded<B> {
    fn kernel(&self) -> &'static str {
        self.session.executor().backend().kernel()
    }

    fn run(&self, job: Job<'_>, predictions: &mut [Prediction]) -> Result<(), Stopped> {
        if predictions.is_empty() {
            return Ok(());
        }
        self.spread(job, self.share(job.threads), predictions)
    }

    fn trace(
        &self,
        codes: &[u8],
        draw: Draw,
        threads: usize,
    ) -> Result<Vec<NodeOutput>, OutOfMemory> {
        let executor = self.session.executor();
        let mut workspace = self.session.workspace()?;
        executor.share(&mut workspace, threads);
        executor.begin(codes, &mut workspace)?;
        Ok(executor.trace(draw, &mut workspace))
    }

    fn draw_weights(&self, draws: &DrawSequence, samples: SampleRange) -> Result<(), RequestError> {
        self.session.draw_weights(draws, samples)
    }

    fn weight_bytes(&self) -> usize {
        self.session.executor().weight_bytes()
    }
}
