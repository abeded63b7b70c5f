//! Depthwise convolution by products of pairs: 16 channels and two taps at a time.
//!
//! A lane of 32 bits holds two inputs of its channel as i16, from two taps, and the weights of these
//! taps. A tap outside the picture sees the zero point, so that the sum of the products is
//! `bias - zero point * sum of all weights` away from the result.

use super::memory::DepthwiseMemory;
use crate::convolution::Convolution;
use crate::simd::epilogue::{Epilogue, PanelEpilogue, Waiting};
use crate::simd::lanes::{DotPairs, Lanes, Task};
use crate::simd::{DepthwiseBlock, PANEL};
use alloc::vec::Vec;

/// The most taps of a window: the offsets of a line of windows are kept.
const MOST_TAPS: usize = 64;

/// The offset of a tap outside the picture.
const OUTSIDE: u32 = u32::MAX;

/// Returns whether [`Depthwise`] takes a convolution.
pub(in crate::simd) fn takes(job: &Convolution) -> bool {
    job.filters.window.taps() <= MOST_TAPS
}

/// Does a depthwise convolution ([`super::super::Kernel::DEPTHWISE`]).
pub struct Depthwise<'a, 'o, D, const P: usize> {
    /// The instruction set.
    pub set: D,
    /// The convolution.
    pub block: DepthwiseBlock<'a, 'o>,
}

impl<D: DotPairs<P>, const P: usize> Task for Depthwise<'_, '_, D, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { set, block } = self;
        let DepthwiseBlock { job, weights, biases, input, memory, mut output } = block;
        let output = &mut output;
        let shape = job.filters.input;
        let pairs = job.filters.window.taps().div_ceil(2);
        memory.prepare(job, weights, biases);
        let DepthwiseMemory { weights, offsets, multipliers, pixels } = memory;
        let epilogue = Epilogue::new(set.lanes(), output);
        let mut waiting = Waiting::new(set.lanes());
        let outside = [job.zero_point; PANEL];
        let mut position = 0;
        for picture in input.chunks_exact(shape.elements()) {
            for line in 0..job.output.depth * job.output.height {
                pixels_of_line(job, line, pixels);
                for (block, (weights, offsets)) in
                    weights.chunks_exact(pairs).zip(&*offsets).enumerate()
                {
                    let channels = PanelEpilogue::new(set.lanes(), &epilogue, multipliers, block);
                    let offsets = set.lanes().load(offsets);
                    let seen = Seen { picture, first: block * PANEL, outside: &outside };
                    for (column, pixels) in pixels.chunks_exact(pairs).enumerate() {
                        let mut sums = offsets;
                        for (&[a, b], weights) in pixels.iter().zip(weights) {
                            let inputs = set.pair_codes(&seen.codes(a), &seen.codes(b));
                            let weights = set.lanes().load(weights);
                            for p in 0..P {
                                sums[p] = set.dot(sums[p], inputs[p], weights[p]);
                            }
                        }
                        channels.add(&[sums], position + column, &mut waiting, output);
                    }
                    channels.finish(&mut waiting, output);
                }
                position += job.output.width;
            }
        }
    }
}

impl DepthwiseMemory {
    /// Pairs the weights of taps, and pads all channels to whole blocks.
    #[inline(always)]
    fn prepare(&mut self, job: &Convolution, weights: &[i8], biases: &[i32]) {
        let (channels, taps) = (job.filters.input.channels, job.filters.window.taps());
        let (blocks, pairs) = (channels.div_ceil(PANEL), taps.div_ceil(2));
        self.weights.clear();
        self.weights.resize(blocks * pairs, [0; 2 * PANEL]);
        self.offsets.clear();
        self.offsets.resize(blocks, [0; PANEL]);
        self.multipliers.clear();
        self.multipliers.extend_from_slice(&job.multipliers);
        self.multipliers.resize(blocks * PANEL, 0.0);
        let zero_point = i32::from(job.zero_point);
        for (block, offsets) in self.offsets.iter_mut().enumerate() {
            let first = block * PANEL;
            let count = PANEL.min(channels - first);
            offsets[..count].copy_from_slice(&biases[first..][..count]);
            for tap in 0..taps {
                let weights = &weights[tap * channels + first..][..count];
                let pair = &mut self.weights[block * pairs + tap / 2];
                for (lane, &weight) in weights.iter().enumerate() {
                    pair[2 * lane + tap % 2] = weight.into();
                    offsets[lane] = offsets[lane].wrapping_sub(zero_point * i32::from(weight));
                }
            }
        }
    }
}

/// Computes the offsets of the pixels that the windows of a line see, two taps at a time.
#[inline(always)]
fn pixels_of_line(job: &Convolution, line: usize, pixels: &mut Vec<[u32; 2]>) {
    let shape = job.filters.input;
    let [planes, rows, columns] = job.filters.window.axes();
    let (plane, row) = (line / job.output.height, line % job.output.height);
    let pairs = job.filters.window.taps().div_ceil(2);
    pixels.clear();
    pixels.resize(job.output.width * pairs, [OUTSIDE; 2]);
    for (column, pixels) in pixels.chunks_exact_mut(pairs).enumerate() {
        let pixels = pixels.as_flattened_mut();
        for kd in 0..planes.kernel {
            let Some(z) = planes.position(plane, kd, shape.depth) else { continue };
            for kh in 0..rows.kernel {
                let Some(y) = rows.position(row, kh, shape.height) else { continue };
                let tap = (kd * rows.kernel + kh) * columns.kernel;
                for (kw, pixel) in pixels[tap..][..columns.kernel].iter_mut().enumerate() {
                    if let Some(x) = columns.position(column, kw, shape.width) {
                        let index = (z * shape.height + y) * shape.width + x;
                        // A value has at most 2^26 elements.
                        *pixel = (index * shape.channels) as u32;
                    }
                }
            }
        }
    }
}

/// A block of channels of a picture.
struct Seen<'a> {
    picture: &'a [u8],
    /// The first channel.
    first: usize,
    outside: &'a [u8; PANEL],
}

impl Seen<'_> {
    /// Returns the codes of a pixel. Those beyond its channels are any.
    #[inline(always)]
    fn codes(&self, pixel: u32) -> [u8; PANEL] {
        if pixel == OUTSIDE {
            return *self.outside;
        }
        let rest = &self.picture[pixel as usize + self.first..];
        match rest.first_chunk() {
            Some(codes) => *codes,
            // The last channels of the picture.
            None => {
                let mut codes = [0; PANEL];
                codes[..rest.len()].copy_from_slice(rest);
                codes
            }
        }
    }
}
