//! Depthwise convolution: one filter a channel, so channels are the lanes and there is no matrix.

use bayes8_core::backend::{Convolution, Output};

/// Channels that are summed together, so that the sums stay in registers.
const BLOCK: usize = 64;

/// Convolves a batch with weights `[KH * KW][C]`. Called with a vector unit enabled: each inner
/// loop becomes a handful of vector instructions.
#[inline(always)]
pub(crate) fn depthwise(
    job: &Convolution,
    weights: &[i8],
    biases: &[i32],
    input: &[u8],
    mut output: Output<'_>,
) {
    let channels = job.input.channels;
    let (shape, window) = (job.input, &job.window);
    let zero_point = i16::from(job.zero_point);
    let mut position = 0;
    for picture in input.chunks_exact(shape.elements()) {
        for row in 0..job.output.height {
            for column in 0..job.output.width {
                for first in (0..channels).step_by(BLOCK) {
                    let width = BLOCK.min(channels - first);
                    let mut sums = [0i32; BLOCK];
                    sums[..width].copy_from_slice(&biases[first..][..width]);
                    for kh in 0..window.kernel[0] {
                        let y = (row * window.stride[0] + kh * window.dilation[0])
                            .wrapping_sub(window.padding.top);
                        // A wrapped difference is far beyond any input.
                        if y >= shape.height {
                            continue;
                        }
                        for kw in 0..window.kernel[1] {
                            let x = (column * window.stride[1] + kw * window.dilation[1])
                                .wrapping_sub(window.padding.left);
                            if x >= shape.width {
                                continue;
                            }
                            let pixel = &input_run(picture, y * shape.width + x, channels)[first..];
                            let tap = kh * window.kernel[1] + kw;
                            let weights = &weights[tap * channels + first..];
                            accumulate(&mut sums, &pixel[..width], &weights[..width], zero_point);
                        }
                    }
                    let at = position * channels + first;
                    output.write(at, &sums[..width], &job.multipliers[first..]);
                }
                position += 1;
            }
        }
    }
}

#[inline(always)]
fn input_run(picture: &[u8], pixel: usize, channels: usize) -> &[u8] {
    &picture[pixel * channels..][..channels]
}

#[inline(always)]
fn accumulate(sums: &mut [i32; BLOCK], pixel: &[u8], weights: &[i8], zero_point: i16) {
    for ((sum, &x), &w) in sums.iter_mut().zip(pixel).zip(weights) {
        // |x - z| <= 255 and |w| <= 128: the product fits i16.
        *sum += i32::from((i16::from(x) - zero_point) * i16::from(w));
    }
}
