//! Depthwise convolution: one filter per channel. Channels are the lanes; no matrix is built.

pub(super) mod memory;
mod pairing;
pub(super) mod pairs;

use super::kernel::{DepthwiseBlock, Kernel};
use super::output::BlockOutput;
use super::task::Loop;
use crate::convolution::{Convolution, Output};

/// Convolves a batch with weights `[KD * KH * KW][C]`, by the kernel's own code if it has any.
pub(super) fn convolve<K: Kernel>(
    kernel: K,
    job: &Convolution,
    (weights, biases): (&[i8], &[i32]),
    input: &[u8],
    output: Output<'_>,
    memory: &mut memory::DepthwiseMemory,
) {
    if let Some(run) = K::DEPTHWISE.filter(|_| pairs::takes(job)) {
        let output = BlockOutput::new(output, job.output.channels);
        run(kernel, DepthwiseBlock { job, weights, biases, input, memory, output });
    } else {
        kernel.vectorize(Loop(|| depthwise(job, weights, biases, input, output)));
    }
}

/// Convolves a batch with weights `[KD * KH * KW][C]`. The caller enables a vector unit. Channels
/// are summed in blocks of fixed sizes, whose loops become a handful of vector instructions.
#[inline(always)]
fn depthwise(
    job: &Convolution,
    weights: &[i8],
    biases: &[i32],
    input: &[u8],
    mut output: Output<'_>,
) {
    let channels = job.filters.input.channels;
    let mut position = 0;
    for picture in input.chunks_exact(job.filters.input.elements()) {
        for line in 0..job.output.depth * job.output.height {
            let (plane, row) = (line / job.output.height, line % job.output.height);
            for column in 0..job.output.width {
                let window = PictureWindow { job, picture, plane, row, column };
                let mut first = 0;
                while first < channels {
                    let at = position * channels + first;
                    first += match channels - first {
                        64.. => window.sum::<64>(weights, biases, first, at, &mut output),
                        16.. => window.sum::<16>(weights, biases, first, at, &mut output),
                        4.. => window.sum::<4>(weights, biases, first, at, &mut output),
                        _ => window.sum::<1>(weights, biases, first, at, &mut output),
                    };
                }
                position += 1;
            }
        }
    }
}

/// The window of one output position.
struct PictureWindow<'a> {
    job: &'a Convolution,
    picture: &'a [u8],
    plane: usize,
    row: usize,
    column: usize,
}

impl PictureWindow<'_> {
    /// Sums the `N` channels from `first` on, writes them from output `at` on, and returns `N`.
    #[inline(always)]
    fn sum<const N: usize>(
        &self,
        weights: &[i8],
        biases: &[i32],
        first: usize,
        at: usize,
        output: &mut Output<'_>,
    ) -> usize {
        let shape = self.job.filters.input;
        let [planes, rows, columns] = self.job.filters.window.axes();
        let zero_point = i16::from(self.job.zero_point);
        let mut sums: [i32; N] = *block(biases, first);
        for kd in 0..planes.kernel {
            let Some(z) = planes.position(self.plane, kd, shape.depth) else { continue };
            for kh in 0..rows.kernel {
                let Some(y) = rows.position(self.row, kh, shape.height) else { continue };
                for kw in 0..columns.kernel {
                    let Some(x) = columns.position(self.column, kw, shape.width) else { continue };
                    let pixel = (z * shape.height + y) * shape.width + x;
                    let pixel: &[u8; N] = block(self.picture, pixel * shape.channels + first);
                    let tap = (kd * rows.kernel + kh) * columns.kernel + kw;
                    let weights: &[i8; N] = block(weights, tap * shape.channels + first);
                    for i in 0..N {
                        // |x - z| <= 255 and |w| <= 128: the product fits i16.
                        let product = (i16::from(pixel[i]) - zero_point) * i16::from(weights[i]);
                        sums[i] += i32::from(product);
                    }
                }
            }
        }
        output.write(at, &sums, &self.job.multipliers[first..]);
        N
    }
}

/// Returns the `N` values from `first` on.
#[inline(always)]
fn block<T, const N: usize>(values: &[T], first: usize) -> &[T; N] {
    values[first..].first_chunk().expect("a block of channels that exist")
}
