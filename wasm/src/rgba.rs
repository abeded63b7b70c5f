//! Converts the pixels of a page to the bytes of a model's input.

use crate::error::Error;
use bayes8_core::fit_picture;
use bayes8_core::graph::Shape;
use image::RgbaImage;

/// The longest side of a canvas. It bounds the memory of resizing.
const LONGEST_SIDE: u32 = 1 << 15;

/// Converts a picture of RGBA pixels to bytes `[H, W, C]` of `shape`.
///
/// # Errors
/// [`Error::Sides`], [`Error::Rgba`] and [`Error::Fit`].
pub(crate) fn fit_rgba(
    rgba: Vec<u8>,
    width: u32,
    height: u32,
    shape: Shape,
) -> Result<Vec<u8>, Error> {
    if [width, height].iter().any(|side| !(1..=LONGEST_SIDE).contains(side)) {
        return Err(Error::Sides { width, height, most: LONGEST_SIDE });
    }
    let (found, expected) = (rgba.len(), 4 * u64::from(width) * u64::from(height));
    let wrong = Error::Rgba { found, expected, width, height };
    if found as u64 != expected {
        return Err(wrong);
    }
    let picture = RgbaImage::from_raw(width, height, rgba).ok_or(wrong)?;
    Ok(fit_picture::fit_rgba(picture, shape)?)
}
