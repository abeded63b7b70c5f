//! Reads files as a model's input. Pictures are turned as their EXIF orientation says, then fitted by
//! [`bayes8_core::fit_picture`]; arrays must have the model's shape.

use anyhow::{Context, bail};
use bayes8_convert::pictures::{self, PicturesError, is_archive, is_safetensors, start};
use bayes8_convert::{Inputs, LabelledPictures};
use bayes8_core::fit_picture::fit;
use bayes8_core::graph::Shape;
use ndarray::ArrayD;
use std::path::{Path, PathBuf};

use crate::decode::decode;
use crate::input;
use crate::progress::Progress;

/// A batch, with a name for each picture.
pub(crate) struct Batch {
    pub(crate) names: Vec<String>,
    pub(crate) pictures: Inputs,
}

/// Reads all files as a batch of `shape`: each is a picture of at most `max_pixels`, or an npz archive
/// whose array `x` is read.
///
/// # Errors
/// When a file is neither a picture nor an npz archive of the model's shape, naming it; when the model
/// takes no pictures, or some files hold bytes and others floats.
pub(crate) fn load(paths: &[PathBuf], shape: Shape, max_pixels: u64) -> anyhow::Result<Batch> {
    let progress = Progress::new("reading pictures", paths.len() as u64);
    let (mut names, mut bytes, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        let unreadable = || format!("cannot read the picture {}", path.display());
        let name = path.to_string_lossy();
        let mut file = input::open(path).with_context(unreadable)?;
        let start = start(&mut file).with_context(unreadable)?;
        if is_archive(&start) {
            let set = Inputs::read(path, file)?;
            set.check(path, shape)?;
            names.extend((0..set.count()).map(|i| format!("{name}[{i}]")));
            match set {
                Inputs::Bytes(set) => bytes.extend(set),
                Inputs::Numbers(set) => numbers.extend(set),
            }
        } else {
            if is_safetensors(&start) {
                return Err(PicturesError::Safetensors { path: path.clone() }.into());
            }
            let picture = decode(file, max_pixels).with_context(unreadable)?;
            bytes.extend(fit(picture, shape).with_context(|| path.display().to_string())?);
            names.push(name.into_owned());
        }
        progress.advance(1);
    }
    let batch = vec![names.len(), shape.depth, shape.height, shape.width, shape.channels];
    let pictures = match (bytes.is_empty(), numbers.is_empty()) {
        (false, false) => bail!(
            "some files hold pixels, others floats that the model takes as they are: predict them \
             separately"
        ),
        (_, true) => ArrayD::from_shape_vec(batch, bytes).map(Inputs::Bytes),
        (true, _) => ArrayD::from_shape_vec(batch, numbers).map(Inputs::Numbers),
    };
    Ok(Batch { names, pictures: pictures.context("pictures of the model's shape")? })
}

/// Reads the pictures of an npz archive with their labels.
///
/// # Errors
/// When the file is not such an archive or has no labels, naming it.
pub(crate) fn load_labelled(path: &Path) -> Result<LabelledPictures, PicturesError> {
    LabelledPictures::read(path, pictures::open(path, input::open)?)
}
