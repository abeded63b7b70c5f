//! Convolutions and linear layers: im2col and a matrix product, or directly where depthwise.

use std::ops::Range;

use bayes8_core::graph::{Padding, Shape};
use bayes8_core::ops::Filters;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul};

use super::weights::FloatLayer;

/// Numbers of an im2col block: few enough to stay in a core's second-level cache.
const BLOCK: usize = 1 << 15;

/// A weighted node, ready to run.
pub(super) struct Convolution<'w> {
    filters: Filters,
    output: Shape,
    /// `[KD][KH][KW][C]` if depthwise, otherwise as the layer has it.
    weight: std::borrow::Cow<'w, [f32]>,
    bias: Option<&'w [f32]>,
}

impl<'w> Convolution<'w> {
    /// `None` if the filters need another number of weights.
    pub(super) fn new(filters: Filters, output: Shape, layer: &'w FloatLayer<'_>) -> Option<Self> {
        let bias = layer.bias.as_deref();
        let fits = layer.weight.len() == output.channels * filters.fan_in()
            && bias.is_none_or(|bias| bias.len() == output.channels);
        let mut new = Self { filters, output, weight: (&*layer.weight).into(), bias };
        if filters.is_depthwise() {
            let taps = filters.window.taps();
            let by_tap = (0..taps).flat_map(|t| layer.weight.iter().skip(t).step_by(taps));
            new.weight = by_tap.copied().collect();
        }
        fits.then_some(new)
    }

    /// Convolves pictures one after the other, `[..][D][H][W][C]`.
    pub(super) fn run(&self, input: &[f32], out: &mut [f32]) {
        match self.bias {
            Some(bias) => {
                out.chunks_exact_mut(bias.len()).for_each(|pixel| pixel.copy_from_slice(bias));
            }
            None => out.fill(0.0),
        }
        let Filters { input: shape, window, groups, .. } = self.filters;
        let whole = window.axes().map(|axis| axis.kernel) == shape.axes()
            && window.padding == Padding::default();
        // A window of one tap has no padding.
        let in_place = window.taps() == 1 && self.output.axes() == shape.axes();
        if groups == 1 && (whole || in_place) {
            // The input already holds the rows of the matrix, over all pictures.
            let row_entries = if whole { shape.elements() } else { shape.channels };
            return self.multiply(input, row_entries, out, 0);
        }
        let pictures = input.chunks_exact(shape.elements());
        for (input, out) in pictures.zip(out.chunks_exact_mut(self.output.elements())) {
            if self.filters.is_depthwise() {
                self.depthwise(input, out);
            } else {
                (0..groups).for_each(|group| self.general(input, out, group));
            }
        }
    }

    /// Convolves one group of one picture: patches of a block of output pixels, then their product.
    fn general(&self, input: &[f32], out: &mut [f32], group: usize) {
        let channels = self.filters.input.channels / self.filters.groups;
        let fan_in = self.filters.fan_in();
        let pixels = (BLOCK / fan_in).max(8);
        let mut patches = vec![0.0; pixels * fan_in];
        for (i, out) in out.chunks_mut(pixels * self.output.channels).enumerate() {
            let count = out.len() / self.output.channels;
            let patches = &mut patches[..count * fan_in];
            for (p, patch) in patches.chunks_exact_mut(fan_in).enumerate() {
                self.patch(input, i * pixels + p, group * channels..(group + 1) * channels, patch);
            }
            self.multiply(patches, fan_in, out, group);
        }
    }

    /// Copies the window of output pixel `pixel` in some channels, `[KD][KH][KW][channels]`.
    fn patch(&self, input: &[f32], pixel: usize, channels: Range<usize>, patch: &mut [f32]) {
        let shape = self.filters.input;
        let [planes, rows, columns] = self.filters.window.axes();
        let [z, y, x] = position(self.output, pixel);
        let line = columns.kernel * channels.len();
        for (tap, patch) in patch.chunks_exact_mut(line).enumerate() {
            let plane = planes.position(z, tap / rows.kernel, shape.depth);
            let row = rows.position(y, tap % rows.kernel, shape.height);
            let (Some(plane), Some(row)) = (plane, row) else {
                patch.fill(0.0);
                continue;
            };
            let first = columns.position(x, 0, shape.width);
            if let Some(first) = first
                && columns.dilation == 1
                && first + columns.kernel <= shape.width
                && channels.len() == shape.channels
            {
                let start = start(shape, [plane, row, first]);
                patch.copy_from_slice(&input[start..start + line]);
                continue;
            }
            for (kx, patch) in patch.chunks_exact_mut(channels.len()).enumerate() {
                match columns.position(x, kx, shape.width) {
                    Some(column) => {
                        let start = start(shape, [plane, row, column]);
                        let pixel = &input[start..start + shape.channels];
                        patch.copy_from_slice(&pixel[channels.clone()]);
                    }
                    None => patch.fill(0.0),
                }
            }
        }
    }

    /// out += rows * weights of the group, transposed.
    fn multiply(&self, rows: &[f32], row_entries: usize, out: &mut [f32], group: usize) {
        let all = self.output.channels;
        let outputs = all / self.filters.groups;
        let weight =
            &self.weight[group * outputs * row_entries..(group + 1) * outputs * row_entries];
        let count = out.len() / all;
        // `new` checked the lengths, so these views always exist.
        let rows = ArrayView2::from_shape((count, row_entries), rows);
        let weight = ArrayView2::from_shape((outputs, row_entries), weight);
        let out = ArrayViewMut2::from_shape((count, all), out);
        if let (Ok(rows), Ok(weight), Ok(mut out)) = (rows, weight, out) {
            let columns = group * outputs..(group + 1) * outputs;
            let mut out = out.slice_axis_mut(Axis(1), columns.into());
            general_mat_mul(1.0, &rows, &weight.t(), 1.0, &mut out);
        }
    }

    /// Convolves every channel of one picture by itself.
    fn depthwise(&self, input: &[f32], out: &mut [f32]) {
        let shape = self.filters.input;
        let axes = self.filters.window.axes();
        let kernel = axes.map(|axis| axis.kernel);
        for (p, out) in out.chunks_exact_mut(shape.channels).enumerate() {
            let output = position(self.output, p);
            for (t, weight) in self.weight.chunks_exact(shape.channels).enumerate() {
                let line = t / kernel[2];
                let taps = [line / kernel[1], line % kernel[1], t % kernel[2]];
                let along = |i: usize| axes[i].position(output[i], taps[i], shape.axes()[i]);
                if let [Some(plane), Some(row), Some(column)] = [0, 1, 2].map(along) {
                    let start = start(shape, [plane, row, column]);
                    let pixel = &input[start..start + shape.channels];
                    for ((out, w), x) in out.iter_mut().zip(weight).zip(pixel) {
                        *out += w * x;
                    }
                }
            }
        }
    }
}

/// Plane, row and column of a pixel.
fn position(shape: Shape, pixel: usize) -> [usize; 3] {
    let line = pixel / shape.width;
    [line / shape.height, line % shape.height, pixel % shape.width]
}

/// The index at which the pixel at a plane, row and column begins.
fn start(shape: Shape, [plane, row, column]: [usize; 3]) -> usize {
    ((plane * shape.height + row) * shape.width + column) * shape.channels
}
