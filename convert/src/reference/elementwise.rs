//! Nodes without weights. Values are pictures one after the other, `[..][H][W][C]`.

use bayes8_core::graph::{Range, Shape, Window};

use super::convolution::position;

pub(super) fn add(a: &[f32], b: &[f32], out: &mut [f32]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = a + b;
    }
}

/// Multiplies values of so many elements a picture; a second one of fewer has a factor for each
/// channel of the first.
pub(super) fn multiply(a: &[f32], b: &[f32], elements: [usize; 2], out: &mut [f32]) {
    let pictures = a.chunks_exact(elements[0]).zip(out.chunks_exact_mut(elements[0]));
    for ((a, out), b) in pictures.zip(b.chunks_exact(elements[1])) {
        for (a, out) in a.chunks_exact(b.len()).zip(out.chunks_exact_mut(b.len())) {
            for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                *out = a * b;
            }
        }
    }
}

/// Joins values with so many channels each.
pub(super) fn concat(parts: &[(&[f32], usize)], out: &mut [f32]) {
    let all = parts.iter().map(|&(_, channels)| channels).sum();
    for (p, out) in out.chunks_exact_mut(all).enumerate() {
        let mut rest = out;
        for &(value, channels) in parts {
            let (head, tail) = rest.split_at_mut(channels);
            head.copy_from_slice(&value[p * channels..(p + 1) * channels]);
            rest = tail;
        }
    }
}

pub(super) fn pad_channels(
    value: &[f32],
    channels: usize,
    before: usize,
    out: &mut [f32],
    shape: Shape,
) {
    out.fill(0.0);
    for (out, pixel) in out.chunks_exact_mut(shape.channels).zip(value.chunks_exact(channels)) {
        out[before..before + channels].copy_from_slice(pixel);
    }
}

pub(super) fn slice(
    value: &[f32],
    from: Shape,
    rows: Range,
    columns: Range,
    out: &mut [f32],
    to: Shape,
) {
    each_pixel(value, from, out, to, |picture, y, x, out| {
        let (row, column) = (rows.start + y * rows.step, columns.start + x * columns.step);
        out.copy_from_slice(pixel(picture, from, row, column));
    });
}

pub(super) fn max_pool(value: &[f32], from: Shape, window: &Window, out: &mut [f32], to: Shape) {
    each_pixel(value, from, out, to, |picture, y, x, out| {
        out.fill(f32::NEG_INFINITY);
        each_tap(picture, from, window, y, x, |tap| {
            out.iter_mut().zip(tap).for_each(|(out, x)| *out = out.max(*x));
        });
    });
}

pub(super) fn average_pool(
    value: &[f32],
    from: Shape,
    window: &Window,
    count_include_pad: bool,
    out: &mut [f32],
    to: Shape,
) {
    each_pixel(value, from, out, to, |picture, y, x, out| {
        out.fill(0.0);
        let seen = each_tap(picture, from, window, y, x, |tap| {
            out.iter_mut().zip(tap).for_each(|(out, x)| *out += x);
        });
        let divisor = if count_include_pad { window.taps() } else { seen.max(1) };
        out.iter_mut().for_each(|x| *x /= divisor as f32);
    });
}

pub(super) fn global_average_pool(value: &[f32], from: Shape, out: &mut [f32]) {
    let area = (from.height * from.width) as f32;
    let pictures = value.chunks_exact(from.elements());
    for (picture, out) in pictures.zip(out.chunks_exact_mut(from.channels)) {
        out.fill(0.0);
        for pixel in picture.chunks_exact(from.channels) {
            out.iter_mut().zip(pixel).for_each(|(out, x)| *out += x);
        }
        out.iter_mut().for_each(|x| *x /= area);
    }
}

/// Calls `make(picture, row, column, out)` for every output pixel of every picture.
fn each_pixel(
    value: &[f32],
    from: Shape,
    out: &mut [f32],
    to: Shape,
    make: impl Fn(&[f32], usize, usize, &mut [f32]),
) {
    let pictures = value.chunks_exact(from.elements());
    for (picture, out) in pictures.zip(out.chunks_exact_mut(to.elements())) {
        for (p, out) in out.chunks_exact_mut(to.channels).enumerate() {
            make(picture, p / to.width, p % to.width, out);
        }
    }
}

fn pixel(picture: &[f32], shape: Shape, row: usize, column: usize) -> &[f32] {
    let start = (row * shape.width + column) * shape.channels;
    &picture[start..start + shape.channels]
}

/// Shows every pixel that output `(y, x)` sees, and returns how many: padding is not among them.
fn each_tap(
    picture: &[f32],
    from: Shape,
    window: &Window,
    y: usize,
    x: usize,
    mut show: impl FnMut(&[f32]),
) -> usize {
    let mut seen = 0;
    for ky in 0..window.kernel[0] {
        let Some(row) = position(window, 0, y, ky, from.height) else { continue };
        for kx in 0..window.kernel[1] {
            if let Some(column) = position(window, 1, x, kx, from.width) {
                show(pixel(picture, from, row, column));
                seen += 1;
            }
        }
    }
    seen
}
