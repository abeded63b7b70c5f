//! Draws of the FP32 network with the noise of the INT8 model's own samples: common random numbers.
//! The two then differ by quantization only, not by the draw.

use std::borrow::Cow;

use bayes8_core::layer::{Bias, Layer};
use bayes8_core::model::QuantizedModel;
use bayes8_core::posterior::Draw;
use bayes8_core::posterior::gaussian::NOISE_STD;
use bayes8_core::posterior::{self, Posterior};

use super::RunError;
use super::weights::{FloatLayer, FloatWeights};
use crate::network::{Gaussian, Network};

/// The noise of the INT8 model of a network, for the FP32 network itself. It depends on the network's
/// layers alone, not on how they are quantized.
#[derive(Debug)]
pub struct CommonNoise<'n> {
    network: &'n Network,
    /// Per node, a layer whose weights and biases are the noise itself.
    layers: Vec<Option<Layer>>,
}

/// The noise multiplier for which a weight of sigma code 1 equals its noise: mulhrs(x, 32767) = x
/// for all
/// |x| <= 2^14.
const UNIT_MULTIPLIER: i16 = i16::MAX;

/// The noise multiplier for which a bias of sigma code 1 equals its noise.
const UNIT_BIAS_SIGMA: i32 = 1 << 15;

impl<'n> CommonNoise<'n> {
    /// Creates the noise that every model made from `network` has.
    pub fn new(network: &'n Network) -> Self {
        let graph = &network.graph;
        let mut indices = 0..;
        let layers = graph.nodes().iter().map(|node| {
            let weights = node.data.layer()?.member(0).weight.mean.len();
            let filters = node.op.filters(graph.shape(node.inputs[0]))?;
            let depthwise = filters.is_depthwise();
            Some(noise(indices.next()?, node.shape.channels, weights, depthwise))
        });
        Self { network, layers: layers.collect() }
    }

    /// Whether `model` may have been made from the network.
    ///
    /// # Errors
    /// [`RunError::Weights`] when its layers differ.
    pub fn check(&self, model: &QuantizedModel) -> Result<(), RunError> {
        let mut layers = model.layers();
        for (node, noise) in self.network.graph.nodes().iter().zip(&self.layers) {
            let Some(noise) = noise else { continue };
            let of = |layer: &Layer| (layer.mu.len(), layer.out_channels, layer.depthwise);
            if layers.next().map(|layer| of(layer.member(0))) != Some(of(noise)) {
                return Err(RunError::Weights(node.name.clone()));
            }
        }
        Ok(())
    }

    /// Draws w = mu + sigma * eps for every Bayesian weight, with the eps of sample `sample` of
    /// `seed` in the model, its member and its masks.
    pub fn draw(&self, seed: u64, sample: u32) -> FloatWeights<'n> {
        let draw = Draw { seed, sample };
        let nodes = self.network.graph.nodes().iter().zip(&self.layers);
        let layers = nodes.map(|(node, noise)| {
            let (parameters, noise) = (node.data.layer()?.of(draw), noise.as_ref()?);
            let mut eps = vec![0i8; noise.mu.len()];
            noise.sample_weights(draw, &mut eps);
            let fan_in = noise.fan_in();
            let eps_of = |i: usize| f32::from(eps[noise.position(i / fan_in, i % fan_in)]);
            let weight = spread(&parameters.weight, eps_of);
            let bias = parameters.bias.as_ref().map(|bias| {
                let mut eps = vec![0i32; noise.out_channels];
                noise.sample_biases(draw, &mut eps);
                spread(bias, |i| eps[i] as f32)
            });
            Some(FloatLayer { weight, bias })
        });
        FloatWeights { layers: layers.collect(), masks: Some(draw) }
    }
}

/// A layer without means, in which every weight and bias is drawn as its noise.
fn noise(index: u32, out_channels: usize, weights: usize, depthwise: bool) -> Layer {
    let noise_multiplier = vec![UNIT_MULTIPLIER; out_channels];
    let sigma = Some(vec![UNIT_BIAS_SIGMA; out_channels]);
    let noise = posterior::gaussian::Gaussian { sigma: vec![1; weights], noise_multiplier };
    Layer {
        index,
        out_channels,
        depthwise,
        mu: vec![0; weights],
        posterior: Some(Posterior::Gaussian(noise)),
        scale: vec![1.0; out_channels],
        bias: Some(Bias { mu: vec![0; out_channels], sigma }),
    }
}

fn spread(gaussian: &Gaussian, eps: impl Fn(usize) -> f32) -> Cow<'_, [f32]> {
    let Gaussian { mean, sigma } = gaussian;
    let Some(sigma) = sigma else { return Cow::Borrowed(mean) };
    let drawn = mean.iter().zip(sigma).enumerate();
    Cow::Owned(drawn.map(|(i, (mu, sigma))| mu + sigma * eps(i) / NOISE_STD as f32).collect())
}
