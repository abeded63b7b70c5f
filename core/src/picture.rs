//! Pictures of any size to the bytes that a model takes (feature `image`).
//!
//! A picture loses its transparency, becomes gray (luma of Rec. 709) for a model of one channel,
//! and is stretched to the model's rows and columns with a triangle filter that averages all pixels
//! when it shrinks. A picture that has the right size keeps its bytes. Written once, so that the
//! command line and the web see the same picture.

use crate::graph::Shape;
use alloc::vec::Vec;
use image::DynamicImage;
use image::imageops::{FilterType, resize};
use thiserror::Error;

/// A model that takes something else than pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FitError {
    /// Neither gray nor RGB.
    #[error("the model takes {0} channels; pictures have 1 (gray) or 3 (RGB)")]
    Channels(usize),
    /// More than one plane.
    #[error("the model takes volumes of {0} ({names}), not pictures", names = .0.axis_names())]
    Volume(Shape),
}

/// The picture's bytes in `shape`, `[H, W, C]`.
///
/// # Errors
/// [`FitError`] unless `shape` has one or three channels and one plane.
pub fn fit(picture: &DynamicImage, shape: Shape) -> Result<Vec<u8>, FitError> {
    if shape.depth != 1 {
        return Err(FitError::Volume(shape));
    }
    // A shape has at most 2^26 elements.
    let (width, height) = (shape.width as u32, shape.height as u32);
    let fits = (picture.width(), picture.height()) == (width, height);
    let filter = FilterType::Triangle;
    Ok(match (shape.channels, fits) {
        (1, true) => picture.to_luma8().into_raw(),
        (1, false) => resize(&picture.to_luma8(), width, height, filter).into_raw(),
        (3, true) => picture.to_rgb8().into_raw(),
        (3, false) => resize(&picture.to_rgb8(), width, height, filter).into_raw(),
        (channels, _) => return Err(FitError::Channels(channels)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma, Rgba, RgbaImage};

    #[test]
    fn a_picture_of_the_right_size_keeps_its_bytes() {
        let picture = GrayImage::from_fn(3, 2, |x, y| Luma([(10 * y + x) as u8]));
        let bytes = fit(&DynamicImage::from(picture), Shape::new(2, 3, 1));
        assert_eq!(bytes, Ok(alloc::vec![0, 1, 2, 10, 11, 12]));
    }

    #[test]
    fn shrinking_averages_and_drops_transparency() {
        let picture = RgbaImage::from_fn(8, 8, |x, _| Rgba([(x % 2 * 200) as u8, 100, 0, 7]));
        let bytes = fit(&DynamicImage::from(picture), Shape::new(1, 1, 3)).unwrap();
        assert!(bytes[0].abs_diff(100) <= 1, "{bytes:?}");
        assert_eq!(bytes[1..], [100, 0]);
    }

    #[test]
    fn other_channels_and_volumes_are_refused() {
        let picture = DynamicImage::from(GrayImage::new(2, 2));
        assert_eq!(fit(&picture, Shape::new(2, 2, 4)), Err(FitError::Channels(4)));
        let error = fit(&picture, Shape::volume(5, 2, 2, 1)).unwrap_err();
        let expected =
            "the model takes volumes of 5x2x2x1 (depth x height x width x channels), not pictures";
        assert_eq!(alloc::string::ToString::to_string(&error), expected);
    }
}
