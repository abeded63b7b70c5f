//! How a target predicts: requests are checked, pictures become codes, samples run and add up.
//!
//! A prediction takes these steps, which targets combine as their threads and memory suggest:
//! [`SampleRange`] checks which samples are asked for, [`Input::quantize`] checks pictures and makes codes
//! of them, [`Session::workspace`] and [`Executor::begin`] take a batch, [`Session::run`] runs samples of
//! it, and an [`Estimate`] adds them up for each picture. Estimates can be read between two runs; runs can be
//! cancelled after every sample. [`Pieces`] splits long predictions, and no split changes a bit.

mod error;
mod estimate;
mod input;
mod pieces;
mod samples;

pub use error::RequestError;
pub use estimate::Estimate;
pub use input::Input;
pub use pieces::Pieces;
pub use samples::SampleRange;

use crate::backend::Backend;
use crate::executor::{Executor, OutOfMemory, WeightSample, WeightSource, Workspace};
use crate::model::QuantizedModel;
use crate::posterior::Draw;
use alloc::sync::Arc;
use core::fmt;
use core::ops::ControlFlow;

/// More pictures at a time gain nothing: the weights of a layer are in cache long before.
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
    /// Prepares `model` for `backend`. Workspaces run so many pictures together that these take about
    /// `block_bytes` bytes of activations: what stays in the caches of a processor.
    pub fn new(model: &QuantizedModel, backend: B, block_bytes: usize) -> Self {
        let executor = Executor::new(model, backend);
        let together = block_bytes / executor.bytes_per_picture().max(1);
        Self { executor, capacity: together.clamp(1, MOST_TOGETHER) }
    }

    /// What runs the samples.
    pub fn executor(&self) -> &Executor<B> {
        &self.executor
    }

    /// Number of pictures that a workspace runs together.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Memory for one run at a time.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn workspace(&self) -> Result<Workspace<B>, OutOfMemory> {
        self.executor.workspace(self.capacity)
    }

    /// Runs samples `samples` of `seed` over the batch that `workspace` took ([`Executor::begin`]).
    ///
    /// `kept` gives the weights of a draw that were kept or are to be kept; where it gives none, they are
    /// drawn layer by layer. `each` sees (picture, outputs) of every picture of the batch, sample after
    /// sample. `progress` is called after every sample; if it breaks, no further sample runs.
    pub fn run(
        &self,
        workspace: &mut Workspace<B>,
        seed: u64,
        samples: SampleRange,
        kept: impl Fn(Draw, &mut Workspace<B>) -> Option<Arc<WeightSample<B>>>,
        mut each: impl FnMut(usize, &[f32]),
        progress: impl Fn() -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for draw in samples.draws(seed) {
            let kept = kept(draw, workspace);
            let weights = kept.as_deref().map_or(WeightSource::Fresh(draw), WeightSource::Kept);
            self.executor.run_sample(weights, workspace, &mut each);
            progress()?;
        }
        ControlFlow::Continue(())
    }

    /// Draws weight samples and forgets them: for measuring what drawing costs.
    ///
    /// # Errors
    /// [`RequestError::Memory`].
    pub fn draw_weights(&self, seed: u64, samples: SampleRange) -> Result<(), RequestError> {
        let workspace = self.executor.workspace(1);
        let mut workspace =
            workspace.map_err(|_| RequestError::Memory { pictures: 1, logits: 0 })?;
        let mut weights = WeightSample::new();
        samples
            .draws(seed)
            .for_each(|draw| self.executor.sample(draw, &mut weights, &mut workspace));
        Ok(())
    }
}
