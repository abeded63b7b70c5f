//! Spreads pictures and weight samples over threads.
//!
//! Each thread takes some of the samples; where there are fewer samples than threads, some of the
//! pictures too; and where there are fewer of both, the threads share each operation. Results are
//! integer sums that merge exactly, so the split changes no bit.
//!
//! Memory is lent from lock-free queues and given back, so that a prediction allocates nothing once
//! there are as many of each as run at the same time.

use crate::bank::Bank;
use crate::isa::{Isa, IsaError};
use crate::kernels::{Kernel, with_kernel};
use crate::prediction::Prediction;
use crate::threads::simd;
use bayes8_core::backend::Backend;
use bayes8_core::executor::{Executor, NodeOutput, OutOfMemory, WeightSample, Weights, Workspace};
use bayes8_core::model::Model;
use bayes8_core::reference::Reference;
use bayes8_core::sampler::Draw;
use crossbeam_queue::ArrayQueue;
use std::ops::Range;

/// What to run: input codes of whole pictures, and which weight samples.
#[derive(Clone)]
pub(crate) struct Job<'a> {
    pub(crate) codes: &'a [u8],
    pub(crate) seed: u64,
    pub(crate) samples: Range<u32>,
    pub(crate) keep_logits: bool,
    /// Threads to use, those of the current rayon pool; 1 leaves rayon alone.
    pub(crate) threads: usize,
}

/// How much memory to use.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Bytes of activations at a time, of all threads together, as long as one picture fits.
    pub(crate) activation_bytes: usize,
    /// Bytes of the weight bank.
    pub(crate) bank_bytes: usize,
}

/// An executor whatever its kernels, with the memory of its threads.
pub(crate) trait Engine: Send + Sync {
    /// Name of the kernels.
    fn kernel(&self) -> &'static str;
    /// Runs a job and adds its samples to `predictions`, one a picture.
    fn run(&self, job: &Job<'_>, predictions: &mut [Prediction]) -> Result<(), OutOfMemory>;
    /// What every node gives for the first of a job's samples.
    fn trace(&self, job: &Job<'_>) -> Result<Vec<NodeOutput>, OutOfMemory>;
    /// Draws weight samples and does nothing with them, on this thread.
    fn sample(&self, seed: u64, samples: Range<u32>) -> Result<(), OutOfMemory>;
    /// Bytes of one draw of the weights.
    fn weight_bytes(&self) -> usize;
}

/// The engine of `model` on `isa`.
pub(crate) fn engine(model: &Model, isa: Isa, memory: Memory) -> Result<Box<dyn Engine>, IsaError> {
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

fn threaded<B: Backend + 'static>(model: &Model, backend: B, memory: Memory) -> Box<dyn Engine> {
    Box::new(Threaded::new(model, backend, memory))
}

/// How the memory for activations is shared.
#[derive(Clone, Copy)]
struct Share {
    /// Parts of a job that run at a time, with activations of their own; the threads of a part share
    /// each operation.
    parts: usize,
    /// Pictures of a part that run one sample after the other: what no sample changes is kept of all.
    together: usize,
}

/// Bytes of activations that run together: about what stays in the caches of a processor.
const BLOCK_BYTES: usize = 20 << 20;

/// More pictures at a time gain nothing: the weights of a layer are in cache long before.
const MOST_TOGETHER: usize = 32;

/// Idle memory that is kept; beyond it, it is freed.
pub(crate) const MOST_IDLE: usize = 256;

pub(crate) struct Threaded<B: Backend> {
    executor: Executor<B>,
    capacity: usize,
    activation_bytes: usize,
    pub(crate) bank: Option<Bank<B>>,
    workspaces: ArrayQueue<Workspace<B>>,
    /// Sums of one thread before they are merged.
    partial: ArrayQueue<Vec<Prediction>>,
}

impl<B: Backend> Threaded<B> {
    pub(crate) fn new(model: &Model, backend: B, memory: Memory) -> Self {
        let Memory { activation_bytes, bank_bytes } = memory;
        let executor = Executor::new(model, backend);
        let together = BLOCK_BYTES / executor.bytes_per_picture();
        Self {
            capacity: together.clamp(1, MOST_TOGETHER),
            activation_bytes,
            bank: Bank::new(bank_bytes, executor.weight_bytes()),
            executor,
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
    ) -> Result<(), OutOfMemory> {
        let (samples, threads, parts) = (job.samples.len(), job.threads, share.parts);
        let left_parts = parts / 2;
        let of_parts = |parts| Share { parts, ..share };
        let left_threads = threads * left_parts / parts;
        if parts > 1 && samples > 1 {
            // Each part gets about the same number of samples, and at least one.
            let split = (samples * left_parts / parts).max(1) as u32;
            let middle = job.samples.start + split;
            let left = job.samples.start..middle;
            let right = middle..job.samples.end;
            let left = Job { samples: left, threads: left_threads, ..job.clone() };
            let right = Job { samples: right, threads: threads - left_threads, ..job };
            let mut partial = self.partial.pop().unwrap_or_default();
            let classes = self.executor.classes();
            let logits = if right.keep_logits { right.samples.len() * classes } else { 0 };
            Prediction::reset(&mut partial, predictions.len(), classes, logits)?;
            let (left, right) = rayon::join(
                || self.spread(left, of_parts(left_parts), predictions),
                || self.spread(right, of_parts(parts - left_parts), &mut partial),
            );
            left.and(right)?;
            for (prediction, part) in predictions.iter_mut().zip(&partial) {
                prediction.merge(part);
            }
            // Where the queue is full the memory is freed.
            drop(self.partial.push(partial));
            Ok(())
        } else if parts > 1 && predictions.len() > 1 {
            let split = (predictions.len() * left_parts / parts).max(1);
            let (left, right) = predictions.split_at_mut(split);
            let picture_bytes = job.codes.len() / (left.len() + right.len());
            let (left_codes, right_codes) = job.codes.split_at(split * picture_bytes);
            let left_job = Job { codes: left_codes, threads: left_threads, ..job.clone() };
            let threads = threads - left_threads;
            let right_job = Job { codes: right_codes, threads, ..job };
            let (left, right) = rayon::join(
                || self.spread(left_job, of_parts(left_parts), left),
                || self.spread(right_job, of_parts(parts - left_parts), right),
            );
            left.and(right)
        } else {
            self.run_here(&job, share.together, predictions)
        }
    }

    /// Runs `job` on this thread, and each operation on the job's threads.
    fn run_here(
        &self,
        job: &Job<'_>,
        together: usize,
        predictions: &mut [Prediction],
    ) -> Result<(), OutOfMemory> {
        let idle = self.workspaces.pop();
        let mut workspace = match idle {
            Some(workspace) => workspace,
            None => self.executor.workspace(self.capacity)?,
        };
        self.executor.share(&mut workspace, job.threads);
        let picture_bytes = job.codes.len() / predictions.len();
        let runs = job.codes.chunks(together * picture_bytes);
        for (codes, predictions) in runs.zip(predictions.chunks_mut(together)) {
            self.run_pictures(&Job { codes, ..job.clone() }, &mut workspace, predictions)?;
        }
        drop(self.workspaces.push(workspace));
        Ok(())
    }

    /// Runs as many pictures as may be kept at a time.
    fn run_pictures(
        &self,
        job: &Job<'_>,
        workspace: &mut Workspace<B>,
        predictions: &mut [Prediction],
    ) -> Result<(), OutOfMemory> {
        self.executor.begin(job.codes, workspace)?;
        for sample in job.samples.clone() {
            let draw = Draw { seed: job.seed, sample };
            let each = |picture: usize, logits: &[f32]| {
                predictions[picture].add(logits, job.keep_logits);
            };
            let Some(bank) = &self.bank else {
                self.executor.run_sample(Weights::Fresh(draw), workspace, each);
                continue;
            };
            let weights = bank.get(draw, |weights| {
                self.executor.sample(draw, weights, workspace);
            });
            self.executor.run_sample(Weights::Kept(&weights), workspace, each);
        }
        Ok(())
    }

    /// How `threads` threads share the memory for activations: a part each, if those all fit.
    fn share(&self, threads: usize) -> Share {
        let block = self.capacity * self.executor.bytes_per_picture();
        let parts = (self.activation_bytes / block.max(1)).clamp(1, threads.max(1));
        let kept = self.executor.kept_bytes_per_picture().max(1);
        let together = (self.activation_bytes / parts / kept).max(self.capacity);
        Share { parts, together }
    }
}

impl<B: Backend> Engine for Threaded<B> {
    fn kernel(&self) -> &'static str {
        self.executor.backend().kernel()
    }

    fn run(&self, job: &Job<'_>, predictions: &mut [Prediction]) -> Result<(), OutOfMemory> {
        if predictions.is_empty() {
            return Ok(());
        }
        self.spread(job.clone(), self.share(job.threads), predictions)
    }

    fn trace(&self, job: &Job<'_>) -> Result<Vec<NodeOutput>, OutOfMemory> {
        let mut workspace = self.executor.workspace(self.capacity)?;
        self.executor.share(&mut workspace, job.threads);
        self.executor.begin(job.codes, &mut workspace)?;
        let draw = Draw { seed: job.seed, sample: job.samples.start };
        Ok(self.executor.trace(draw, &mut workspace))
    }

    fn sample(&self, seed: u64, samples: Range<u32>) -> Result<(), OutOfMemory> {
        let mut weights = WeightSample::new();
        let mut workspace = self.executor.workspace(1)?;
        for sample in samples {
            self.executor.sample(Draw { seed, sample }, &mut weights, &mut workspace);
        }
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.executor.weight_bytes()
    }
}
