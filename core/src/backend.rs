//! The interface between the executor, which decides what is computed, and the back ends, which
//! make it fast.
//!
//! A back end packs a layer's posterior once, draws weight samples straight into its packed form, and
//! multiplies. Every method has one right answer, defined by [`crate::reference`]; a back end that returns
//! other bits is wrong. Graphs, seeds, statistics and scheduling do not concern a back end.

use crate::chacha::ChaCha8;
use crate::convolution::{Convolution, Output};
use crate::head::map::MapSums;
use crate::layer::Layer;
use crate::ops::Job;
use crate::posterior::Draw;
use alloc::sync::Arc;

/// Kernels for one kind of processor. Slices hold whole batches of pictures in NHWC order; their
/// lengths always agree with the shapes.
pub trait Backend: Send + Sync {
    /// The posterior of a layer, arranged for sampling.
    type Layer: Send + Sync;
    /// One weight sample of a layer, arranged for the kernels. Starts empty; its memory grows to
    /// fit the largest layer drawn into it.
    type Weights: Default + Send + Sync;
    /// Working memory of the kernels. Each serves one call at a time.
    type Scratch: Default + Send;

    /// Returns the name of the kernels in use, such as `avx512vnni`.
    fn kernel(&self) -> &'static str;

    /// Arranges the posterior of a layer.
    fn prepare(&self, layer: &Arc<Layer>, convolution: &Convolution) -> Self::Layer;

    /// Returns the size in bytes of one weight sample of a layer.
    fn weight_bytes(&self, layer: &Self::Layer) -> usize;

    /// Lets up to `threads` threads share each later operation on `scratch`. The initial number is
    /// 1. A back end without threads does nothing.
    fn share(&self, _scratch: &mut Self::Scratch, _threads: usize) {}

    /// Tells the back end that the next draw, convolution or loop belongs to node `node` of the
    /// graph. Only a back end that measures needs to know; others do nothing.
    fn enter(&self, _node: usize) {}

    /// Draws the weights and biases of a layer.
    fn sample(
        &self,
        layer: &Self::Layer,
        draw: Draw,
        weights: &mut Self::Weights,
        scratch: &mut Self::Scratch,
    );

    /// Computes a convolution and its epilogue; a depthwise one if the layer is depthwise.
    fn convolution(
        &self,
        convolution: &Convolution,
        weights: &Self::Weights,
        input: &[u8],
        output: Output<'_>,
        scratch: &mut Self::Scratch,
    );

    /// Runs a loop over codes for sample `draw`, compiled for the vector unit if there is one.
    /// `input(i)` returns the codes of input `i`.
    fn run<'a>(&self, job: &Job, draw: Draw, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        job.run(draw, ChaCha8::groups, input, output);
    }

    /// Adds the numbers of one sample to the sums of a map, compiled for the vector unit if there is
    /// one.
    fn add_to_map(&self, sums: &mut MapSums, numbers: &[f32]) {
        sums.add(numbers);
    }
}
