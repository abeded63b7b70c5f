//! Files to what a model takes. Pictures are turned as their EXIF orientation says, then fitted by
//! [`bayes8_core::picture`]; arrays must have the model's shape.

use anyhow::{Context, bail};
use bayes8_convert::LabelledPictures;
use bayes8_convert::metrics::check_labels;
use bayes8_core::graph::Shape;
use bayes8_core::picture::fit;
use image::{DynamicImage, ImageDecoder, ImageReader};
use ndarray::{Array1, Array5, ArrayD};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::progress::Progress;

/// A batch with a name for each of its members.
pub(crate) struct Batch {
    pub(crate) names: Vec<String>,
    /// `[N, D, H, W, C]`.
    pub(crate) pictures: Array5<u8>,
}

/// Reads all files as a batch of `shape`: a picture each, or all that the array `x` of an npz archive
/// holds.
///
/// # Errors
/// When a file is neither a PNG or JPEG picture nor an npz archive of the model's shape, naming it,
/// or the model takes no pictures.
pub(crate) fn load(paths: &[PathBuf], shape: Shape) -> anyhow::Result<Batch> {
    let progress = Progress::new("reading pictures", paths.len() as u64);
    let (mut names, mut bytes) = (Vec::new(), Vec::with_capacity(paths.len() * shape.elements()));
    for path in paths {
        let unreadable = || format!("cannot read the picture {}", path.display());
        let name = path.to_string_lossy();
        if is_archive(path).with_context(unreadable)? {
            let set = load_set(path, shape)?;
            names.extend((0..set.pictures.shape()[0]).map(|i| format!("{name}[{i}]")));
            bytes.extend(set.pictures);
        } else {
            let picture = decode(path).with_context(unreadable)?;
            bytes.extend(fit(&picture, shape)?);
            names.push(name.into_owned());
        }
        progress.advance(1);
    }
    let batch = (names.len(), shape.depth, shape.height, shape.width, shape.channels);
    let pictures = Array5::from_shape_vec(batch, bytes).context("pictures of the model's shape")?;
    Ok(Batch { names, pictures })
}

/// The pictures of a set, read from `path`, and the label of each.
///
/// # Errors
/// When the set has no labels.
pub(crate) fn labelled(
    path: &Path,
    LabelledPictures { pictures, labels }: LabelledPictures,
) -> anyhow::Result<(ArrayD<u8>, Array1<i64>)> {
    let Some(labels) = labels else {
        bail!("{}: there is no array `y` of labels", path.display());
    };
    Ok((pictures, labels))
}

/// Reads the pictures of an npz archive, which are of `shape`, with their labels if there are any.
///
/// # Errors
/// When the file is no such archive, naming it.
pub(crate) fn load_set(path: &Path, shape: Shape) -> anyhow::Result<LabelledPictures> {
    let set = LabelledPictures::load(path)?;
    set.check(path, shape)?;
    Ok(set)
}

/// [`load_set`], where each picture has a label that is one of `classes` classes.
///
/// # Errors
/// When the file is no such archive, has no labels or one that is no class, naming it.
pub(crate) fn load_classified(
    path: &Path,
    shape: Shape,
    classes: usize,
) -> anyhow::Result<(ArrayD<u8>, Vec<i64>)> {
    let (pictures, labels) = labelled(path, load_set(path, shape)?)?;
    let labels = labels.to_vec();
    check_labels(&labels, classes).with_context(|| format!("{}: array `y`", path.display()))?;
    Ok((pictures, labels))
}

/// Whether a file begins as the zip archives do that npz files are.
fn is_archive(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(2).read_to_end(&mut start)?;
    Ok(start == b"PK")
}

fn decode(path: &Path) -> anyhow::Result<DynamicImage> {
    // By what the file holds, not by its name.
    let mut decoder = ImageReader::open(path)?.with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}
