//! Convolution by its definition: acc = sum (q_x - z_x) q_w over the taps inside the input.

use crate::backend::{Convolution, Output};
use crate::graph::{Shape, Window};
use alloc::{vec, vec::Vec};

/// One weight sample in the layer's own order ([`crate::layer::Layer::mu`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceWeights {
    /// Whether the layer is depthwise, and its weights `[KH][KW][C]`.
    pub depthwise: bool,
    /// Sampled weights.
    pub weights: Vec<i8>,
    /// Sampled biases, one an output channel.
    pub biases: Vec<i32>,
}

/// Convolves a batch of pictures.
pub fn convolution(
    job: &Convolution,
    weights: &ReferenceWeights,
    input: &[u8],
    mut output: Output<'_>,
) {
    let channels = job.output.channels;
    let mut sums = vec![0i32; channels];
    let mut position = 0;
    for picture in input.chunks_exact(job.input.elements()) {
        for row in 0..job.output.height {
            for column in 0..job.output.width {
                sums.copy_from_slice(&weights.biases);
                for (tap, pixel) in taps(&job.window, job.input, row, column) {
                    let pixel = &picture[pixel * job.input.channels..][..job.input.channels];
                    accumulate(job, weights, tap, pixel, &mut sums);
                }
                output.write(position * channels, &sums, &job.multipliers);
                position += 1;
            }
        }
    }
}

impl Output<'_> {
    /// Writes the outputs from index `first` on: `sums` times `multipliers`, on their way through
    /// the epilogue.
    #[inline(always)]
    pub fn write(&mut self, first: usize, sums: &[i32], multipliers: &[f32]) {
        let scaled = sums.iter().zip(multipliers).map(|(&sum, m)| sum as f32 * m);
        let outputs = first..first + sums.len();
        match self {
            Self::Codes(codes, target) => {
                let codes = codes[outputs].iter_mut();
                codes.zip(scaled).for_each(|(code, y)| *code = target.round(y));
            }
            Self::Sums(codes, target, add, other) => {
                let others = &other[outputs.clone()];
                let codes = codes[outputs].iter_mut().zip(others);
                codes.zip(scaled).for_each(|((code, &other), y)| {
                    *code = add.apply(target.round(y), other);
                });
            }
            Self::Logits(logits) => {
                let logits = logits[outputs].iter_mut();
                logits.zip(scaled).for_each(|(logit, y)| *logit = y);
            }
        }
    }
}

/// The taps that fall inside the input, for one output: index of the tap and of the pixel.
pub(super) fn taps(
    window: &Window,
    input: Shape,
    row: usize,
    column: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let Window { kernel, stride, dilation, padding } = *window;
    (0..kernel[0]).flat_map(move |kh| {
        let y = (row * stride[0] + kh * dilation[0]).wrapping_sub(padding.top);
        (0..kernel[1]).filter_map(move |kw| {
            let x = (column * stride[1] + kw * dilation[1]).wrapping_sub(padding.left);
            // A wrapped difference is far beyond any input.
            (y < input.height && x < input.width)
                .then(|| (kh * kernel[1] + kw, y * input.width + x))
        })
    })
}

/// Adds one tap's products to the sums of all output channels.
fn accumulate(
    job: &Convolution,
    weights: &ReferenceWeights,
    tap: usize,
    pixel: &[u8],
    sums: &mut [i32],
) {
    let zero_point = i32::from(job.zero_point);
    let product = |(&x, &w): (&u8, &i8)| (i32::from(x) - zero_point) * i32::from(w);
    if weights.depthwise {
        let weights = &weights.weights[tap * pixel.len()..][..pixel.len()];
        for (sum, pair) in sums.iter_mut().zip(pixel.iter().zip(weights)) {
            *sum += product(pair);
        }
        return;
    }
    let group_inputs = pixel.len() / job.groups;
    let group_outputs = sums.len() / job.groups;
    let filter = job.window.taps() * group_inputs;
    for (channel, sum) in sums.iter_mut().enumerate() {
        let inputs = &pixel[channel / group_outputs * group_inputs..][..group_inputs];
        let weights = &weights.weights[channel * filter + tap * group_inputs..][..group_inputs];
        *sum += inputs.iter().zip(weights).map(product).sum::<i32>();
    }
}
