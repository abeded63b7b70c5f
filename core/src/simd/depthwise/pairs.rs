//! Depthwise convolution by products of pairs: 16 channels and two taps at a time.
//!
//! A lane of 32 bits holds two inputs of its channel as i16, from two taps side by side, and the
//! weights of these taps. A tap outside the picture sees the zero point, so that the sum of the
//! products is `bias - zero point * sum of all weights` away from the result.

use super::memory::DepthwiseMemory;
use super::pairing::Pairing;
use crate::convolution::Convolution;
use crate::simd::epilogue::{Epilogue, PanelEpilogue, Waiting};
use crate::simd::lanes::{DotPairs, Int, Lanes};
use crate::simd::task::Task;
use crate::simd::{DepthwiseBlock, PANEL};

/// Returns whether [`Depthwise`] takes a convolution.
pub(in crate::simd) fn takes(job: &Convolution) -> bool {
    Pairing::new(job).is_some()
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
        let pairing = Pairing::new(job).expect("a convolution that `takes` accepts");
        pairing.prepare(set, memory);
        memory.prepare(job, &pairing, weights, biases);
        let lines = job.output.depth * job.output.height;
        let width = job.output.width;
        let epilogue = Epilogue::new(set.lanes(), output);
        let mut waiting = Waiting::new(set.lanes());
        for (n, picture) in input.chunks_exact(job.filters.input.elements()).enumerate() {
            for block in 0..memory.offsets.len() {
                pairing.forget(memory);
                let channels =
                    PanelEpilogue::new(set.lanes(), &epilogue, &memory.multipliers, block);
                for line in 0..lines {
                    pairing.provide(set, (picture, block * PANEL), line, memory);
                    let windows = Windows::new(set, &pairing, memory, block);
                    let position = (n * lines + line) * width;
                    let mut column = 0;
                    // With four registers per 16 channels, there are enough for two windows.
                    while P < 4 && column + 4 <= width {
                        let sums = windows.sums::<4>(column);
                        channels.add(&sums, position + column, &mut waiting, output);
                        column += 4;
                    }
                    while column + 2 <= width {
                        let sums = windows.sums::<2>(column);
                        channels.add(&sums, position + column, &mut waiting, output);
                        column += 2;
                    }
                    if column < width {
                        let sums = windows.sums::<1>(column);
                        channels.add(&sums, position + column, &mut waiting, output);
                    }
                }
                channels.finish(&mut waiting, output);
            }
        }
    }
}

/// A line of windows on a block of channels.
struct Windows<'a, D: DotPairs<P>, const P: usize> {
    set: D,
    offsets: [Int<D, P>; P],
    /// `[lines][pairs of taps]`.
    weights: &'a [[i16; 32]],
    lines: &'a [[i16; 32]],
    /// First entries of the lines that the windows see.
    seen: &'a [usize],
    pairs: usize,
    between_pairs: usize,
}

impl<'a, D: DotPairs<P>, const P: usize> Windows<'a, D, P> {
    #[inline(always)]
    fn new(set: D, pairing: &Pairing<'_>, memory: &'a DepthwiseMemory, block: usize) -> Self {
        let taps = pairing.window_lines() * pairing.pairs();
        Self {
            set,
            offsets: set.lanes().load(&memory.offsets[block]),
            weights: &memory.weights[block * taps..][..taps],
            lines: &memory.lines,
            seen: &memory.seen,
            pairs: pairing.pairs(),
            between_pairs: pairing.between_pairs(),
        }
    }

    /// Returns the sums of the `R` windows from `column` on.
    #[inline(always)]
    fn sums<const R: usize>(&self, column: usize) -> [[Int<D, P>; P]; R] {
        let set = self.set;
        let mut sums = [self.offsets; R];
        for (line, weights) in self.seen.iter().zip(self.weights.chunks_exact(self.pairs)) {
            let mut inputs = &self.lines[line + column..];
            for (j, weights) in weights.iter().enumerate() {
                if j > 0 {
                    inputs = &inputs[self.between_pairs..];
                }
                let weights = set.lanes().load(weights);
                let inputs: &[_; R] = inputs.first_chunk().expect("an entry for every window");
                for (sums, inputs) in sums.iter_mut().zip(inputs) {
                    let inputs = set.lanes().load(inputs);
                    for p in 0..P {
                        sums[p] = set.dot(sums[p], inputs[p], weights[p]);
                    }
                }
            }
        }
        sums
    }
}

impl DepthwiseMemory {
    /// Pairs the weights of taps, and pads all channels to whole blocks.
    #[inline(always)]
    fn prepare(
        &mut self,
        job: &Convolution,
        pairing: &Pairing<'_>,
        weights: &[i8],
        biases: &[i32],
    ) {
        let (channels, columns) = (job.filters.input.channels, job.filters.window.kernel[1]);
        let (blocks, pairs) = (channels.div_ceil(PANEL), pairing.pairs());
        let per_block = pairing.window_lines() * pairs;
        self.weights.clear();
        self.weights.resize(blocks * per_block, [0; 2 * PANEL]);
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
            for tap in 0..job.filters.window.taps() {
                let (line, column) = (tap / columns, tap % columns);
                let weights = &weights[tap * channels + first..][..count];
                let pair = &mut self.weights[block * per_block + line * pairs + column / 2];
                for (lane, &weight) in weights.iter().enumerate() {
                    pair[2 * lane + column % 2] = weight.into();
                    offsets[lane] = offsets[lane].wrapping_sub(zero_point * i32::from(weight));
                }
            }
        }
    }
}
