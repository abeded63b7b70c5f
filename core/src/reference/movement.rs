//! Operations that only move codes.

use crate::graph::{Range, Shape};

/// A strided part of the rows and columns of each picture.
pub(crate) fn slice(shape: Shape, rows: Range, columns: Range, input: &[u8], output: &mut [u8]) {
    let mut pixels = output.chunks_exact_mut(shape.channels);
    for picture in input.chunks_exact(shape.elements()) {
        for row in (rows.start..rows.end).step_by(rows.step) {
            for column in (columns.start..columns.end).step_by(columns.step) {
                let from = &picture[(row * shape.width + column) * shape.channels..];
                if let Some(to) = pixels.next() {
                    to.copy_from_slice(&from[..shape.channels]);
                }
            }
        }
    }
}

/// Channels of x = 0 before and after the input's.
pub(crate) fn pad_channels(
    channels: usize,
    before: usize,
    after: usize,
    zero_point: u8,
    input: &[u8],
    output: &mut [u8],
) {
    output.fill(zero_point);
    copy_channels(channels, before, before + channels + after, input, output);
}

/// Copies pixels of `channels` channels to channel `at` of pixels of `width` channels.
pub(crate) fn copy_channels(
    channels: usize,
    at: usize,
    width: usize,
    input: &[u8],
    output: &mut [u8],
) {
    for (from, to) in input.chunks_exact(channels).zip(output.chunks_exact_mut(width)) {
        to[at..at + channels].copy_from_slice(from);
    }
}
