//! Converts pictures of any size to the bytes that a model takes (feature `image`).
//!
//! The command line and the web share this code, so that both see the same picture.

use crate::graph::Shape;
use alloc::vec::Vec;
use image::imageops::{FilterType, resize};
use image::{DynamicImage, GenericImageView, GrayImage, ImageBuffer, Pixel, RgbImage, RgbaImage};
use thiserror::Error;

/// Most pixels of the intermediate picture, which has the picture's width and the model's height.
/// Each takes 16 bytes.
const MOST_STRETCHED: u64 = 1 << 26;

/// Why a picture cannot be converted for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FitError {
    /// The model takes neither gray nor RGB pictures.
    #[error("the model takes {0} channels; pictures have 1 (gray) or 3 (RGB)")]
    Channels(usize),
    /// The model takes volumes: more than one plane.
    #[error("the model takes volumes of {0} ({names}), not pictures", names = .0.axis_names())]
    Volume(Shape),
    /// The picture is so wide that resizing it would take too much memory.
    #[error("a picture {width} pixels wide cannot be stretched to {height} rows; make it smaller")]
    Wide {
        /// Columns of the picture.
        width: u32,
        /// Rows of the model.
        height: u32,
    },
}

/// Resizes a picture to `shape` and returns its bytes, `[H, W, C]`.
///
/// The picture is reduced to 8 bits per channel, laid over white where it is transparent, made gray
/// (luma of Rec. 709) for a model of one channel, and stretched to the model's rows and columns
/// with a triangle filter that averages all pixels when it shrinks. An opaque picture of the right
/// size keeps its bytes.
///
/// # Errors
/// [`FitError`] unless `shape` has one plane and one or three channels, or when the picture is too
/// wide to be resized.
pub fn fit(picture: DynamicImage, shape: Shape) -> Result<Vec<u8>, FitError> {
    check(picture.dimensions(), shape)?;
    Ok(match picture {
        DynamicImage::ImageRgb8(picture) => fit_rgb(picture, shape),
        picture if picture.color().has_alpha() => fit_rgb(over_white(picture.into_rgba8()), shape),
        picture if shape.channels == 1 => stretched(picture.into_luma8(), shape),
        picture => stretched(picture.into_rgb8(), shape),
    })
}

/// Does what [`fit`] does, without the code for other kinds of pictures.
///
/// # Errors
/// As [`fit`].
pub fn fit_rgba(picture: RgbaImage, shape: Shape) -> Result<Vec<u8>, FitError> {
    check(picture.dimensions(), shape)?;
    Ok(fit_rgb(over_white(picture), shape))
}

/// Checks that a picture of `width` columns and `height` rows can be converted to `shape`.
fn check((width, height): (u32, u32), shape: Shape) -> Result<(), FitError> {
    if shape.depth != 1 {
        return Err(FitError::Volume(shape));
    }
    if ![1, 3].contains(&shape.channels) {
        return Err(FitError::Channels(shape.channels));
    }
    let fits = [height as usize, width as usize] == [shape.height, shape.width];
    if !fits && u64::from(width) * shape.height as u64 > MOST_STRETCHED {
        return Err(FitError::Wide { width, height: shape.height as u32 });
    }
    Ok(())
}

/// Converts a picture to the bytes of a shape that was checked.
fn fit_rgb(picture: RgbImage, shape: Shape) -> Vec<u8> {
    match shape.channels {
        1 => stretched(gray(&picture), shape),
        _ => stretched(picture, shape),
    }
}

/// Stretches a picture to the rows and columns of `shape`.
fn stretched<P>(picture: ImageBuffer<P, Vec<u8>>, shape: Shape) -> Vec<u8>
where
    P: Pixel<Subpixel = u8> + 'static,
{
    // A shape has at most 2^26 elements.
    let (width, height) = (shape.width as u32, shape.height as u32);
    if picture.dimensions() == (width, height) {
        return picture.into_raw();
    }
    resize(&picture, width, height, FilterType::Triangle).into_raw()
}

/// Luma of Rec. 709, as `image` derives it from the primaries and the white of sRGB.
const LUMA: [f32; 3] = [0.212_647_84, 0.715_179_2, 0.072_173_04];

/// Makes a picture gray.
///
/// `DynamicImage::into_luma8` does the same, but it brings the conversions of all kinds of pictures,
/// and its last bit depends on whether the compiler fuses multiplication and addition.
fn gray(picture: &RgbImage) -> GrayImage {
    let luma = |&[red, green, blue]: &[u8; 3]| {
        let [red, green, blue] = [red, green, blue].map(|value| f32::from(value) * (1.0 / 255.0));
        let luma = red * LUMA[0] + green * LUMA[1] + blue * LUMA[2];
        (luma * 255.0).round() as u8
    };
    let (width, height) = picture.dimensions();
    let bytes = picture.as_raw().as_chunks().0.iter().map(luma).collect();
    GrayImage::from_raw(width, height, bytes).expect("a byte per pixel")
}

/// Lays the picture over white. Each channel becomes `(c a + 255 (255 - a)) / 255`, rounded to the
/// nearest integer.
fn over_white(picture: RgbaImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let mut bytes = picture.into_raw();
    let pixels = bytes.len() / 4;
    // In place: a pixel is written at or before the place where it was read.
    for pixel in 0..pixels {
        let alpha = u32::from(bytes[4 * pixel + 3]);
        for channel in 0..3 {
            let sum = u32::from(bytes[4 * pixel + channel]) * alpha + 255 * (255 - alpha);
            bytes[3 * pixel + channel] = ((sum + 127) / 255) as u8;
        }
    }
    bytes.truncate(3 * pixels);
    RgbImage::from_raw(width, height, bytes).expect("three bytes per pixel")
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayAlphaImage, Luma, LumaA, Rgb, Rgba};

    #[test]
    fn a_picture_of_the_right_size_keeps_its_bytes() {
        let picture = GrayImage::from_fn(3, 2, |x, y| Luma([(10 * y + x) as u8]));
        let bytes = fit(DynamicImage::from(picture), Shape::new(2, 3, 1));
        assert_eq!(bytes, Ok(alloc::vec![0, 1, 2, 10, 11, 12]));
    }

    #[test]
    fn shrinking_averages() {
        let picture = RgbaImage::from_fn(8, 8, |x, _| Rgba([(x % 2 * 200) as u8, 100, 0, 255]));
        let bytes = fit(DynamicImage::from(picture), Shape::new(1, 1, 3)).unwrap();
        assert!(bytes[0].abs_diff(100) <= 1, "{bytes:?}");
        assert_eq!(bytes[1..], [100, 0]);
    }

    /// Compares every value and transparency with the formula in real numbers.
    #[test]
    fn transparency_shows_white() {
        let picture = RgbaImage::from_fn(256, 256, |x, y| Rgba([x as u8, 255, 0, y as u8]));
        let bytes = fit(DynamicImage::from(picture), Shape::new(256, 256, 3)).unwrap();
        for (i, &[red, green, blue]) in bytes.as_chunks().0.iter().enumerate() {
            let (value, share) = ((i % 256) as f64, (i / 256) as f64 / 255.0);
            let over = |value: f64| (value * share + 255.0 * (1.0 - share)).round() as u8;
            assert_eq!([red, green, blue], [over(value), 255, over(0.0)], "{i}");
        }
        let gray = GrayAlphaImage::from_pixel(2, 1, LumaA([100, 51]));
        let bytes = fit(DynamicImage::from(gray), Shape::new(1, 2, 1));
        assert_eq!(bytes, Ok(alloc::vec![224, 224]));
    }

    /// Compares every color with `image`, whose luma the processor may round otherwise.
    #[test]
    fn gray_is_luma_and_has_the_same_bits_everywhere() {
        let mut hasher = blake3::Hasher::new();
        for red in 0..=255 {
            let colors = RgbImage::from_fn(256, 256, |x, y| Rgb([red, x as u8, y as u8]));
            let ours = gray(&colors).into_raw();
            let theirs = DynamicImage::from(colors).into_luma8().into_raw();
            assert!(ours.iter().zip(&theirs).all(|(a, b)| a.abs_diff(*b) <= 1), "{red}");
            hasher.update(&ours);
        }
        // Also the digest of `into_luma8` without fused operations.
        let expected = "a4d853d7d112dbe01fc46d55f0348a494c9ab7b9eff8206ab11637ab0a44fe98";
        assert_eq!(hasher.finalize().to_hex().as_str(), expected);
    }

    #[test]
    fn memory_for_resizing_is_bounded() {
        let wide = DynamicImage::from(GrayImage::new(1 << 20, 1));
        let error = fit(wide, Shape::new(128, 1, 1)).unwrap_err();
        assert_eq!(error, FitError::Wide { width: 1 << 20, height: 128 });
    }

    #[test]
    fn other_channels_and_volumes_are_refused() {
        let picture = DynamicImage::from(GrayImage::new(2, 2));
        assert_eq!(fit(picture.clone(), Shape::new(2, 2, 4)), Err(FitError::Channels(4)));
        let error = fit(picture, Shape::volume(5, 2, 2, 1)).unwrap_err();
        let expected =
            "the model takes volumes of 5x2x2x1 (depth x height x width x channels), not pictures";
        assert_eq!(alloc::string::ToString::to_string(&error), expected);
    }
}
