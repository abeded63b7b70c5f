//! The posterior of a layer, arranged for sampling.

use super::{Drawing, Kernel, NoiseMultipliers, PANEL, winograd};
use crate::chacha::GROUP_BYTES;
use crate::convolution::Convolution;
use crate::layer::Layer;
use crate::posterior::gaussian::CHUNK;
use crate::posterior::{Draw, Posterior, gaussian::Gaussian};
use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;
use core::slice;

/// A posterior in chunks. Every row is padded with zeros to whole chunks, like the noise.
pub struct SimdLayer {
    pub(super) layer: Arc<Layer>,
    /// Padded mean codes; empty if the layer's own rows are whole chunks.
    padded_mu: Vec<[i8; CHUNK]>,
    /// Padded sigma codes; empty if the layer's own rows are whole chunks.
    padded_sigma: Vec<[u8; CHUNK]>,
    /// Noise multipliers in chunks: one per channel, or one per weight of a depthwise layer.
    pub(super) multipliers: Vec<[i16; CHUNK]>,
    pub(super) row_length: usize,
    pub(super) groups: usize,
    pub(super) zero_point: i32,
    /// Whether panels hold transformed weights ([`super::winograd`]).
    pub(super) transformed: bool,
}

impl SimdLayer {
    /// Arranges the layer `layer` of the convolution `job`.
    pub(super) fn new<K: Kernel>(layer: &Arc<Layer>, job: &Convolution) -> Self {
        let mut new = SimdLayer {
            layer: Arc::clone(layer),
            padded_mu: Vec::new(),
            padded_sigma: Vec::new(),
            multipliers: Vec::new(),
            row_length: layer.row_length(),
            groups: job.filters.groups,
            zero_point: job.zero_point.into(),
            transformed: winograd::of::<K>(job).is_some(),
        };
        let row_length = new.row_length;
        if !new.has_whole_chunks() {
            new.padded_mu = in_chunks(&layer.mu, row_length);
        }
        if let Some(Posterior::Gaussian(Gaussian { sigma, noise_multiplier })) = &layer.posterior {
            if !new.has_whole_chunks() {
                new.padded_sigma = in_chunks(sigma, row_length);
            }
            new.multipliers = if layer.depthwise {
                let repeated = noise_multiplier.iter().cycle().take(row_length);
                in_chunks(&repeated.copied().collect::<Vec<_>>(), row_length)
            } else {
                in_chunks(noise_multiplier, noise_multiplier.len())
            };
        }
        new
    }

    fn has_whole_chunks(&self) -> bool {
        self.row_length.is_multiple_of(CHUNK)
    }

    /// Returns the mean codes in chunks.
    pub(super) fn mu(&self) -> &[[i8; CHUNK]] {
        if self.has_whole_chunks() { self.layer.mu.as_chunks().0 } else { &self.padded_mu }
    }

    /// Returns the sigma codes in chunks; `None` for a deterministic layer.
    pub(super) fn sigma(&self) -> Option<&[[u8; CHUNK]]> {
        let Posterior::Gaussian(Gaussian { sigma, .. }) = self.layer.posterior.as_ref()?;
        Some(if self.has_whole_chunks() { sigma.as_chunks().0 } else { &self.padded_sigma })
    }

    /// Draws the biases, one per output channel.
    pub(super) fn sample_biases<K: Kernel>(&self, kernel: K, draw: Draw, biases: &mut [i32]) {
        let group = |stream, index| {
            let mut group = [0; GROUP_BYTES];
            kernel.groups(stream, index, slice::from_mut(&mut group));
            group
        };
        self.layer.sample_biases_from(draw, group, biases);
    }

    /// Draws the weights of a depthwise layer.
    pub(super) fn sample_taps<K: Kernel>(&self, kernel: K, draw: Draw, taps: &mut [[i8; CHUNK]]) {
        let Some(sigma) = self.sigma() else {
            taps.copy_from_slice(self.mu());
            return;
        };
        let multipliers = NoiseMultipliers::Each(&self.multipliers);
        let stream = draw.weight_stream(self.layer.index);
        let mu = self.mu();
        kernel.draw(Drawing { stream, first: 0, mu, sigma, multipliers, weights: taps });
    }

    pub(super) fn channels_per_group(&self) -> usize {
        self.layer.out_channels / self.groups
    }

    pub(super) fn panels_per_group(&self) -> usize {
        self.channels_per_group().div_ceil(PANEL)
    }

    pub(super) fn chunks_per_row(&self) -> usize {
        self.row_length.div_ceil(CHUNK)
    }

    /// Returns the number of entries of a panel.
    pub(super) fn panel_entries<K: Kernel>(&self) -> usize {
        if self.transformed {
            winograd::panel_entries(self.row_length / 9)
        } else {
            self.row_length.next_multiple_of(K::ROW_MULTIPLE) * PANEL
        }
    }

    /// Returns the output channels, which are rows of the layer, of panel `index`, counted over all
    /// groups.
    pub(super) fn rows_of_panel(&self, index: usize) -> Range<usize> {
        let (group, panel) = (index / self.panels_per_group(), index % self.panels_per_group());
        let first = group * self.channels_per_group();
        first + panel * PANEL..first + self.channels_per_group().min((panel + 1) * PANEL)
    }
}

/// Splits `values` into rows of `length` and pads each with zeros to whole chunks.
fn in_chunks<T: Copy + Default>(values: &[T], length: usize) -> Vec<[T; CHUNK]> {
    let mut chunks = Vec::with_capacity(values.len() / length * length.div_ceil(CHUNK));
    for row in values.chunks_exact(length) {
        for part in row.chunks(CHUNK) {
            let mut chunk = [T::default(); CHUNK];
            chunk[..part.len()].copy_from_slice(part);
            chunks.push(chunk);
        }
    }
    chunks
}
