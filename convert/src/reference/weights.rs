//! Weights of one run: the means, or a draw from the posterior.

use std::{borrow::Cow, f32::consts::TAU};

use bayes8_core::posterior::Draw;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use rayon::prelude::*;

use crate::network::{Gaussian, Network};

/// Concrete weights of every layer, parallel to the network's nodes, and the masks of dropout.
#[derive(Clone, Debug)]
pub struct FloatWeights<'n> {
    pub(super) layers: Vec<Option<FloatLayer<'n>>>,
    /// The sample that the masks are those of; `None` if dropout is inactive.
    pub(super) masks: Option<Draw>,
}

/// Concrete weights of one layer, in the layout of its posterior.
#[derive(Clone, Debug)]
pub struct FloatLayer<'n> {
    /// `[O][KH][KW][I / groups]`, or `[O][H][W][C]` for a linear layer.
    pub weight: Cow<'n, [f32]>,
    /// `[O]`.
    pub bias: Option<Cow<'n, [f32]>>,
}

impl<'n> FloatWeights<'n> {
    /// Every weight of a member at its mean, without dropout.
    pub fn mean(network: &'n Network, member: usize) -> Self {
        Self::from_layers(network, member, None, |_, gaussian| Cow::Borrowed(&gaussian.mean))
    }

    /// The layer of node `index`, if that node is weighted.
    pub fn layer(&self, index: usize) -> Option<&FloatLayer<'n>> {
        self.layers.get(index)?.as_ref()
    }

    /// `sample` gets the stream number of a Gaussian within its draw.
    fn from_layers(
        network: &'n Network,
        member: usize,
        masks: Option<Draw>,
        sample: impl Fn(u64, &'n Gaussian) -> Cow<'n, [f32]>,
    ) -> Self {
        let layers = network.graph.nodes().iter().zip(0u64..).map(|(node, n)| {
            let layer = node.data.layer()?.member(member);
            let bias = layer.bias.as_ref().map(|bias| sample(n << 32 | BIAS, bias));
            Some(FloatLayer { weight: sample(n << 32, &layer.weight), bias })
        });
        Self { layers: layers.collect(), masks }
    }
}

const BIAS: u64 = 1 << 63;

/// Draws w = mu + sigma * eps for every Bayesian weight of the member of sample `sample`, with
/// standard normal eps, and the masks of dropout. The same seed and sample index give the same
/// weights, however many threads there are.
///
/// Streams are numbered as in the quantized sampler (layer * 2^32 + sample, biases with bit 63
/// set), but the noise differs: Gaussian in floating point, by the Box-Muller transform. Masks are
/// those of another seed.
pub fn draw(network: &Network, seed: u64, sample: u32) -> FloatWeights<'_> {
    let masks = Draw { seed: !seed, sample };
    FloatWeights::from_layers(network, sample as usize, Some(masks), |stream, gaussian| {
        match &gaussian.sigma {
            None => Cow::Borrowed(&gaussian.mean),
            Some(sigma) => {
                Cow::Owned(sampled(&gaussian.mean, sigma, seed, stream | u64::from(sample)))
            }
        }
    })
}

/// The number of weights that one task draws: a multiple of 16, the words of a ChaCha block.
const CHUNK: usize = 1 << 12;

fn sampled(mean: &[f32], sigma: &[f32], seed: u64, stream: u64) -> Vec<f32> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut start = ChaCha8Rng::from_seed(key);
    start.set_stream(stream);
    let mut weights = mean.to_vec();
    weights.par_chunks_mut(CHUNK).zip(sigma.par_chunks(CHUNK)).enumerate().for_each(
        |(i, (weights, sigma))| {
            // One word per weight, so that chunks know where to start.
            let mut random = start.clone();
            random.set_word_pos((i * CHUNK) as u128);
            for (weights, sigma) in weights.chunks_mut(2).zip(sigma.chunks(2)) {
                let pair = normal_pair(random.next_u32(), random.next_u32());
                for ((w, s), eps) in weights.iter_mut().zip(sigma).zip(pair) {
                    *w += s * eps;
                }
            }
        },
    );
    weights
}

/// Two independent standard normals from 64 random bits.
fn normal_pair(a: u32, b: u32) -> [f32; 2] {
    const STEP: f32 = 1.0 / 4_294_967_296.0;
    // In (0, 1], so that the logarithm is finite.
    let uniform = (a as f32 + 1.0) * STEP;
    let radius = (-2.0 * uniform.ln()).max(0.0).sqrt();
    let (sin, cos) = (b as f32 * (STEP * TAU)).sin_cos();
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_standard_normal() {
        let count = 1 << 18;
        let eps = sampled(&vec![0.0; count], &vec![1.0; count], 7, 3);
        let moment = |p: i32| eps.iter().map(|&x| f64::from(x).powi(p)).sum::<f64>() / count as f64;
        // Five standard errors each.
        let error = |variance: f64| 5.0 * (variance / count as f64).sqrt();
        assert!(moment(1).abs() < error(1.0));
        assert!((moment(2) - 1.0).abs() < error(2.0));
        assert!(moment(3).abs() < error(15.0));
        assert!((moment(4) - 3.0).abs() < error(96.0));
        // Neighbours, within a pair and across pairs.
        for lag in [1, 2, CHUNK] {
            let products = eps.iter().zip(&eps[lag..]).map(|(a, b)| f64::from(a * b));
            assert!((products.sum::<f64>() / count as f64).abs() < error(1.0), "lag {lag}");
        }
    }

    #[test]
    fn draws_depend_on_seed_and_stream_only() {
        let draw = |count: usize, seed, stream| {
            sampled(&vec![1.0; count], &vec![0.5; count], seed, stream)
        };
        let long = draw(3 * CHUNK + 1, 1, 2);
        assert_eq!(long, draw(3 * CHUNK + 1, 1, 2));
        assert_eq!(long[..CHUNK], draw(CHUNK, 1, 2));
        assert_ne!(long[..8], draw(8, 2, 2));
        assert_ne!(long[..8], draw(8, 1, 3));
        assert_ne!(long[..8], draw(8, 1, 2 | BIAS));
        assert_eq!(sampled(&[3.0; 4], &[0.0; 4], 1, 2), [3.0; 4]);
    }

    #[test]
    fn the_tails_are_finite() {
        for a in [0, 1, u32::MAX] {
            for b in [0, 1 << 31, u32::MAX] {
                assert!(normal_pair(a, b).iter().all(|x| x.abs() < 7.0));
            }
        }
    }
}
