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
        for output_pixel in 0..job.output.spatial() {
            sums.copy_from_slice(&weights.biases);
            for (tap, pixel) in taps(&job.window, job.input, job.output, output_pixel) {
                let pixel = &picture[pixel * job.input.channels..][..job.input.channels];
                accumulate(job, weights, tap, pixel, &mut sums);
            }
            output.write(position * channels, &sums, &job.multipliers);
            position += 1;
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

/// The taps that fall inside the input, for one pixel of the output: index of the tap and of the
/// input's pixel.
#[inline(always)]
pub(super) fn taps(
    window: &Window,
    input: Shape,
    output: Shape,
    pixel: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let [planes, rows, columns] = window.axes();
    let (line, column) = (pixel / output.width, pixel % output.width);
    let (plane, row) = (line / output.height, line % output.height);
    (0..planes.kernel).flat_map(move |kd| {
        let z = planes.position(plane, kd, input.depth);
        (0..if z.is_some() { rows.kernel } else { 0 }).flat_map(move |kh| {
            let y = rows.position(row, kh, input.height);
            let first_tap = (kd * rows.kernel + kh) * columns.kernel;
            let first_pixel = (z.unwrap_or(0) * input.height + y.unwrap_or(0)) * input.width;
            (0..if y.is_some() { columns.kernel } else { 0 }).filter_map(move |kw| {
                let x = columns.position(column, kw, input.width)?;
                Some((first_tap + kw, first_pixel + x))
            })
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
