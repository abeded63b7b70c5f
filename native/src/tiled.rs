//! Predictions of inputs that are larger than the network's, tile by tile.

use crate::engine::{Engine, Job, Stopped};
use crate::prediction::Prediction;
use bayes8_core::executor::{NodeOutput, OutOfMemory};
use bayes8_core::head::Output;
use bayes8_core::posterior::Draw;
use bayes8_core::session::{DrawSequence, RequestError, SampleRange};
use bayes8_core::tiling::Tiling;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The most memory for the numbers and sums of tiles that run together, unless a single tile has more.
const MOST_BYTES: usize = 64 << 20;

/// An engine that divides its inputs into tiles for another one.
pub(crate) struct Tiled {
    pub(crate) inner: Box<dyn Engine>,
    pub(crate) tiling: Tiling,
    /// Those of a tile.
    pub(crate) outputs: Arc<[Output]>,
}

impl Tiled {
    /// Adds the samples of `job` for one input to `prediction`.
    fn run_one(&self, job: Job<'_>, prediction: &mut Prediction) -> Result<(), Stopped> {
        let tiles = self.tiling.count();
        let bytes: usize = self.outputs.iter().map(Output::result_bytes).sum();
        // Each thread may have sums for all tiles.
        let bytes = bytes.saturating_mul(job.threads).max(1);
        let together = (MOST_BYTES / bytes).clamp(1, tiles);
        let (mut codes, mut parts) = (Vec::new(), Vec::new());
        for samples in self.tiling.ranges(job.samples) {
            prediction.grow(samples);
            for first in (0..tiles).step_by(together) {
                let range = first..tiles.min(first + together);
                codes.clear();
                range.clone().for_each(|tile| self.tiling.cut(job.codes, tile, &mut codes));
                Prediction::reset(&mut parts, range.len(), &self.outputs)?;
                // Only to ask whether to go on.
                let progress = |_| (job.progress)(0);
                let tiles = Job { codes: &codes, samples, progress: &progress, ..job };
                self.inner.run(tiles, &mut parts)?;
                for (tile, part) in range.zip(&parts) {
                    let positions = |output| self.tiling.positions(output, tile, samples.first());
                    prediction.add_tile(part, positions);
                }
            }
            for _ in 0..samples.count() {
                if let ControlFlow::Break(()) = (job.progress)(1) {
                    return Err(Stopped::Cancelled);
                }
            }
        }
        Ok(())
    }
}

impl Engine for Tiled {
    fn kernel(&self) -> &'static str {
        self.inner.kernel()
    }

    fn run(&self, job: Job<'_>, predictions: &mut [Prediction]) -> Result<(), Stopped> {
        let bytes = job.codes.len() / predictions.len().max(1);
        let inputs = job.codes.chunks_exact(bytes.max(1));
        inputs
            .zip(predictions)
            .try_for_each(|(codes, prediction)| self.run_one(Job { codes, ..job }, prediction))
    }

    /// No node has the output for a whole input.
    fn trace(&self, _: &[u8], _: Draw, _: usize) -> Result<Vec<NodeOutput>, OutOfMemory> {
        Ok(Vec::new())
    }

    fn draw_weights(&self, draws: &DrawSequence, samples: SampleRange) -> Result<(), RequestError> {
        self.inner.draw_weights(draws, samples)
    }

    fn weight_bytes(&self) -> usize {
        self.inner.weight_bytes()
    }
}
