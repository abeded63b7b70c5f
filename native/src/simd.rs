//! A back end from a [`Kernel`]: packing, blocking and everything else that is safe code.

use crate::im2col::Rows;
use crate::kernels::{Kernel, Multipliers, PANEL, TILE_PANELS, Tile, TileOutput};
use bayes8_core::backend::{Add, AveragePool, Backend, Convolution, Output, Pool, Rescale};
use bayes8_core::layer::{Layer, Posterior};
use bayes8_core::numerics::Target;
use bayes8_core::reference;
use bayes8_core::sampler::{CHUNK, Draw, sample_biases};

/// The operations of one instruction set.
pub(crate) struct Simd<K>(pub(crate) K);

/// A posterior in chunks, every row padded with zeros to whole chunks as the noise is.
pub(crate) struct SimdLayer {
    /// The layer without its weights: biases and geometry.
    layer: Layer,
    mu: Vec<[i8; CHUNK]>,
    /// Empty for a deterministic layer.
    sigma: Vec<[u8; CHUNK]>,
    /// Noise multipliers in chunks: of every channel, or of every weight of a depthwise layer.
    multipliers: Vec<[i16; CHUNK]>,
    row_length: usize,
    groups: usize,
    zero_point: i32,
}

/// One weight sample in panels.
pub(crate) struct SimdWeights<K: Kernel> {
    /// `[groups][panels][depth / STEP][16][STEP]`; empty for a depthwise layer.
    panels: Vec<K::Weight>,
    /// `[KH * KW][C]` of a depthwise layer.
    taps: Vec<i8>,
    /// Bias less zero point times the sum of the weights; padded to whole panels in each group.
    offsets: Vec<i32>,
}

/// Working memory: packed rows of activations, and multipliers padded to whole panels.
pub(crate) struct SimdScratch<K: Kernel> {
    rows: Vec<K::Activation>,
    multipliers: Vec<f32>,
}

impl<K: Kernel> Default for SimdScratch<K> {
    fn default() -> Self {
        Self { rows: Vec::new(), multipliers: Vec::new() }
    }
}

/// Bytes of activations that are packed, or read in place, before all panels pass over them: half
/// of a first-level cache.
const BLOCK_BYTES: usize = 16 << 10;

impl SimdLayer {
    fn channels_per_group(&self) -> usize {
        self.layer.out_channels / self.groups
    }

    fn panels_per_group(&self) -> usize {
        self.channels_per_group().div_ceil(PANEL)
    }

    fn chunks_per_row(&self) -> usize {
        self.row_length.div_ceil(CHUNK)
    }
}

impl<K: Kernel> Simd<K> {
    /// Draws the rows of a layer one after the other: calls `each(row, chunk, weights)`.
    fn sample_rows(
        &self,
        layer: &SimdLayer,
        draw: Draw,
        mut each: impl FnMut(usize, usize, &[i8; CHUNK]),
    ) {
        let stream = draw.weight_stream(layer.layer.index);
        let chunks = layer.chunks_per_row();
        for (row, mu) in layer.mu.chunks_exact(chunks).enumerate() {
            if layer.sigma.is_empty() {
                mu.iter().enumerate().for_each(|(chunk, mu)| each(row, chunk, mu));
                continue;
            }
            let first = row * chunks;
            let sigma = &layer.sigma[first..][..chunks];
            let multipliers = if layer.layer.depthwise {
                Multipliers::Each(&layer.multipliers)
            } else {
                Multipliers::Same(layer.multipliers.as_flattened()[row])
            };
            self.0.sample(stream, first as u64, mu, sigma, multipliers, |chunk, weights| {
                each(row, chunk, weights);
            });
        }
    }

    fn sample_panels(&self, layer: &SimdLayer, draw: Draw, weights: &mut SimdWeights<K>) {
        let depth = layer.row_length.next_multiple_of(K::STEP);
        let (per_group, panels) = (layer.channels_per_group(), layer.panels_per_group());
        let mut sums = vec![0i32; weights.offsets.len()];
        self.sample_rows(layer, draw, |row, chunk, sampled| {
            let lane = row / per_group * panels * PANEL + row % per_group;
            let panel = &mut weights.panels[lane / PANEL * PANEL * depth..][..PANEL * depth];
            let first = chunk * CHUNK;
            let length = CHUNK.min(layer.row_length - first);
            // Weights beyond the row are zero: their mean and sigma codes are.
            let steps = length.div_ceil(K::STEP);
            let column = lane % PANEL * K::STEP;
            for (step, products) in sampled.chunks_exact(K::STEP).take(steps).enumerate() {
                let at = (first / K::STEP + step) * PANEL * K::STEP + column;
                for (to, &weight) in panel[at..at + K::STEP].iter_mut().zip(products) {
                    *to = weight.into();
                }
            }
            sums[lane] += sampled.iter().map(|&w| i32::from(w)).sum::<i32>();
        });
        let mut biases = vec![0; layer.layer.out_channels];
        sample_biases(&layer.layer, draw, &mut biases);
        for (row, bias) in biases.iter().enumerate() {
            let lane = row / per_group * panels * PANEL + row % per_group;
            weights.offsets[lane] = bias.wrapping_sub(layer.zero_point.wrapping_mul(sums[lane]));
        }
    }

    fn sample_taps(&self, layer: &SimdLayer, draw: Draw, weights: &mut SimdWeights<K>) {
        let taps = &mut weights.taps;
        self.sample_rows(layer, draw, |_, chunk, sampled| {
            let to = &mut taps[chunk * CHUNK..];
            let length = to.len().min(CHUNK);
            to[..length].copy_from_slice(&sampled[..length]);
        });
        sample_biases(&layer.layer, draw, &mut weights.offsets);
    }

    fn multiply(
        &self,
        job: &Convolution,
        weights: &SimdWeights<K>,
        input: &[u8],
        output: &mut Output<'_>,
        scratch: &mut SimdScratch<K>,
    ) {
        let rows = Rows::new(job, K::STEP, input);
        let depth = rows.depth();
        let per_group = job.output.channels / job.groups;
        let padded = per_group.next_multiple_of(PANEL);
        let in_place = rows.are_contiguous().then(|| K::in_place(input)).flatten();
        let element = size_of::<K::Activation>();
        let block = (BLOCK_BYTES / (depth * element)).next_multiple_of(K::ROWS).max(K::ROWS);

        for group in 0..job.groups {
            let multipliers = &mut scratch.multipliers;
            multipliers.clear();
            multipliers.extend_from_slice(&job.multipliers[group * per_group..][..per_group]);
            multipliers.resize(padded, 0.0);
            let panels = &weights.panels[group * padded * depth..][..padded * depth];
            let offsets = &weights.offsets[group * padded..][..padded];

            for first in (0..rows.count()).step_by(block) {
                let count = block.min(rows.count() - first);
                let activations = match in_place {
                    Some(input) => &input[first * depth..],
                    None => {
                        self.0.vectorize(|| rows.pack(group, first, count, &mut scratch.rows));
                        &scratch.rows[..]
                    }
                };
                for lane in (0..padded).step_by(TILE_PANELS * PANEL) {
                    let lanes = (TILE_PANELS * PANEL).min(padded - lane);
                    for row in (0..count).step_by(K::ROWS) {
                        let tile = Tile {
                            activations: &activations[row * depth..],
                            stride: depth,
                            rows: K::ROWS.min(count - row),
                            panels: &panels[lane * depth..][..lanes * depth],
                            steps: depth / K::STEP,
                            offsets: &offsets[lane..][..lanes],
                            multipliers: &scratch.multipliers[lane..][..lanes],
                        };
                        let mut output = TileOutput {
                            output,
                            first: (first + row) * job.output.channels + group * per_group + lane,
                            stride: job.output.channels,
                            channels: lanes.min(per_group - lane),
                        };
                        self.0.tile(&tile, &mut output);
                    }
                }
            }
        }
    }
}

impl<K: Kernel> Backend for Simd<K> {
    type Layer = SimdLayer;
    type Weights = SimdWeights<K>;
    type Scratch = SimdScratch<K>;

    fn kernel(&self) -> &'static str {
        K::NAME
    }

    fn prepare(&self, layer: &Layer, job: &Convolution) -> SimdLayer {
        let row_length = layer.row_length();
        let (sigma, multipliers) = match &layer.posterior {
            None => (Vec::new(), Vec::new()),
            Some(Posterior { sigma, noise_multiplier }) => {
                let multipliers = if layer.depthwise {
                    let repeated = noise_multiplier.iter().cycle().take(row_length);
                    in_chunks(&repeated.copied().collect::<Vec<_>>(), row_length)
                } else {
                    in_chunks(noise_multiplier, noise_multiplier.len())
                };
                (in_chunks(sigma, row_length), multipliers)
            }
        };
        SimdLayer {
            mu: in_chunks(&layer.mu, row_length),
            sigma,
            multipliers,
            row_length,
            groups: job.groups,
            zero_point: job.zero_point.into(),
            layer: Layer {
                name: layer.name.clone(),
                mu: Vec::new(),
                posterior: None,
                scale: Vec::new(),
                bias: layer.bias.clone(),
                ..*layer
            },
        }
    }

    fn weights(&self, layer: &SimdLayer) -> SimdWeights<K> {
        if layer.layer.depthwise {
            return SimdWeights {
                panels: Vec::new(),
                taps: vec![0; layer.row_length],
                offsets: vec![0; layer.layer.out_channels],
            };
        }
        let lanes = layer.groups * layer.panels_per_group() * PANEL;
        let depth = layer.row_length.next_multiple_of(K::STEP);
        SimdWeights {
            panels: vec![K::Weight::default(); lanes * depth],
            taps: Vec::new(),
            offsets: vec![0; lanes],
        }
    }

    fn sample(&self, layer: &SimdLayer, draw: Draw, weights: &mut SimdWeights<K>) {
        if layer.layer.depthwise {
            self.sample_taps(layer, draw, weights);
        } else {
            self.sample_panels(layer, draw, weights);
        }
    }

    fn convolution(
        &self,
        job: &Convolution,
        weights: &SimdWeights<K>,
        input: &[u8],
        mut output: Output<'_>,
        scratch: &mut SimdScratch<K>,
    ) {
        if weights.taps.is_empty() {
            self.multiply(job, weights, input, &mut output, scratch);
        } else {
            self.0.vectorize(|| {
                crate::depthwise::depthwise(job, &weights.taps, &weights.offsets, input, output);
            });
        }
    }

    fn max_pool(&self, pool: &Pool, input: &[u8], output: &mut [u8]) {
        self.0.vectorize(|| reference::max_pool(pool, input, output));
    }

    fn average_pool(&self, pool: &AveragePool, input: &[u8], output: &mut [u8]) {
        self.0.vectorize(|| reference::average_pool(pool, input, output));
    }

    fn add(&self, add: &Add, a: &[u8], b: &[u8], output: &mut [u8]) {
        self.0.vectorize(|| reference::add(add, a, b, output));
    }

    fn requantize(&self, rescale: Rescale, target: Target, input: &[u8], output: &mut [u8]) {
        self.0.vectorize(|| reference::requantize(rescale, target, input, output));
    }
}

/// Rows of `length`, each padded with zeros to whole chunks.
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
