//! Blurs: weighted sums of shifted pictures.

use std::f64::consts::PI;

use ndarray::{Array3, ArrayView3};
use rand_chacha::ChaCha8Rng;

use super::noise::uniform;
use super::pixels::{byte, share};

/// Radius of the disk, and standard deviation of the Gaussian that smooths its edge, in pixels.
const DEFOCUS: [(f64, f64); 5] = [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1)];

/// Length of the streak and standard deviation of its one-sided Gaussian, in pixels.
const MOTION: [(f64, f64); 5] = [(6.0, 1.0), (6.0, 1.5), (6.0, 2.0), (8.0, 2.0), (9.0, 2.5)];

/// Largest angle of a streak, in degrees; the smallest is its negative.
const MOTION_ANGLE: f64 = 45.0;

/// The weight of the pixel `rows` below and `columns` to the right.
struct Tap {
    rows: i64,
    columns: i64,
    weight: f64,
}

/// The pixels beyond the edges.
#[derive(Clone, Copy)]
enum Border {
    /// The nearest pixel.
    Edge,
    /// The mirror image of the picture without a second edge pixel, as OpenCV's `BORDER_REFLECT_101`.
    Reflect,
}

/// Blurs with a smooth-edged disk, the image of a point through an unfocused lens.
pub(super) fn defocus(x: ArrayView3<'_, u8>, level: usize) -> Array3<u8> {
    let (radius, smoothing) = DEFOCUS[level];
    // The authors smooth a drawn disk with three taps in each direction.
    let side = libm::exp(-1.0 / (2.0 * smoothing * smoothing));
    let gaussian = [side, 1.0, side].map(|tap| tap / (1.0 + 2.0 * side));
    let reach = radius as i64;
    let inside = |row: i64, column: i64| ((row * row + column * column) as f64) <= radius * radius;
    let square = || (-reach..=reach).flat_map(|r| (-reach..=reach).map(move |c| (r, c)));
    let area = square().filter(|&(row, column)| inside(row, column)).count() as f64;
    let mut taps = Vec::new();
    for rows in -reach - 1..=reach + 1 {
        for columns in -reach - 1..=reach + 1 {
            let mut weight = 0.0;
            for (i, down) in (-1..).zip(gaussian) {
                for (j, right) in (-1..).zip(gaussian) {
                    weight += f64::from(inside(rows + i, columns + j)) / area * down * right;
                }
            }
            taps.push(Tap { rows, columns, weight });
        }
    }
    filter(x, &taps, Border::Reflect).map(|&value| byte(value))
}

/// Blurs with a streak in a random direction, as ImageMagick's motion blur does.
pub(super) fn motion(x: ArrayView3<'_, u8>, level: usize, random: &mut ChaCha8Rng) -> Array3<u8> {
    let (radius, sigma) = MOTION[level];
    let angle = MOTION_ANGLE * (2.0 * uniform(random) - 1.0) * PI / 180.0;
    let (down, right) = (libm::sin(angle), libm::cos(angle));
    let length = 2 * radius as i64 + 1;
    let weight = |i: i64| libm::exp(-((i * i) as f64) / (2.0 * sigma * sigma));
    let sum: f64 = (0..length).map(weight).sum();
    let taps = (0..length).map(|i| Tap {
        rows: libm::ceil(i as f64 * down - 0.5) as i64,
        columns: libm::ceil(i as f64 * right - 0.5) as i64,
        weight: weight(i) / sum,
    });
    // ImageMagick rounds, while the authors' own code truncates.
    let taps: Vec<Tap> = taps.collect();
    filter(x, &taps, Border::Edge).map(|&value| libm::rint(value * 255.0) as u8)
}

/// The weighted sum of the pixels around each pixel, as a share of white.
fn filter(x: ArrayView3<'_, u8>, taps: &[Tap], border: Border) -> Array3<f64> {
    let (height, width, channels) = x.dim();
    let mut out = Array3::zeros(x.dim());
    for tap in taps {
        for row in 0..height {
            let from_row = border.place(row as i64 + tap.rows, height);
            for column in 0..width {
                let from_column = border.place(column as i64 + tap.columns, width);
                for channel in 0..channels {
                    out[[row, column, channel]] +=
                        tap.weight * share(x[[from_row, from_column, channel]]);
                }
            }
        }
    }
    out
}

impl Border {
    /// The pixel of `0..length` that is used for `position`.
    fn place(self, position: i64, length: usize) -> usize {
        let last = length as i64 - 1;
        match self {
            Self::Edge => position.clamp(0, last) as usize,
            Self::Reflect if last == 0 => 0,
            Self::Reflect => {
                let within = position.rem_euclid(2 * last);
                within.min(2 * last - within) as usize
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_repeat_or_reflect() {
        let places = |border: Border| (-3..=5).map(|i| border.place(i, 3)).collect::<Vec<_>>();
        assert_eq!(places(Border::Edge), [0, 0, 0, 0, 1, 2, 2, 2, 2]);
        assert_eq!(places(Border::Reflect), [1, 2, 1, 0, 1, 2, 1, 0, 1]);
        assert_eq!(Border::Reflect.place(-7, 1), 0);
    }

    /// As in OpenCV: a disk below one pixel is a point, one of 1.5 pixels covers all nine.
    #[test]
    fn the_disk_is_that_of_the_authors() {
        let mut point = Array3::zeros((9, 9, 1));
        point[[4, 4, 0]] = 255u8;
        let out = defocus(point.view(), 0);
        // exp(-1 / 0.32) = 0.0439; the middle keeps 1 / 1.0879^2 = 0.8450.
        assert_eq!(out[[4, 4, 0]], (0.8450 * 255.0) as u8);
        assert_eq!(out[[4, 5, 0]], (0.8450 * 0.0439 * 255.0) as u8);
        let out = defocus(point.view(), 4);
        assert_eq!(out[[3, 5, 0]], (255.0 / 9.0) as u8);
        assert_eq!(out[[4, 6, 0]], 0);
    }
}
