//! Ways to save bytes: fewer pixels, and JPEG.

use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use ndarray::{Array3, ArrayView3, Axis};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

/// Share of a side's pixels that remain.
const PIXELATE: [f64; 5] = [0.95, 0.9, 0.85, 0.75, 0.65];

/// Quality, 1 to 100, on libjpeg's scale.
const JPEG_QUALITY: [u8; 5] = [80, 65, 58, 50, 40];

/// Reduces to fewer pixels, each the mean of those that it covers, and enlarges again.
pub(super) fn pixelate(x: ArrayView3<'_, u8>, level: usize) -> Array3<u8> {
    let (height, width, _) = x.dim();
    let fewer = |side: usize| ((side as f64 * PIXELATE[level]) as usize).max(1);
    let small = resize(resize(x, Axis(1), fewer(width)).view(), Axis(0), fewer(height));
    resize(resize(small.view(), Axis(1), width).view(), Axis(0), height)
}

/// Resizes one axis with Pillow's box filter: the mean of the pixels whose centres a new pixel covers,
/// or the nearest pixel if it covers none. Rounds to bytes after each axis.
fn resize(x: ArrayView3<'_, u8>, axis: Axis, length: usize) -> Array3<u8> {
    let scale = x.len_of(axis) as f64 / length as f64;
    let support = 0.5 * scale.max(1.0);
    let mut shape = x.raw_dim();
    shape[axis.index()] = length;
    let mut out = Array3::zeros(shape);
    for (index, mut to) in out.axis_iter_mut(axis).enumerate() {
        let centre = (index as f64 + 0.5) * scale;
        let first = ((centre - support + 0.5) as usize).min(x.len_of(axis) - 1);
        let last = ((centre + support + 0.5) as usize).clamp(first + 1, x.len_of(axis));
        let sum = x.slice_axis(axis, (first..last).into()).map(|&b| u32::from(b)).sum_axis(axis);
        let count = (last - first) as u32;
        to.zip_mut_with(&sum, |to, sum| *to = ((2 * sum + count) / (2 * count)) as u8);
    }
    out
}

/// Encodes as JPEG and decodes again; colours keep their full resolution. Sides are below 2^16.
pub(super) fn jpeg(x: ArrayView3<'_, u8>, level: usize) -> Array3<u8> {
    let (height, width, channels) = x.dim();
    let (stored, colour_space) = match channels {
        1 => (ExtendedColorType::L8, ColorSpace::Luma),
        _ => (ExtendedColorType::Rgb8, ColorSpace::RGB),
    };
    let bytes: Vec<u8> = x.iter().copied().collect();
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY[level])
        .encode(&bytes, width as u32, height as u32, stored)
        .expect("pictures of 1 or 3 channels fit JPEG and memory takes any file");
    // Vector code may round differently on some processors: all use the portable code.
    let options = DecoderOptions::default()
        .set_use_unsafe(false)
        .set_max_width(width)
        .set_max_height(height)
        .jpeg_set_out_colorspace(colour_space);
    let decoded = JpegDecoder::new_with_options(ZCursor::new(&file), options).decode();
    let decoded = decoded.expect("the file was just written");
    Array3::from_shape_vec(x.dim(), decoded).expect("the decoder keeps size and channels")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn boxes_are_means() {
        let x = array![[[0u8], [10], [20], [31]]];
        assert_eq!(resize(x.view(), Axis(1), 2), array![[[5u8], [26]]]);
        assert_eq!(resize(x.view(), Axis(1), 8).len_of(Axis(1)), 8);
        // Pillow: Image.fromarray([[0, 10, 20, 31]]).resize((8, 1), BOX).
        let double = resize(x.view(), Axis(1), 8);
        assert_eq!(double, array![[[0u8], [0], [10], [10], [20], [20], [31], [31]]]);
    }

    #[test]
    fn a_flat_picture_survives() {
        for channels in [1, 3] {
            let flat = Array3::from_elem((11, 9, channels), 128u8);
            assert_eq!(pixelate(flat.view(), 4), flat);
            let out = jpeg(flat.view(), 4);
            assert!(out.iter().all(|&b| b.abs_diff(128) <= 1));
        }
    }
}
