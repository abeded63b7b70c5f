//! Operations that only move codes.

use crate::graph::{AxisPadding, Range, Shape};

/// A strided part of the planes, rows and columns of each picture.
pub(crate) fn slice(shape: Shape, ranges: [Range; 3], input: &[u8], output: &mut [u8]) {
    let [planes, rows, columns] = ranges.map(|range| (range.start..range.end).step_by(range.step));
    let mut pixels = output.chunks_exact_mut(shape.channels);
    for picture in input.chunks_exact(shape.elements()) {
        for plane in planes.clone() {
            for row in rows.clone() {
                for column in columns.clone() {
                    let pixel = (plane * shape.height + row) * shape.width + column;
                    if let Some(to) = pixels.next() {
                        to.copy_from_slice(&picture[pixel * shape.channels..][..shape.channels]);
                    }
                }
            }
        }
    }
}

/// Planes, rows and columns of x = 0 around and between those of the input.
pub(crate) fn pad(
    from: Shape,
    to: Shape,
    [planes, rows, columns]: [AxisPadding; 3],
    zero_point: u8,
    input: &[u8],
    output: &mut [u8],
) {
    output.fill(zero_point);
    let lines = input.chunks_exact(from.width * from.channels);
    for (i, line) in lines.enumerate() {
        let (row, plane) = (i % from.height, i / from.height % from.depth);
        let picture = i / from.height / from.depth;
        let plane = picture * to.depth + planes.position(plane);
        let first = (plane * to.height + rows.position(row)) * to.width;
        for (column, pixel) in line.chunks_exact(from.channels).enumerate() {
            let at = (first + columns.position(column)) * to.channels;
            output[at..][..to.channels].copy_from_slice(pixel);
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
