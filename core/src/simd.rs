//! Makes a back end from a [`Kernel`]: packing, blocking, sharing among threads and all other safe
//! code, for every vector unit.
//!
//! A kernel supplies what compilers do not vectorize well: the matrix product of a block with its
//! epilogue, and the noise of weights and their packing. It also compiles ordinary loops for its
//! vector unit ([`Kernel::vectorize`]).
//!
//! Weights are packed in panels of 16 output channels, `[K / STEP][16][STEP]`, so that one load
//! fetches the operand of one dot-product instruction. `STEP` is the number of products that the
//! instruction sums.

mod depthwise;
mod epilogue;
mod kernel;
mod lanes;
mod layer;
mod memory;
mod output;
mod pairs;
mod quads;
mod rows;
mod sampler;
mod task;
mod threads;
mod tile;
mod winograd;

pub use epilogue::{Epilogue, PanelEpilogue, Waiting};
pub use kernel::{
    Block, DepthwiseBlock, Drawing, Kernel, NoiseMultipliers, PANEL, PANEL_PAIR, PackRows, Tiles,
    TransformedBlock, TransformedPanels, Winograd, stream_groups,
};
pub use lanes::{Dot, DotPairs, Int, Lanes, Line};
pub use layer::SimdLayer;
pub use memory::{SimdScratch, SimdWeights};
pub use output::{BlockOutput, row_tiles};
pub use pairs::Pairs;
pub use quads::Quads;
pub use task::Task;
pub use threads::{OneThread, Threads};

use crate::backend::Backend;
use crate::convolution::{Convolution, Output};
use crate::head::map::MapSums;
use crate::layer::Layer;
use crate::ops::Job;
use crate::posterior::Draw;
use crate::posterior::gaussian::CHUNK;
use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;
pub use depthwise::pairs::Depthwise;
use memory::Part;
use rows::{ActivationRows, grow};

/// The back end of the instruction set `K`, whose operations the threads `T` share.
pub struct Simd<K, T> {
    kernel: K,
    threads: T,
}

impl<K: Kernel, T: Threads> Simd<K, T> {
    /// Creates the back end of `kernel`.
    pub fn new(kernel: K, threads: T) -> Self {
        Self { kernel, threads }
    }

    /// Draws the panels from number `first` on, and shares the work among `parts`.
    fn sample_panels(
        &self,
        layer: &SimdLayer,
        draw: Draw,
        first: usize,
        panels: &mut [K::Weight],
        offsets: &mut [i32],
        parts: &mut [Part<K>],
    ) {
        let size = layer.panel_entries::<K>();
        let count = offsets.len() / PANEL;
        if parts.len() > 1 && count > 1 {
            let (left, right) = parts.split_at_mut(parts.len() / 2);
            let half = count / 2;
            let (left_panels, right_panels) = panels.split_at_mut(half * size);
            let (left_offsets, right_offsets) = offsets.split_at_mut(half * PANEL);
            self.threads.join(
                || self.sample_panels(layer, draw, first, left_panels, left_offsets, left),
                || {
                    let first = first + half;
                    self.sample_panels(layer, draw, first, right_panels, right_offsets, right);
                },
            );
            return;
        }
        let zero_point = layer.zero_point - K::ACTIVATION_OFFSET;
        let panels = panels.chunks_exact_mut(size).zip(offsets.chunks_exact_mut(PANEL));
        for (i, (panel, offsets)) in panels.enumerate() {
            let sums = self.sample_panel(layer, draw, first + i, panel, &mut parts[0].panel);
            for (offset, sum) in offsets.iter_mut().zip(sums) {
                *offset = zero_point.wrapping_mul(sum).wrapping_neg();
            }
        }
    }

    /// Draws one panel and returns the sum of each channel's weights.
    fn sample_panel(
        &self,
        layer: &SimdLayer,
        draw: Draw,
        index: usize,
        panel: &mut [K::Weight],
        memory: &mut Vec<[i8; CHUNK]>,
    ) -> [i32; PANEL] {
        let chunks = layer.chunks_per_row();
        let rows = layer.rows_of_panel(index);
        let (first, count) = (rows.start * chunks, rows.len() * chunks);
        let mu = &layer.mu()[first..][..count];
        let sigma = layer.sigma();
        if sigma.is_none() && rows.len() == PANEL {
            return self.pack(layer, mu, panel);
        }
        grow(memory, PANEL * chunks, [0; CHUNK]);
        let (drawn, missing) = memory[..PANEL * chunks].split_at_mut(count);
        missing.fill([0; CHUNK]);
        match sigma {
            None => drawn.copy_from_slice(mu),
            Some(sigma) => {
                let multipliers = &layer.multipliers.as_flattened()[rows];
                let multipliers = NoiseMultipliers::Rows { multipliers, chunks };
                let stream = draw.weight_stream(layer.layer.index);
                let sigma = &sigma[first..][..count];
                let first = first as u64;
                let drawing = Drawing { stream, first, mu, sigma, multipliers, weights: drawn };
                self.kernel.draw(drawing);
            }
        }
        self.pack(layer, &memory[..PANEL * chunks], panel)
    }

    /// Packs 16 rows into a panel of a layer, transformed if the layer is. Returns the sum of each row.
    fn pack(
        &self,
        layer: &SimdLayer,
        rows: &[[i8; CHUNK]],
        panel: &mut [K::Weight],
    ) -> [i32; PANEL] {
        match K::WINOGRAD {
            Some(winograd) if layer.transformed => (winograd.pack)(self.kernel, rows, panel),
            _ => self.kernel.pack(rows, panel),
        }
    }

    /// Multiplies `rows` by the channels of `output`, the first of which is `first`, and shares the
    /// work among `parts`.
    fn multiply(
        &self,
        product: &Product<'_, K>,
        rows: Range<usize>,
        first: usize,
        output: BlockOutput<'_>,
        parts: &mut [Part<K>],
    ) {
        let (_, channels) = output.dimensions();
        let grouped = product.job.filters.groups > 1;
        let products =
            rows.len() * channels * product.rows.row_entries() / product.job.filters.groups;
        if parts.len() == 1 || products < T::FEWEST_PRODUCTS {
            self.multiply_part(product, rows, first, output, &mut parts[0]);
            return;
        }
        let (left, right) = parts.split_at_mut(parts.len() / 2);
        // Split by panels if each thread gets some, since a panel is then read by one thread only.
        let blocks = channels.div_ceil(PANEL_PAIR * PANEL);
        if blocks >= 2 && !grouped {
            let half = blocks / 2 * PANEL_PAIR * PANEL;
            let (left_output, right_output) = output.split_at(1, half);
            let right_rows = rows.clone();
            self.threads.join(
                || self.multiply(product, rows, first, left_output, left),
                || self.multiply(product, right_rows, first + half, right_output, right),
            );
        } else {
            let half = rows.len() / 2;
            let (left_output, right_output) = output.split_at(0, half);
            let middle = rows.start + half;
            self.threads.join(
                || self.multiply(product, rows.start..middle, first, left_output, left),
                || self.multiply(product, middle..rows.end, first, right_output, right),
            );
        }
    }

    /// Multiplies bands of tiles, and shares the work among `parts`.
    fn multiply_bands(
        &self,
        product: &Transformed<'_, K>,
        bands: Range<usize>,
        mut output: BlockOutput<'_>,
        parts: &mut [Part<K>],
    ) {
        let Transformed { job, weights, input, winograd } = product;
        let groups = job.filters.groups;
        let (rows, channels) = output.dimensions();
        let products = rows * channels * job.filters.fan_in();
        if parts.len() > 1 && bands.len() > 1 && products >= T::FEWEST_PRODUCTS {
            let (left, right) = parts.split_at_mut(parts.len() / 2);
            let middle = bands.start + bands.len() / 2;
            let begin = |band| winograd::first_position(job, band);
            let (left_output, right_output) =
                output.split_at(0, begin(middle) - begin(bands.start));
            self.threads.join(
                || self.multiply_bands(product, bands.start..middle, left_output, left),
                || self.multiply_bands(product, middle..bands.end, right_output, right),
            );
            return;
        }
        let part = &mut parts[0];
        let (in_group, inputs) = (channels / groups, job.filters.input.channels / groups);
        let padded = in_group.next_multiple_of(PANEL);
        let panel = winograd::panel_entries(inputs);
        for group in 0..groups {
            part.pad_multipliers(&job.multipliers[group * in_group..][..in_group]);
            let (first, count) = (group * padded / PANEL, padded / PANEL);
            let panels = TransformedPanels {
                weights: &weights.panels[first * panel..][..count * panel],
                offsets: &weights.offsets[group * padded..][..padded],
                multipliers: &part.multipliers,
            };
            let tiles = Tiles::of_bands(job, input, bands.clone(), group * inputs);
            let mut output = output.part(0..rows, group * in_group..(group + 1) * in_group);
            let memory = &mut part.tiles;
            winograd::multiply(self.kernel, winograd, tiles, panels, memory, &mut output);
        }
    }

    fn multiply_part(
        &self,
        product: &Product<'_, K>,
        rows: Range<usize>,
        first: usize,
        mut output: BlockOutput<'_>,
        part: &mut Part<K>,
    ) {
        let Product { job, weights, rows: matrix } = product;
        let (_, channels) = output.dimensions();
        // Several groups are never split by channels: all channels are here then.
        let in_group =
            if job.filters.groups == 1 { channels } else { channels / job.filters.groups };
        let row_entries = matrix.row_entries();
        let padded = in_group.next_multiple_of(PANEL);
        let mut session = self.kernel.session();
        for group in 0..job.filters.groups {
            let channel = first + group * in_group;
            part.pad_multipliers(&job.multipliers[channel..][..in_group]);
            let lane = first + group * padded;
            let panels = &weights.panels[lane * row_entries..][..padded * row_entries];
            let offsets = &weights.offsets[lane..][..padded];
            let multipliers = &part.multipliers;
            let memory = &mut part.rows;
            matrix.blocks(self.kernel, group, rows.clone(), memory, |block_rows, block| {
                let output = output.part(
                    block_rows.start - rows.start..block_rows.end - rows.start,
                    group * in_group..(group + 1) * in_group,
                );
                let block = Block {
                    activations: block.activations,
                    rows: block.offsets,
                    pieces: block.pieces,
                    steps: block.length / K::STEP,
                    panels,
                    offsets,
                    multipliers,
                };
                self.kernel.multiply(&mut session, &block, output);
            });
        }
    }
}

/// A convolution of transformed tiles.
struct Transformed<'a, K: Kernel> {
    job: &'a Convolution,
    weights: &'a SimdWeights<K>,
    input: &'a [u8],
    winograd: Winograd<K>,
}

/// A convolution as a matrix product.
struct Product<'a, K: Kernel> {
    job: &'a Convolution,
    weights: &'a SimdWeights<K>,
    rows: ActivationRows<'a>,
}

impl<K: Kernel, T: Threads> Backend for Simd<K, T> {
    type Layer = SimdLayer;
    type Weights = SimdWeights<K>;
    type Scratch = SimdScratch<K>;

    fn kernel(&self) -> &'static str {
        K::NAME
    }

    fn prepare(&self, layer: &Arc<Layer>, job: &Convolution) -> SimdLayer {
        SimdLayer::new::<K>(layer, job)
    }

    fn weight_bytes(&self, layer: &SimdLayer) -> usize {
        if layer.layer.depthwise {
            return layer.mu().len() * CHUNK + layer.layer.out_channels * size_of::<i32>();
        }
        let lanes = layer.groups * layer.panels_per_group() * PANEL;
        lanes * size_of::<i32>()
            + lanes / PANEL * layer.panel_entries::<K>() * size_of::<K::Weight>()
    }

    fn share(&self, scratch: &mut SimdScratch<K>, threads: usize) {
        scratch.threads = threads.max(1);
        if scratch.parts.len() < scratch.threads {
            scratch.parts.resize_with(scratch.threads, Part::default);
        }
    }

    fn sample(
        &self,
        layer: &SimdLayer,
        draw: Draw,
        weights: &mut SimdWeights<K>,
        scratch: &mut SimdScratch<K>,
    ) {
        if layer.layer.depthwise {
            grow(&mut weights.taps, layer.mu().len(), [0; CHUNK]);
            weights.offsets.grow(layer.layer.out_channels, 0);
            layer.sample_taps(self.kernel, draw, &mut weights.taps[..layer.mu().len()]);
            let biases = &mut weights.offsets[..layer.layer.out_channels];
            layer.sample_biases(self.kernel, draw, biases);
            return;
        }
        let panels = layer.groups * layer.panels_per_group();
        let size = layer.panel_entries::<K>();
        weights.panels.grow(panels * size, K::Weight::default());
        weights.offsets.grow(panels * PANEL, 0);
        let offsets = &mut weights.offsets[..panels * PANEL];
        let SimdScratch { parts, threads, biases } = scratch;
        let threads = (*threads).min(1 + layer.mu().len() / T::FEWEST_CHUNKS);
        let panels = &mut weights.panels[..panels * size];
        self.sample_panels(layer, draw, 0, panels, offsets, &mut parts[..threads]);
        grow(biases, layer.layer.out_channels, 0);
        let biases = &mut biases[..layer.layer.out_channels];
        layer.sample_biases(self.kernel, draw, biases);
        for (panel, offsets) in offsets.chunks_exact_mut(PANEL).enumerate() {
            for (row, offset) in layer.rows_of_panel(panel).zip(offsets) {
                *offset = offset.wrapping_add(biases[row]);
            }
        }
    }

    fn convolution(
        &self,
        job: &Convolution,
        weights: &SimdWeights<K>,
        input: &[u8],
        output: Output<'_>,
        scratch: &mut SimdScratch<K>,
    ) {
        if job.filters.is_depthwise() {
            let taps = (weights.taps.as_flattened(), &*weights.offsets);
            let memory = &mut scratch.parts[0].depthwise;
            depthwise::convolve(self.kernel, job, taps, input, output, memory);
            return;
        }
        let output = BlockOutput::new(output, job.output.channels);
        let (rows, _) = output.dimensions();
        if let Some(winograd) = winograd::of::<K>(job) {
            let product = Transformed { job, weights, input, winograd };
            let bands = winograd::bands(job, rows / job.output.spatial());
            let parts = &mut scratch.parts[..scratch.threads];
            self.multiply_bands(&product, 0..bands, output, parts);
            return;
        }
        let product = Product { job, weights, rows: ActivationRows::new::<K>(job, input) };
        let parts = &mut scratch.parts[..scratch.threads];
        self.multiply(&product, 0..rows, 0, output, parts);
    }

    fn run<'a>(&self, job: &Job, draw: Draw, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        let groups = |stream, first, groups: &mut [_]| self.kernel.groups(stream, first, groups);
        self.kernel.vectorize(task::Codes { job, draw, groups, input, output });
    }

    fn add_to_map(&self, sums: &mut MapSums, numbers: &[f32]) {
        self.kernel.vectorize(task::Mapping { sums, numbers });
    }
}
