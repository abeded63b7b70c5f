//! Nodes without weights. Values are pictures one after the other, `[..][D][H][W][C]`.

use bayes8_core::graph::{AxisPadding, Range, Shape, Window};

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

pub(super) fn slice(value: &[f32], from: Shape, ranges: [Range; 3], out: &mut [f32], to: Shape) {
    each_pixel(value, from, out, to, |picture, position, out| {
        let at = |axis: usize| ranges[axis].start + position[axis] * ranges[axis].step;
        out.copy_from_slice(pixel(picture, from, [0, 1, 2].map(at)));
    });
}

pub(super) fn pad(value: &[f32], from: Shape, axes: [AxisPadding; 3], out: &mut [f32], to: Shape) {
    out.fill(0.0);
    let pictures = value.chunks_exact(from.elements());
    for (picture, out) in pictures.zip(out.chunks_exact_mut(to.elements())) {
        for (p, pixel) in picture.chunks_exact(from.channels).enumerate() {
            let from = position(from, p);
            let at = start(to, [0, 1, 2].map(|axis| axes[axis].position(from[axis])));
            out[at..at + to.channels].copy_from_slice(pixel);
        }
    }
}

pub(super) fn max_pool(value: &[f32], from: Shape, window: &Window, out: &mut [f32], to: Shape) {
    each_pixel(value, from, out, to, |picture, position, out| {
        out.fill(f32::NEG_INFINITY);
        each_tap(picture, from, window, position, |tap| {
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
    each_pixel(value, from, out, to, |picture, position, out| {
        out.fill(0.0);
        let seen = each_tap(picture, from, window, position, |tap| {
            out.iter_mut().zip(tap).for_each(|(out, x)| *out += x);
        });
        let divisor = if count_include_pad { window.taps() } else { seen.max(1) };
        out.iter_mut().for_each(|x| *x /= divisor as f32);
    });
}

/// Calls `make(picture, position, out)` for every output pixel of every picture.
fn each_pixel(
    value: &[f32],
    from: Shape,
    out: &mut [f32],
    to: Shape,
    make: impl Fn(&[f32], [usize; 3], &mut [f32]),
) {
    let pictures = value.chunks_exact(from.elements());
    for (picture, out) in pictures.zip(out.chunks_exact_mut(to.elements())) {
        for (p, out) in out.chunks_exact_mut(to.channels).enumerate() {
            make(picture, position(to, p), out);
        }
    }
}

/// Plane, row and column of a pixel.
pub(super) fn position(shape: Shape, pixel: usize) -> [usize; 3] {
    let line = pixel / shape.width;
    [line / shape.height, line % shape.height, pixel % shape.width]
}

/// Where the pixel at a plane, row and column begins.
pub(super) fn start(shape: Shape, [plane, row, column]: [usize; 3]) -> usize {
    ((plane * shape.height + row) * shape.width + column) * shape.channels
}

fn pixel(picture: &[f32], shape: Shape, position: [usize; 3]) -> &[f32] {
    let start = start(shape, position);
    &picture[start..start + shape.channels]
}

/// Shows every pixel that the output at `position` sees, and returns how many: padding is not among
/// them.
fn each_tap(
    picture: &[f32],
    from: Shape,
    window: &Window,
    position: [usize; 3],
    mut show: impl FnMut(&[f32]),
) -> usize {
    let axes = window.axes();
    let along = |axis: usize| {
        let taps = 0..axes[axis].kernel;
        taps.filter_map(move |tap| axes[axis].position(position[axis], tap, from.axes()[axis]))
    };
    let mut seen = 0;
    for plane in along(0) {
        for row in along(1) {
            for column in along(2) {
                show(pixel(picture, from, [plane, row, column]));
                seen += 1;
            }
        }
    }
    seen
}
