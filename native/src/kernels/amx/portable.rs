//! The parts of the kernel that do not use AMX, in plain Rust, so that its tests run on any x86-64
//! processor.

use super::pending::Pending;
use crate::kernels::{BlockOutput, DepthwiseBlock, Drawing, NoiseMultipliers, PANEL};
use bayes8_core::posterior::gaussian::{CHUNK, CHUNKS_PER_GROUP, noise, sample_weight};
use std::ffi::c_void;

/// Draws chunks of weights ([`crate::kernels::Kernel::draw`]).
pub(super) fn draw(drawing: Drawing<'_>) {
    let Drawing { stream, first, mu, sigma, multipliers, weights } = drawing;
    for (i, weights) in weights.iter_mut().enumerate() {
        let chunk = first + i as u64;
        let group = stream.group_bytes(chunk / CHUNKS_PER_GROUP as u64);
        let bytes = &group[chunk as usize % CHUNKS_PER_GROUP * 2 * CHUNK..][..2 * CHUNK];
        for (k, weight) in weights.iter_mut().enumerate() {
            let multiplier = match multipliers {
                NoiseMultipliers::Rows { multipliers, chunks } => multipliers[i / chunks],
                NoiseMultipliers::Each(each) => each[i][k],
            };
            let noise = noise(bytes[k], bytes[CHUNK + k]);
            *weight = sample_weight(mu[i][k], sigma[i][k], multiplier, noise);
        }
    }
}

/// Packs 16 rows into a panel ([`crate::kernels::Kernel::pack`]).
pub(super) fn pack(rows: &[[i8; CHUNK]], panel: &mut [i8]) -> [i32; PANEL] {
    let rows: Vec<&[i8]> =
        rows.chunks_exact(rows.len() / PANEL).map(|r| r.as_flattened()).collect();
    for (i, weight) in panel.iter_mut().enumerate() {
        let (step, channel, k) = (i / (4 * PANEL), i / 4 % PANEL, i % 4);
        *weight = rows[channel][4 * step + k];
    }
    std::array::from_fn(|channel| rows[channel].iter().map(|&weight| i32::from(weight)).sum())
}

/// The epilogue of a block.
pub(super) struct Epilogue<'a, 'o> {
    pub(super) multipliers: &'a [f32],
    pub(super) output: BlockOutput<'o>,
}

/// Writes the next rows of a [`Pending`] tile.
///
/// # Safety
/// `context` must be a [`Pending`] of an [`Epilogue`] that nothing else uses meanwhile, with sums for
/// its rows.
pub(super) unsafe extern "sysv64" fn write_rows(context: *mut c_void) {
    // SAFETY: by the contract.
    let pending = unsafe { &mut *context.cast::<Pending<Epilogue<'_, '_>>>() };
    for row in pending.take() {
        // SAFETY: by the contract.
        let sums = unsafe { &(*pending.sums).0[row - pending.first] };
        let Epilogue { multipliers, output } = &mut pending.epilogue;
        let (_, channels) = output.dimensions();
        let [first, end] = [0, pending.panels].map(|count| (pending.panel + count) * PANEL);
        for channel in first..end.min(channels) {
            write(output, [row, channel], sums[channel - first] as f32 * multipliers[channel]);
        }
    }
}

/// Writes one output, given in output steps.
fn write(output: &mut BlockOutput<'_>, at: [usize; 2], scaled: f32) {
    match output {
        BlockOutput::Codes(codes, target) => codes[at] = target.round(scaled),
        BlockOutput::Sums(codes, target, add, other) => {
            let inputs = [target.round(scaled), other[at]];
            let [a, b]: [f32; 2] = std::array::from_fn(|i| {
                let input = &add.inputs[i];
                (i32::from(inputs[i]) - i32::from(input.zero_point)) as f32 * input.multiplier
            });
            codes[at] = add.target.round(a + b);
        }
        BlockOutput::Logits(logits) => logits[at] = scaled,
    }
}

/// Does a depthwise convolution ([`crate::kernels::Kernel::DEPTHWISE`]).
pub(super) fn depthwise(block: DepthwiseBlock<'_, '_>) {
    let DepthwiseBlock { job, weights, biases, input, mut output, .. } = block;
    let (shape, channels) = (job.filters.input, job.filters.input.channels);
    let [planes, rows, columns] = job.filters.window.axes();
    let [height, width] = [job.output.height, job.output.width];
    for row in 0..output.dimensions().0 {
        let (picture, position) = (row / job.output.spatial(), row % job.output.spatial());
        let (plane, line, column) =
            (position / (height * width), position / width % height, position % width);
        for channel in 0..channels {
            let mut sum = biases[channel];
            for tap in 0..job.filters.window.taps() {
                let (kd, kh) =
                    (tap / columns.kernel / rows.kernel, tap / columns.kernel % rows.kernel);
                let seen = (
                    planes.position(plane, kd, shape.depth),
                    rows.position(line, kh, shape.height),
                    columns.position(column, tap % columns.kernel, shape.width),
                );
                let (Some(z), Some(y), Some(x)) = seen else { continue };
                let pixel = ((picture * shape.depth + z) * shape.height + y) * shape.width + x;
                let code = i32::from(input[pixel * channels + channel]);
                let weight = i32::from(weights[tap * channels + channel]);
                sum += (code - i32::from(job.zero_point)) * weight;
            }
            write(&mut output, [row, channel], sum as f32 * job.multipliers[channel]);
        }
    }
}
