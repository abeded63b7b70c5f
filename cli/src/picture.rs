//! Picture files to what a model takes: turned as their EXIF orientation says, then fitted by
//! [`bayes8_core::picture`].

use anyhow::Context;
use bayes8_core::graph::Shape;
use bayes8_core::picture::fit;
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
    let progress = Progress::new("reading pictures", paths.len() as u64);
    let mut bytes = Vec::with_capacity(paths.len() * shape.elements());
    for path in paths {
        let picture =
            decode(path).with_context(|| format!("cannot read the picture {}", path.display()))?;
        bytes.extend(fit(&picture, shape)?);
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
