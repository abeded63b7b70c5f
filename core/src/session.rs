//! The steps of a prediction, which every target shares.
//!
//! A target combines these steps as its threads and memory suggest. [`DrawSequence`] knows the draws, and
//! checks the indices of the samples. [`Input::quantize`] checks the pictures and converts them to codes.
//! [`Session::workspace`] and `Executor::begin` take a batch, and [`Session::run`] runs samples
//! of it. An [`Estimate`] per picture sums the samples. Estimates can be read between two runs, and
//! runs can be cancelled after every sample. [`Pieces`] splits long predictions. No split changes a
//! bit.
//!
//! # Examples
//! Predict a picture on the portable kernels:
//! ```
//! use bayes8_core::format;
//! use bayes8_core::input::InputQuantizer;
//! use bayes8_core::reference::Reference;
//! use bayes8_core::session::{DrawSequence, Estimate, Input, Session};
//! use std::ops::ControlFlow;
//!
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
//! let model = format::read(&std::fs::read("models/mnist-cnn.safetensors")?)?;
//! let mut codes = Vec::new();
//! Input::Bytes(&[0; 28 * 28]).quantize(&InputQuantizer::new(&model), &mut codes)?;
//!
//! let session = Session::new(&model, Reference, 1 << 20);
//! let mut workspace = session.workspace()?;
//! session.executor().begin(&codes, &mut workspace)?;
//! let draws = DrawSequence::Random { seed: 7 };
//! let samples = draws.range(0..4)?;
//! let mut estimate = Estimate::new(model.shared_outputs())?;
//! let each = |_picture: usize, numbers: &[f32]| estimate.add(numbers, false);
//! let progress = || ControlFlow::Continue(());
//! let flow = session.run(&mut workspace, &draws, samples, |_, _| None, each, progress);
//! assert!(flow.is_continue());
//!
//! let [sums] = estimate.sums() else { unreachable!("a single output") };
//! assert_eq!(sums.finish().samples(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod draws;
mod error;
mod estimate;
mod input;
mod pieces;
mod samples;
mod until;

pub use crate::executor::OutOfMemory;
pub use draws::DrawSequence;
pub use error::RequestError;
pub use estimate::Estimate;
pub use input::Input;
pub use pieces::Pieces;
pub use samples::SampleRange;
pub use until::{Until, UntilError};

use crate::backend::Backend;
use crate::executor::{Executor, WeightSample, Workspace};
use crate::model::QuantizedModel;
use crate::posterior::Draw;
use alloc::sync::Arc;
use core::fmt;
use core::ops::ControlFlow;

/// The most pictures that run together. More gain nothing, since the weights of a layer are in
/// cache by then.
const MOST_TOGETHER: usize = 32;

/// A model that is ready to predict on one back end. Any number of threads may share it.
pub struct Session<B: Backend> {
    executor: Executor<B>,
    capacity: usize,
}

impl<B: Backend> fmt::Debug for Session<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<B: Backend> Session<B> {
    /// Prepares `model` for `backend`.
    ///
    /// A workspace runs 1 to 32 pictures together. Within these bounds, `block_bytes` limits the
    /// bytes of their activations, so that they stay in the caches of the processor.
    pub fn new(model: &QuantizedModel, backend: B, block_bytes: usize) -> Self {
        let executor = Executor::new(model, backend);
        let together = block_bytes / executor.bytes_per_picture().max(1);
        Self { executor, capacity: together.clamp(1, MOST_TOGETHER) }
    }

    /// Returns the executor, which runs the samples.
    pub fn executor(&self) -> &Executor<B> {
        &self.executor
    }

    /// Returns the number of pictures that a workspace runs together.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Creates memory for one run at a time.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn workspace(&self) -> Result<Workspace<B>, OutOfMemory> {
        self.executor.workspace(self.capacity)
    }

    /// Runs samples `samples` of `draws` over the batch that `workspace` took (`Executor::begin`).
    ///
    /// `kept` may return weights of a draw that are kept for later runs; if it returns `None`, the
    /// weights are drawn layer by layer. `each` is called with the index and the outputs of every
    /// picture of the batch, one sample after the other. `progress` is called after every sample;
    /// if it breaks, the run ends and breaks too.
    pub fn run(
        &self,
        workspace: &mut Workspace<B>,
        draws: &DrawSequence,
        samples: SampleRange,
        kept: impl Fn(Draw, &mut Workspace<B>) -> Option<Arc<WeightSample<B>>>,
        mut each: impl FnMut(usize, &[f32]),
        progress: impl Fn() -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for draw in draws.of(samples) {
            let kept = kept(draw, workspace);
            self.executor.run_sample(draw, kept.as_deref(), workspace, &mut each);
            progress()?;
        }
        ControlFlow::Continue(())
    }

    /// Draws weight samples and discards them, to measure the cost of drawing.
    ///
    /// # Errors
    /// [`RequestError::Memory`].
    pub fn draw_weights(
        &self,
        draws: &DrawSequence,
        samples: SampleRange,
    ) -> Result<(), RequestError> {
        let workspace = self.executor.workspace(1);
        let mut workspace =
            workspace.map_err(|_| RequestError::Memory { pictures: 1, numbers: 0 })?;
        let mut weights = WeightSample::new();
        draws.of(samples).for_each(|draw| self.executor.sample(draw, &mut weights, &mut workspace));
        Ok(())
    }
}
