//! Picture files to what a model takes.
//!
//! A picture is turned as its EXIF orientation says, loses its transparency, becomes gray (luma of
//! Rec. 709) for a model of one channel, and is stretched to the model's rows and columns with a
//! triangle filter that averages all pixels when it shrinks. A picture that has the right size
//! keeps its bytes.

use anyhow::{Context, bail};
use bayes8_native::core::graph::Shape;
use image::imageops::{FilterType, resize};
use image::{DynamicImage, ImageDecoder, ImageReader};
use ndarray::Array4;
use std::path::{Path, PathBuf};

use crate::progress::Progress;

/// Reads all files as a batch `[N, H, W, C]` of `shape`.
///
/// # Errors
/// When a file is no PNG or JPEG picture, naming it, or the model's pictures have neither one nor
/// three channels.
pub(crate) fn load(paths: &[PathBuf], shape: Shape) -> anyhow::Result<Array4<u8>> {
    if !matches!(shape.channels, 1 | 3) {
        bail!(
            "the model takes pictures of {} channels; PNG and JPEG have 1 (gray) or 3 (RGB)",
            shape.channels
        );
    }
    let progress = Progress::new("reading pictures", paths.len() as u64);
    let mut bytes = Vec::with_capacity(paths.len() * shape.elements());
    for path in paths {
        let picture =
            decode(path).with_context(|| format!("cannot read the picture {}", path.display()))?;
        bytes.extend(fit(&picture, shape));
        progress.advance(1);
    }
    let batch = (paths.len(), shape.height, shape.width, shape.channels);
    Array4::from_shape_vec(batch, bytes).context("pictures of the model's shape")
}

fn decode(path: &Path) -> anyhow::Result<DynamicImage> {
    // By what the file holds, not by its name.
    let mut decoder = ImageReader::open(path)?.with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The picture's bytes in `shape`, NHWC.
fn fit(picture: &DynamicImage, shape: Shape) -> Vec<u8> {
    let (width, height) = (shape.width as u32, shape.height as u32);
    let fits = (picture.width(), picture.height()) == (width, height);
    let filter = FilterType::Triangle;
    match (shape.channels, fits) {
        (1, true) => picture.to_luma8().into_raw(),
        (1, false) => resize(&picture.to_luma8(), width, height, filter).into_raw(),
        (_, true) => picture.to_rgb8().into_raw(),
        (_, false) => resize(&picture.to_rgb8(), width, height, filter).into_raw(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma, Rgba, RgbaImage};

    #[test]
    fn a_picture_of_the_right_size_keeps_its_bytes() {
        let picture = GrayImage::from_fn(3, 2, |x, y| Luma([(10 * y + x) as u8]));
        let bytes = fit(&DynamicImage::from(picture), Shape::new(2, 3, 1));
        assert_eq!(bytes, [0, 1, 2, 10, 11, 12]);
    }

    #[test]
    fn shrinking_averages_and_drops_transparency() {
        let picture = RgbaImage::from_fn(8, 8, |x, _| Rgba([(x % 2 * 200) as u8, 100, 0, 7]));
        let bytes = fit(&DynamicImage::from(picture), Shape::new(1, 1, 3));
        assert!(bytes[0].abs_diff(100) <= 1, "{bytes:?}");
        assert_eq!(bytes[1..], [100, 0]);
    }
}
