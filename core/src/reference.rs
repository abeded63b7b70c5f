//! The reference back end: a direct transcription of each operation's definition, in safe Rust.
//!
//! All other kernels are compared with it bit for bit.

use crate::backend::Backend;
use crate::convolution::{Convolution, Output};
use crate::layer::Layer;
use crate::ops::Filters;
use crate::posterior::Draw;
use alloc::{sync::Arc, vec, vec::Vec};

/// The reference back end. It runs on every processor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

/// One weight sample, in the order of [`Layer::mu`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceWeights {
    /// Whether the layer is depthwise, with weights `[KD][KH][KW][C]`.
    pub depthwise: bool,
    /// Sampled weights.
    pub weights: Vec<i8>,
    /// Sampled biases, one per output channel.
    pub biases: Vec<i32>,
}

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
        layer.sample_weights(draw, &mut weights.weights);
        layer.sample_biases(draw, &mut weights.biases);
    }

    /// Computes the definition: acc = bias + sum (q_x - z_x) q_w over the taps inside the input.
    fn convolution(
        &self,
        job: &Convolution,
        weights: &ReferenceWeights,
        input: &[u8],
        mut output: Output<'_>,
        (): &mut (),
    ) {
        let Filters { input: shape, window, .. } = job.filters;
        let channels = job.output.channels;
        let mut sums = vec![0i32; channels];
        let mut position = 0;
        for picture in input.chunks_exact(shape.elements()) {
            for output_pixel in 0..job.output.spatial() {
                sums.copy_from_slice(&weights.biases);
                for (tap, pixel) in window.pixels(shape, job.output, output_pixel) {
                    let pixel = &picture[pixel * shape.channels..][..shape.channels];
                    accumulate(job, weights, tap, pixel, &mut sums);
                }
                output.write(position * channels, &sums, &job.multipliers);
                position += 1;
            }
        }
    }
}

/// Adds the products of one tap to the sums of all output channels.
fn accumulate(
    job: &Convolution,
    weights: &ReferenceWeights,
    tap: usize,
    pixel: &[u8],
    sums: &mut [i32],
) {
    let zero_point = i32::from(job.zero_point);
    let product = |(&x, &w): (&u8, &i8)| (i32::from(x) - zero_point) * i32::from(w);
    if weights.depthwise {
        let weights = &weights.weights[tap * pixel.len()..][..pixel.len()];
        for (sum, pair) in sums.iter_mut().zip(pixel.iter().zip(weights)) {
            *sum += product(pair);
        }
        return;
    }
    let group_inputs = pixel.len() / job.filters.groups;
    let group_outputs = sums.len() / job.filters.groups;
    let filter = job.filters.fan_in();
    for (channel, sum) in sums.iter_mut().enumerate() {
        let inputs = &pixel[channel / group_outputs * group_inputs..][..group_inputs];
        let weights = &weights.weights[channel * filter + tap * group_inputs..][..group_inputs];
        *sum += inputs.iter().zip(weights).map(product).sum::<i32>();
    }
}
