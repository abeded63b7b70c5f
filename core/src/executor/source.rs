//! Where the steps of a run take their weights from.

use crate::backend::Backend;
use crate::posterior::Draw;
use alloc::vec::Vec;

/// A layer of a step that runs once per sample, of one member or of all.
pub(super) enum PreparedLayer<B: Backend> {
    /// The weights of a deterministic layer, prepared once.
    Fixed(B::Weights),
    /// A Bayesian layer, and its index among the Bayesian layers.
    Drawn(usize, B::Layer),
}

/// One weight sample of all Bayesian layers.
pub struct WeightSample<B: Backend> {
    /// One entry per Bayesian layer, in the order of the steps. A layer that is Bayesian in only
    /// some of the members has an entry that the others leave unused.
    pub(super) layers: Vec<B::Weights>,
}

/// Where the steps of the suffix take their weights from.
pub(super) struct SampleSource<'a, B: Backend> {
    pub(super) draw: Draw,
    /// Weights of the draw that were drawn earlier; `None` draws them layer by layer as they are
    /// needed.
    pub(super) kept: Option<&'a WeightSample<B>>,
}

/// A source of the weights of layers.
pub(super) trait Source<B: Backend, L> {
    /// Returns the sample that steps are run for.
    fn draw(&self) -> Draw;

    /// Returns the weights of a layer; fresh ones are drawn into `memory`.
    fn weights<'a>(
        &'a self,
        backend: &B,
        layer: &'a L,
        memory: &'a mut B::Weights,
        scratch: &mut B::Scratch,
    ) -> &'a B::Weights;
}

/// The source for the prefix, whose steps hold their weights in place of layers.
pub(super) struct Made;

impl<B: Backend> Source<B, B::Weights> for Made {
    /// Returns any sample: no step of the prefix depends on it.
    fn draw(&self) -> Draw {
        Draw { seed: 0, sample: 0 }
    }

    fn weights<'a>(
        &'a self,
        _: &B,
        layer: &'a B::Weights,
        _: &'a mut B::Weights,
        _: &mut B::Scratch,
    ) -> &'a B::Weights {
        layer
    }
}

impl<B: Backend> Source<B, PreparedLayer<B>> for SampleSource<'_, B> {
    fn draw(&self) -> Draw {
        self.draw
    }

    fn weights<'a>(
        &'a self,
        backend: &B,
        layer: &'a PreparedLayer<B>,
        memory: &'a mut B::Weights,
        scratch: &mut B::Scratch,
    ) -> &'a B::Weights {
        match (layer, self.kept) {
            (PreparedLayer::Fixed(weights), _) => weights,
            (PreparedLayer::Drawn(number, _), Some(sample)) => &sample.layers[*number],
            (PreparedLayer::Drawn(_, layer), None) => {
                backend.sample(layer, self.draw, memory, scratch);
                memory
            }
        }
    }
}

impl<B: Backend> WeightSample<B> {
    /// Creates a sample without weights.
    pub fn new() -> Self {
        Self { layers: Vec::new() }
    }
}

impl<B: Backend> Default for WeightSample<B> {
    fn default() -> Self {
        Self::new()
    }
}
