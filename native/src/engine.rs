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
use bayes8_core::executor::{Executor, NodeOutput, WeightSample, Weights, Workspace};
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

/// An executor whatever its kernels, with the memory of its threads.
pub(crate) trait Engine: Send + Sync {
    /// Name of the kernels.
    fn kernel(&self) -> &'static str;
    /// Runs a job and adds its samples to `predictions`, one a picture.
    fn run(&self, job: &Job<'_>, predictions: &mut [Prediction]);
    /// What every node gives for the first of a job's samples.
    fn trace(&self, job: &Job<'_>) -> Vec<NodeOutput>;
    /// Draws weight samples and does nothing with them, on this thread.
    fn sample(&self, seed: u64, samples: Range<u32>);
    /// Bytes of one draw of the weights.
    fn weight_bytes(&self) -> usize;
}

/// The engine of `model` on `isa`, with a bank of at most `bank_bytes`.
pub(crate) fn engine(
    model: &Model,
    isa: Isa,
    bank_bytes: usize,
) -> Result<Box<dyn Engine>, IsaError> {
    with_kernel!(
        isa,
        K => {
            let kernel = K::new().ok_or(IsaError::Unavailable(isa))?;
            Ok(threaded(model, simd(kernel), bank_bytes))
        },
        portable => Ok(threaded(model, Reference, bank_bytes)),
        missing => Err(IsaError::Unavailable(isa))
    )
}

fn threaded<B: Backend + 'static>(model: &Model, backend: B, bank_bytes: usize) -> Box<dyn Engine> {
    Box::new(Threaded::new(model, backend, bank_bytes))
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
    pub(crate) bank: Option<Bank<B>>,
    workspaces: ArrayQueue<Workspace<B>>,
    /// Sums of one thread before they are merged.
    partial: ArrayQueue<Vec<Prediction>>,
}

impl<B: Backend> Threaded<B> {
    pub(crate) fn new(model: &Model, backend: B, bank_bytes: usize) -> Self {
        let executor = Executor::new(model, backend);
        let together = BLOCK_BYTES / executor.bytes_per_picture();
        Self {
            capacity: together.clamp(1, MOST_TOGETHER),
            bank: Bank::new(bank_bytes, executor.weight_bytes()),
            executor,
            workspaces: ArrayQueue::new(MOST_IDLE),
            partial: ArrayQueue::new(MOST_IDLE),
        }
    }

    /// Runs `job` on its threads.
    fn spread(&self, job: Job<'_>, predictions: &mut [Prediction]) {
        let (samples, threads) = (job.samples.len(), job.threads);
        if threads > 1 && samples > 1 {
            let left_threads = threads / 2;
            // As many samples a thread on either side, and at least one.
            let split = (samples * left_threads / threads).max(1) as u32;
            let middle = job.samples.start + split;
            let left = job.samples.start..middle;
            let right = middle..job.samples.end;
            let left = Job { samples: left, threads: left_threads, ..job.clone() };
            let right = Job { samples: right, threads: threads - left_threads, ..job };
            let mut partial = self.partial.pop().unwrap_or_default();
            Prediction::reset(&mut partial, predictions.len(), self.executor.classes());
            rayon::join(|| self.spread(left, predictions), || self.spread(right, &mut partial));
            for (prediction, part) in predictions.iter_mut().zip(&partial) {
                prediction.merge(part);
            }
            // Where the queue is full the memory is freed.
            drop(self.partial.push(partial));
        } else if threads > 1 && predictions.len() > 1 {
            let left_threads = threads / 2;
            let split = (predictions.len() * left_threads / threads).max(1);
            let (left, right) = predictions.split_at_mut(split);
            let picture_bytes = job.codes.len() / (left.len() + right.len());
            let (left_codes, right_codes) = job.codes.split_at(split * picture_bytes);
            let left_job = Job { codes: left_codes, threads: left_threads, ..job.clone() };
            let threads = threads - left_threads;
            let right_job = Job { codes: right_codes, threads, ..job };
            rayon::join(|| self.spread(left_job, left), || self.spread(right_job, right));
        } else {
            self.run_here(&job, predictions);
        }
    }

    /// Runs `job` on this thread, and each operation on the job's threads.
    fn run_here(&self, job: &Job<'_>, predictions: &mut [Prediction]) {
        let idle = self.workspaces.pop();
        let mut workspace = idle.unwrap_or_else(|| self.executor.workspace(self.capacity));
        self.executor.share(&mut workspace, job.threads);
        self.executor.begin(job.codes, &mut workspace);
        for sample in job.samples.clone() {
            let draw = Draw { seed: job.seed, sample };
            let each = |picture: usize, logits: &[f32]| {
                predictions[picture].add(logits, job.keep_logits);
            };
            let Some(bank) = &self.bank else {
                self.executor.run_sample(Weights::Fresh(draw), &mut workspace, each);
                continue;
            };
            let weights = bank.get(draw, |weights| {
                self.executor.sample(draw, weights, &mut workspace);
            });
            self.executor.run_sample(Weights::Kept(&weights), &mut workspace, each);
        }
        drop(self.workspaces.push(workspace));
    }
}

impl<B: Backend> Engine for Threaded<B> {
    fn kernel(&self) -> &'static str {
        self.executor.backend().kernel()
    }

    fn run(&self, job: &Job<'_>, predictions: &mut [Prediction]) {
        if !predictions.is_empty() {
            self.spread(job.clone(), predictions);
        }
    }

    fn trace(&self, job: &Job<'_>) -> Vec<NodeOutput> {
        let mut workspace = self.executor.workspace(self.capacity);
        self.executor.share(&mut workspace, job.threads);
        self.executor.begin(job.codes, &mut workspace);
        let draw = Draw { seed: job.seed, sample: job.samples.start };
        self.executor.trace(draw, &mut workspace)
    }

    fn sample(&self, seed: u64, samples: Range<u32>) {
        let mut weights = WeightSample::new();
        let mut workspace = self.executor.workspace(1);
        for sample in samples {
            self.executor.sample(Draw { seed, sample }, &mut weights, &mut workspace);
        }
    }

    fn weight_bytes(&self) -> usize {
        self.executor.weight_bytes()
    }
}
