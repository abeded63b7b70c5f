//! Files to what a model takes. Pictures are turned as their EXIF orientation says, then fitted by
//! [`bayes8_core::picture`]; arrays must have the model's shape.

use anyhow::{Context, bail};
use bayes8_convert::answers;
use bayes8_convert::corrupted::CorruptedPictures;
use bayes8_convert::metrics::check_labels;
use bayes8_convert::{Inputs, LabelledPictures};
use bayes8_core::graph::Shape;
use bayes8_core::picture::fit;
use ndarray::{Array2, ArrayD};
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::decode::decode;
use crate::input;
use crate::progress::Progress;

/// A batch with a name for each of its members.
pub(crate) struct Batch {
    pub(crate) names: Vec<String>,
    pub(crate) pictures: Inputs,
}

/// Reads all files as a batch of `shape`: a picture of at most `max_pixels` each, or all that the
/// array `x` of an npz archive holds.
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
        let start = input::start(&mut file).with_context(unreadable)?;
        if input::is_archive(&start) {
            let set = read_set(path, file, Some(shape))?;
            names.extend((0..set.count()).map(|i| format!("{name}[{i}]")));
            match set {
                Inputs::Bytes(set) => bytes.extend(set),
                Inputs::Normalized(set) => numbers.extend(set),
            }
        } else {
            check_is_not_model(path, &start)?;
            let picture = decode(file, max_pixels).with_context(unreadable)?;
            bytes.extend(fit(picture, shape).with_context(|| path.display().to_string())?);
            names.push(name.into_owned());
        }
        progress.advance(1);
    }
    let batch = vec![names.len(), shape.depth, shape.height, shape.width, shape.channels];
    let pictures = match (bytes.is_empty(), numbers.is_empty()) {
        (false, false) => bail!(
            "some files hold pixels, others floats that the model takes as they are: predict them one \
             after the other"
        ),
        (_, true) => ArrayD::from_shape_vec(batch, bytes).map(Inputs::Bytes),
        (true, _) => ArrayD::from_shape_vec(batch, numbers).map(Inputs::Normalized),
    };
    Ok(Batch { names, pictures: pictures.context("pictures of the model's shape")? })
}

/// Reads the pictures of an npz archive, of `shape` if there is one.
///
/// # Errors
/// When the file is not such an archive, naming it.
pub(crate) fn load_set(path: &Path, shape: Option<Shape>) -> anyhow::Result<Inputs> {
    read_set(path, archive(path)?, shape)
}

/// Reads the pictures of an npz archive with their labels.
///
/// # Errors
/// When the file is not such an archive or has no labels, naming it.
pub(crate) fn load_labelled(path: &Path) -> anyhow::Result<LabelledPictures> {
    Ok(LabelledPictures::read(path, archive(path)?)?)
}

/// [`load_labelled`], of pictures of `shape`, whose labels are among `classes` classes.
///
/// # Errors
/// When the file is not such an archive, has no labels or one that is not a class, naming it.
pub(crate) fn load_classified(
    path: &Path,
    shape: Shape,
    classes: usize,
) -> anyhow::Result<(Inputs, Vec<i64>)> {
    let LabelledPictures { pictures, labels } = load_labelled(path)?;
    pictures.check(path, shape)?;
    let labels = labels.to_vec();
    check_labels(&labels, classes).with_context(|| format!("{}: array `y`", path.display()))?;
    Ok((pictures, labels))
}

/// The answers that an npz archive records for its pictures, if it has any.
///
/// # Errors
/// When the file is not such an archive, naming it.
pub(crate) fn load_answers(path: &Path) -> anyhow::Result<Option<Array2<f32>>> {
    Ok(answers::read(path, archive(path)?)?)
}

/// Opens an archive of corrupted pictures.
///
/// # Errors
/// When the file is not such an archive, naming it.
pub(crate) fn open_corrupted(path: &Path) -> anyhow::Result<CorruptedPictures> {
    Ok(CorruptedPictures::read(path, archive(path)?)?)
}

/// Opens a file that should be an npz archive.
fn archive(path: &Path) -> anyhow::Result<File> {
    let unreadable = || path.display().to_string();
    let mut file = input::open(path).with_context(unreadable)?;
    check_is_not_model(path, &input::start(&mut file).with_context(unreadable)?)?;
    Ok(file)
}

fn read_set(path: &Path, file: File, shape: Option<Shape>) -> anyhow::Result<Inputs> {
    let set = Inputs::read(path, file)?;
    shape.map_or(Ok(()), |shape| set.check(path, shape))?;
    Ok(set)
}

/// Refuses a model where pictures are expected: what follows the option, or the first argument, was
/// likely swapped.
fn check_is_not_model(path: &Path, start: &[u8]) -> anyhow::Result<()> {
    if input::is_model(start) {
        bail!(
            "{} is a safetensors file, not pictures: MODEL is the first argument",
            path.display()
        );
    }
    Ok(())
}
