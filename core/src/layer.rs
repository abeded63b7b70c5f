//! The data of a quantized model's nodes. A weighted node owns a layer: the quantized posterior of
//! its weights and biases.

use crate::chacha::{ChaCha8, Group};
use crate::numerics::{CodeRange, Quantization, Table};
use crate::posterior::{Draw, PerMember, Posterior, sample_biases};
use alloc::{boxed::Box, sync::Arc, vec::Vec};

/// The data of a node of a quantized model.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// Quantization grid of the output; `None` for the last node, which returns f32 logits.
    pub output: Option<Quantization>,
    /// Codes that the output may have.
    pub range: CodeRange,
    /// The parameters that the node owns.
    pub parameters: Parameters,
}

/// The parameters that a node owns.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameters {
    /// No parameters.
    None,
    /// The weights of a weighted node: of each member, or of all.
    Layer(PerMember<Arc<Layer>>),
    /// The numbers of the channels of a node that scales and shifts them.
    Affine(Arc<Affine>),
    /// The table of a node that looks up its output: one output code per input code.
    Table(Box<Table>),
}

/// A weight and a bias for each channel, in real numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// Factors.
    pub weight: Vec<f32>,
    /// Numbers that are added.
    pub bias: Vec<f32>,
}

impl Quantized {
    /// Returns the layer of a weighted node, one per member or one for all; `None` for other nodes.
    pub fn layer(&self) -> Option<&PerMember<Arc<Layer>>> {
        match &self.parameters {
            Parameters::Layer(layer) => Some(layer),
            Parameters::None | Parameters::Affine(_) | Parameters::Table(_) => None,
        }
    }

    /// Returns whether the weights of the node vary from sample to sample.
    pub fn weights_vary(&self) -> bool {
        let varies = |layer: &PerMember<Arc<Layer>>| {
            !layer.is_shared() || layer.iter().any(|layer| layer.is_bayesian())
        };
        self.layer().is_some_and(varies)
    }

    /// Returns the weights and biases of a node that scales channels; `None` for other nodes.
    pub fn affine(&self) -> Option<&Affine> {
        match &self.parameters {
            Parameters::Affine(affine) => Some(affine),
            Parameters::None | Parameters::Layer(_) | Parameters::Table(_) => None,
        }
    }

    /// Returns the table of a node that has one; `None` for other nodes.
    pub fn table(&self) -> Option<&Table> {
        match &self.parameters {
            Parameters::Table(table) => Some(table),
            Parameters::None | Parameters::Layer(_) | Parameters::Affine(_) => None,
        }
    }
}

/// The quantized posterior of one weighted node.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Number of the layer: its index among the weighted nodes, part of the stream number. The
    /// model sets it.
    pub index: u32,
    /// Output channels.
    pub out_channels: usize,
    /// Whether every channel has a separate filter (groups = input channels = output channels > 1).
    /// The weights are then stored as a single row, `[KD][KH][KW][C]`, the order that kernels and
    /// noise use.
    pub depthwise: bool,
    /// Mean codes: `[out_channels][KD][KH][KW][in_channels / groups]`, or `[KD][KH][KW][C]` if depthwise.
    pub mu: Vec<i8>,
    /// Spread of the weights; `None` for a deterministic layer.
    pub posterior: Option<Posterior>,
    /// Step of the weight codes of each output channel: `w = scale * q`.
    pub scale: Vec<f32>,
    /// Biases, in units of `s_x * scale[o]`, if there are any.
    pub bias: Option<Bias>,
}

/// Quantized biases, one per output channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bias {
    /// Mean codes.
    pub mu: Vec<i32>,
    /// Sigma codes, not negative: a bias is `mu + ((eps * sigma + 2^14) >> 15)`, where the noise
    /// `eps` has standard deviation 31.13 (`docs/NUMERICS.md`). `None` if deterministic.
    pub sigma: Option<Vec<i32>>,
}

impl Layer {
    /// Returns the number of weights in one row of the sampler: a filter, or all weights of a
    /// depthwise layer.
    pub fn row_length(&self) -> usize {
        if self.depthwise { self.mu.len() } else { self.fan_in() }
    }

    /// Returns the number of weights per output.
    pub fn fan_in(&self) -> usize {
        self.mu.len() / self.out_channels
    }

    /// Returns the output channel of weight `i` of row `row`.
    #[inline]
    pub fn channel(&self, row: usize, i: usize) -> usize {
        if self.depthwise { i % self.out_channels } else { row }
    }

    /// Returns the index in [`Layer::mu`] of weight `i`, in `[KD][KH][KW][I / groups]` order, of an
    /// output channel.
    pub fn position(&self, channel: usize, i: usize) -> usize {
        if self.depthwise { i * self.out_channels + channel } else { channel * self.fan_in() + i }
    }

    /// Draws all weights into `weights`, in the order of [`Layer::mu`].
    ///
    /// # Panics
    /// When `weights` has another length than [`Layer::mu`].
    pub fn sample_weights(&self, draw: Draw, weights: &mut [i8]) {
        assert_eq!(weights.len(), self.mu.len(), "one slot per weight");
        match &self.posterior {
            None => weights.copy_from_slice(&self.mu),
            Some(posterior) => {
                let channel = |row, i| self.channel(row, i);
                let stream = draw.weight_stream(self.index);
                posterior.sample(&self.mu, self.row_length(), channel, stream, weights);
            }
        }
    }

    /// Draws all biases into `biases`, one per output channel. They are zero if the layer has none.
    ///
    /// # Panics
    /// When `biases` has another length than the layer has output channels.
    pub fn sample_biases(&self, draw: Draw, biases: &mut [i32]) {
        self.sample_biases_from(draw, ChaCha8::group_bytes, biases);
    }

    /// Draws all biases as [`Self::sample_biases`] does. `groups` returns a group of a key stream
    /// ([`ChaCha8::group_bytes`]).
    pub(crate) fn sample_biases_from(
        &self,
        draw: Draw,
        groups: impl Fn(ChaCha8, u64) -> Group,
        biases: &mut [i32],
    ) {
        assert_eq!(biases.len(), self.out_channels, "one slot per output channel");
        match &self.bias {
            None => biases.fill(0),
            Some(Bias { mu, sigma: None }) => biases.copy_from_slice(mu),
            Some(Bias { mu, sigma: Some(sigma) }) => {
                let stream = draw.bias_stream(self.index);
                sample_biases(mu, sigma, |index| groups(stream, index), biases);
            }
        }
    }

    /// Returns whether the layer has a posterior, for its weights or its biases.
    pub fn is_bayesian(&self) -> bool {
        self.posterior.is_some() || self.bias.as_ref().is_some_and(|b| b.sigma.is_some())
    }
}

/// Transposes a matrix of `rows` rows: from `[C][taps]`, which files and converters use for all
/// layers, to the `[taps][C]` of a depthwise layer, or back.
pub fn transpose<T: Copy>(matrix: &[T], rows: usize) -> Vec<T> {
    let columns = matrix.len() / rows;
    (0..matrix.len()).map(|i| matrix[i % rows * columns + i / rows]).collect()
}
