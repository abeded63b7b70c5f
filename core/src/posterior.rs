//! The posteriors: how the weights of a layer vary from sample to sample.
//!
//! [`Posterior`] is the closed list of them. Each draws the weights of a sample around the layer's
//! mean codes, from a key stream that no other layer and no other sample uses ([`Draw`]). Kernels
//! draw the same weights faster.
//!
//! A model may have several members, each with separate means ([`PerMember`]). Dropout varies
//! activations instead ([`mask`](mod@mask)).

mod draw;
pub mod gaussian;
pub mod mask;
mod members;
pub mod variance;

pub use draw::{Draw, MAX_SAMPLES};
pub(crate) use gaussian::sample_biases;
pub use members::{MAX_MEMBERS, PerMember};

use crate::chacha::ChaCha8;
use crate::error::ModelError;
use alloc::vec::Vec;
use gaussian::Gaussian;

/// How the weights of a layer vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posterior {
    /// Independent normal distributions.
    Gaussian(Gaussian),
}

impl Posterior {
    /// Checks that the posterior fits the layer `layer`, which has `weights` weights and `channels`
    /// output channels.
    ///
    /// # Errors
    /// A [`ModelError`] that names the tensor.
    pub(crate) fn check(
        &self,
        layer: &str,
        weights: usize,
        channels: usize,
    ) -> Result<(), ModelError> {
        match self {
            Self::Gaussian(gaussian) => gaussian.check(layer, weights, channels),
        }
    }

    /// Draws weights around the codes `mu`, in rows of `row_length`. Weight `i` of row `row`
    /// belongs to output channel `channel(row, i)`.
    pub(crate) fn sample(
        &self,
        mu: &[i8],
        row_length: usize,
        channel: impl Fn(usize, usize) -> usize,
        stream: ChaCha8,
        weights: &mut [i8],
    ) {
        match self {
            Self::Gaussian(gaussian) => gaussian.sample(mu, row_length, channel, stream, weights),
        }
    }

    /// Reorders the weights: `change` returns the codes of all weights in the new order.
    #[must_use]
    pub fn reordered(self, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        match self {
            Self::Gaussian(Gaussian { sigma, noise_multiplier }) => {
                Self::Gaussian(Gaussian { sigma: change(&sigma), noise_multiplier })
            }
        }
    }

    /// Returns the number of weights.
    pub fn weights(&self) -> usize {
        match self {
            Self::Gaussian(Gaussian { sigma, .. }) => sigma.len(),
        }
    }

    /// Returns the number of bytes of all codes and multipliers.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Gaussian(Gaussian { sigma, noise_multiplier }) => {
                size_of_val(&sigma[..]) + size_of_val(&noise_multiplier[..])
            }
        }
    }
}
