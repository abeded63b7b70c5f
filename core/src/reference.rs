//! The reference back end: each operation as its definition reads, in safe Rust.
//!
//! Production kernels are compared with this bit for bit. The element-wise operations are marked
//! for inlining, so that a back end can compile these very loops for its own vector unit.

mod convolution;
mod elementwise;
mod movement;
mod pool;

pub use convolution::{ReferenceWeights, convolution};
pub use elementwise::{add, multiply, requantize, table};
pub(crate) use movement::{copy_channels, pad, pad_channels, slice};
pub use pool::{average_pool, max_pool};

use crate::backend::{Backend, Convolution, Output};
use crate::layer::Layer;
use crate::sampler::{Draw, sample_biases, sample_weights};
use alloc::sync::Arc;

/// Runs everywhere, compared with by everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Backend for Reference {
    type Layer = Arc<Layer>;
    type Weights = ReferenceWeights;
    type Scratch = ();

    fn kernel(&self) -> &'static str {
        "portable"
    }

    fn prepare(&self, layer: &Arc<Layer>, _: &Convolution) -> Arc<Layer> {
        Arc::clone(layer)
    }

    fn weight_bytes(&self, layer: &Arc<Layer>) -> usize {
        layer.mu.len() + 4 * layer.out_channels
    }

    fn sample(&self, layer: &Arc<Layer>, draw: Draw, weights: &mut ReferenceWeights, (): &mut ()) {
        weights.depthwise = layer.depthwise;
        weights.weights.resize(layer.mu.len(), 0);
        weights.biases.resize(layer.out_channels, 0);
        sample_weights(layer, draw, &mut weights.weights);
        sample_biases(layer, draw, &mut weights.biases);
    }

    fn convolution(
        &self,
        job: &Convolution,
        weights: &ReferenceWeights,
        input: &[u8],
        output: Output<'_>,
        (): &mut (),
    ) {
        convolution(job, weights, input, output);
    }
}
