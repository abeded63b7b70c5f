//! Zoom blur: the mean of the picture and its centre at growing magnifications.

use ndarray::{Array3, ArrayView3};

use super::pixels::{byte, share};

/// Number of magnifications 1, 1.01, 1.02, ... that are summed.
const STEPS: [usize; 5] = [7, 12, 16, 21, 26];

pub(super) fn blur(x: ArrayView3<'_, u8>, level: usize) -> Array3<u8> {
    let steps = STEPS[level];
    let mut sum = x.map(|&b| share(b));
    for step in 0..steps {
        let factor = 1.0 + 0.01 * step as f64;
        let (rows, columns) = (Axis::new(x.dim().0, factor), Axis::new(x.dim().1, factor));
        for ((row, column, channel), sum) in sum.indexed_iter_mut() {
            let (top, down) = rows.source(row);
            let (left, right) = columns.source(column);
            let at = |row: usize, column: usize| {
                share(x[[row.min(x.dim().0 - 1), column.min(x.dim().1 - 1), channel]])
            };
            let upper = at(top, left) * (1.0 - right) + at(top, left + 1) * right;
            let lower = at(top + 1, left) * (1.0 - right) + at(top + 1, left + 1) * right;
            *sum += upper * (1.0 - down) + lower * down;
        }
    }
    sum.map(|&sum| byte(sum / (steps + 1) as f64))
}

/// Rows or columns of the centre, magnified to cover the picture: cropped, enlarged by linear
/// interpolation that keeps both ends in place like scipy's `zoom`, and cropped again.
struct Axis {
    /// First position of the crop.
    first: usize,
    /// Enlarged positions before the picture begins.
    trimmed: usize,
    /// Positions of the crop per position of the enlarged picture.
    step: f64,
}

impl Axis {
    fn new(length: usize, factor: f64) -> Self {
        let cropped = (libm::ceil(length as f64 / factor) as usize).min(length);
        let enlarged = (libm::rint(cropped as f64 * factor) as usize).max(length);
        Self {
            first: (length - cropped) / 2,
            trimmed: (enlarged - length) / 2,
            step: (cropped.max(1) - 1) as f64 / (enlarged.max(2) - 1) as f64,
        }
    }

    /// The position in the picture just before `position` of the enlarged one, and the share of the next.
    fn source(&self, position: usize) -> (usize, f64) {
        let source = (position + self.trimmed) as f64 * self.step;
        let before = libm::floor(source);
        (self.first + before as usize, source - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_magnification_is_the_picture() {
        let axis = Axis::new(32, 1.0);
        assert!((0..32).all(|i| axis.source(i) == (i, 0.0)));
    }

    #[test]
    fn a_magnified_centre_covers_the_picture() {
        // ceil(32 / 1.25) = 26 pixels from 3 on, enlarged to rint(32.5) = 32.
        let axis = Axis::new(32, 1.25);
        assert_eq!(axis.source(0), (3, 0.0));
        assert_eq!(axis.source(31), (28, 0.0));
        for length in [1, 2, 7, 28, 224] {
            for percent in 0..26 {
                let axis = Axis::new(length, 1.0 + 0.01 * f64::from(percent));
                assert!((0..length).all(|i| axis.source(i).0 < length), "{length} {percent}");
            }
        }
    }
}
