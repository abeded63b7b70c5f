//! Light and contrast of the whole picture.

use ndarray::{Array3, ArrayView3, Axis};

use super::pixels::{byte, channel_means, share};

/// Added to the value of a pixel in HSV, as a share of white.
const BRIGHTNESS: [f64; 5] = [0.05, 0.1, 0.15, 0.2, 0.3];

/// The part of the distance to the channel's mean that remains.
const CONTRAST: [f64; 5] = [0.75, 0.5, 0.4, 0.3, 0.15];

/// A pixel's value is its largest channel. To keep hue and saturation, all channels grow by the same
/// factor as the value; black becomes gray.
pub(super) fn brightness(x: ArrayView3<'_, u8>, level: usize) -> Array3<u8> {
    let mut out = Array3::zeros(x.dim());
    for (mut to, from) in out.lanes_mut(Axis(2)).into_iter().zip(x.lanes(Axis(2))) {
        let value = share(from.iter().copied().max().unwrap_or_default());
        let brighter = (value + BRIGHTNESS[level]).min(1.0);
        let brighten = |b| if value > 0.0 { share(b) * (brighter / value) } else { brighter };
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = byte(brighten(from)));
    }
    out
}

pub(super) fn contrast(x: ArrayView3<'_, u8>, level: usize) -> Array3<u8> {
    let means = channel_means(x);
    Array3::from_shape_fn(x.dim(), |(row, column, channel)| {
        let mean = means[channel];
        byte((share(x[[row, column, channel]]) - mean) * CONTRAST[level] + mean)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn brightness_keeps_hue_and_saturation() {
        let x = array![[[100u8, 50, 0], [0, 0, 0], [255, 51, 0]]];
        let out = brightness(x.view(), 4);
        // 100 / 255 + 0.3 = 176.5 / 255; the middle channel is half of it. White is the end.
        assert_eq!(out, array![[[176u8, 88, 0], [76, 76, 76], [255, 51, 0]]]);
    }

    #[test]
    fn contrast_draws_to_the_mean_of_the_channel() {
        let x = array![[[0u8, 10], [200, 10]]];
        let out = contrast(x.view(), 1);
        assert_eq!(out.index_axis(Axis(2), 0), array![[50u8, 150]]);
        assert!(out.index_axis(Axis(2), 1).iter().all(|&b| b.abs_diff(10) <= 1));
    }
}
