//! Depthwise convolution: one filter a channel, so channels are the lanes and there is no matrix.

use crate::backend::{Convolution, Output};

/// Convolves a batch with weights `[KH * KW][C]`. Called with a vector unit enabled: channels are
/// summed in blocks of a fixed size, whose loops become a handful of vector instructions.
#[inline(always)]
pub(super) fn depthwise(
    job: &Convolution,
    weights: &[i8],
    biases: &[i32],
    input: &[u8],
    mut output: Output<'_>,
) {
    let channels = job.input.channels;
    let mut position = 0;
    for picture in input.chunks_exact(job.input.elements()) {
        for row in 0..job.output.height {
            for column in 0..job.output.width {
                let window = PictureWindow { job, picture, row, column };
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

/// What one output position sees.
struct PictureWindow<'a> {
    job: &'a Convolution,
    picture: &'a [u8],
    row: usize,
    column: usize,
}

impl PictureWindow<'_> {
    /// Sums the `N` channels from `first` on and writes them from output `at` on. Returns `N`.
    #[inline(always)]
    fn sum<const N: usize>(
        &self,
        weights: &[i8],
        biases: &[i32],
        first: usize,
        at: usize,
        output: &mut Output<'_>,
    ) -> usize {
        let (shape, window) = (self.job.input, &self.job.window);
        let zero_point = i16::from(self.job.zero_point);
        let mut sums: [i32; N] = *block(biases, first);
        for kh in 0..window.kernel[0] {
            let y = (self.row * window.stride[0] + kh * window.dilation[0])
                .wrapping_sub(window.padding.top);
            // A wrapped difference is far beyond any input.
            if y >= shape.height {
                continue;
            }
            for kw in 0..window.kernel[1] {
                let x = (self.column * window.stride[1] + kw * window.dilation[1])
                    .wrapping_sub(window.padding.left);
                if x >= shape.width {
                    continue;
                }
                let pixel: &[u8; N] =
                    block(self.picture, (y * shape.width + x) * shape.channels + first);
                let tap = kh * window.kernel[1] + kw;
                let weights: &[i8; N] = block(weights, tap * shape.channels + first);
                for i in 0..N {
                    // |x - z| <= 255 and |w| <= 128: the product fits i16.
                    let product = (i16::from(pixel[i]) - zero_point) * i16::from(weights[i]);
                    sums[i] += i32::from(product);
                }
            }
        }
        output.write(at, &sums, &self.job.multipliers[first..]);
        N
    }
}

/// `N` values from `first` on.
#[inline(always)]
fn block<T, const N: usize>(values: &[T], first: usize) -> &[T; N] {
    values[first..].first_chunk().expect("a block of channels that exist")
}
