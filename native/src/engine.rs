//! Spreads pictures and weight samples over threads.
//!
//! The work is cut into tasks of some samples for some pictures. Results are integer sums that
//! merge exactly, so the cut changes no bit.

use crate::isa::{Isa, IsaError};
use crate::simd::Simd;
use bayes8_core::backend::Backend;
use bayes8_core::executor::{Executor, WeightSample, Workspace};
use bayes8_core::model::Model;
use bayes8_core::reference::Reference;
use bayes8_core::sampler::Draw;
use bayes8_core::uncertainty::SampleSums;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// What to run: input codes of whole pictures, and which weight samples.
#[derive(Clone)]
pub(crate) struct Job<'a> {
    pub(crate) codes: &'a [u8],
    pub(crate) pictures: usize,
    pub(crate) seed: u64,
    pub(crate) samples: Range<u32>,
    pub(crate) keep_logits: bool,
}

/// The results of a job: one entry a picture.
pub(crate) struct PictureResult {
    pub(crate) sums: SampleSums,
    /// `[samples][classes]`, or empty.
    pub(crate) logits: Vec<f32>,
}

/// An executor whatever its kernels, with the memory of its threads.
pub(crate) trait Engine: Send + Sync {
    /// Name of the kernels.
    fn kernel(&self) -> &'static str;
    /// Runs a job on the threads of the current rayon pool.
    fn run(&self, job: &Job<'_>) -> Vec<PictureResult>;
    /// Draws weight samples and does nothing with them, on this thread.
    fn sample(&self, seed: u64, samples: Range<u32>);
}

/// The engine of `model` on `isa`.
pub(crate) fn engine(model: &Model, isa: Isa) -> Result<Box<dyn Engine>, IsaError> {
    match isa {
        Isa::Portable => Ok(threaded(model, Reference)),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => simd::<crate::kernels::avx2::Avx2>(model, isa),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => simd::<crate::kernels::avxvnni::AvxVnni>(model, isa),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => simd::<crate::kernels::avx512vnni::Avx512Vnni>(model, isa),
        #[cfg(not(target_arch = "x86_64"))]
        _ => Err(IsaError::Unavailable(isa)),
    }
}

#[cfg(target_arch = "x86_64")]
fn simd<K: crate::kernels::Kernel + 'static>(
    model: &Model,
    isa: Isa,
) -> Result<Box<dyn Engine>, IsaError> {
    let kernel = K::new().ok_or(IsaError::Unavailable(isa))?;
    Ok(threaded(model, Simd(kernel)))
}

fn threaded<B: Backend + 'static>(model: &Model, backend: B) -> Box<dyn Engine> {
    let executor = Executor::new(model, backend);
    let together = BLOCK_BYTES / executor.bytes_per_picture();
    Box::new(Threaded {
        capacity: together.clamp(1, MOST_TOGETHER),
        executor,
        workspaces: Mutex::new(Vec::new()),
    })
}

/// Bytes of activations that run together: about what stays in a second-level cache.
const BLOCK_BYTES: usize = 512 << 10;

/// More pictures at a time gain nothing: the weights of a layer are in cache long before.
const MOST_TOGETHER: usize = 32;

struct Threaded<B: Backend> {
    executor: Executor<B>,
    capacity: usize,
    /// Idle workspaces; as many as threads have ever run at once.
    workspaces: Mutex<Vec<Workspace<B>>>,
}

/// Some pictures with some samples.
struct Task {
    pictures: Range<usize>,
    samples: Range<u32>,
}

impl<B: Backend> Threaded<B> {
    fn run_task(&self, job: &Job<'_>, task: &Task) -> Vec<PictureResult> {
        // A workspace has no state between runs, so one of a panicked thread is as good.
        let lock = || self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = lock().pop();
        let mut workspace = idle.unwrap_or_else(|| self.executor.workspace(self.capacity, 1));

        let classes = self.executor.classes();
        let kept = if job.keep_logits { task.samples.len() * classes } else { 0 };
        let empty =
            || PictureResult { sums: SampleSums::new(classes), logits: Vec::with_capacity(kept) };
        let mut results: Vec<_> = task.pictures.clone().map(|_| empty()).collect();
        let bytes = job.codes.len() / job.pictures;
        let codes = &job.codes[task.pictures.start * bytes..task.pictures.end * bytes];
        let samples = task.samples.clone();
        self.executor.run(codes, job.seed, samples, &mut workspace, |picture, _, logits| {
            results[picture].sums.add(logits);
            if job.keep_logits {
                results[picture].logits.extend_from_slice(logits);
            }
        });
        lock().push(workspace);
        results
    }
}

impl<B: Backend> Engine for Threaded<B> {
    fn kernel(&self) -> &'static str {
        self.executor.backend().kernel()
    }

    fn run(&self, job: &Job<'_>) -> Vec<PictureResult> {
        let threads = rayon::current_num_threads();
        let sample_parts = threads.min(job.samples.len()).max(1);
        // Only where samples are too few: each part of the pictures draws the weights anew.
        let picture_parts = threads.div_ceil(sample_parts).min(job.pictures).max(1);
        let mut tasks = Vec::new();
        for pictures in parts(job.pictures, picture_parts) {
            for samples in parts(job.samples.len(), sample_parts) {
                let start = job.samples.start;
                let samples = start + samples.start as u32..start + samples.end as u32;
                tasks.push(Task { pictures: pictures.clone(), samples });
            }
        }
        let results: Vec<_> = tasks.par_iter().map(|task| self.run_task(job, task)).collect();

        // Tasks come picture part by picture part, the samples of each in order.
        let mut merged = Vec::with_capacity(job.pictures);
        for (task, results) in tasks.iter().zip(results) {
            for (picture, result) in task.pictures.clone().zip(results) {
                if picture == merged.len() {
                    merged.push(result);
                } else {
                    merged[picture].sums.merge(&result.sums);
                    merged[picture].logits.extend(result.logits);
                }
            }
        }
        merged
    }

    fn sample(&self, seed: u64, samples: Range<u32>) {
        let mut weights = WeightSample::new();
        let mut workspace = self.executor.workspace(1, 1);
        for sample in samples {
            self.executor.sample(Draw { seed, sample }, &mut weights, &mut workspace);
        }
    }
}

/// `count` things in `parts` nearly equal ranges.
fn parts(count: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    (0..parts).map(move |i| count * i / parts..count * (i + 1) / parts)
}
