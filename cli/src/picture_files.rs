//! Reads files as a model's input. Pictures are turned as their EXIF orientation says, then fitted by
//! [`bayes8_core::fit_picture`]; arrays must have the model's shape, and so must the rows of CSV files.

use anyhow::{Context, bail};
use bayes8_convert::pictures::{self, PicturesError, is_archive, is_array, is_safetensors, start};
use bayes8_convert::{Inputs, LabelledPictures};
use bayes8_core::fit_picture::fit;
use bayes8_core::graph::Shape;
use bayes8_native::core::model::Values;
use bayes8_native::{Model, file};
use ndarray::{Array4, ArrayD};
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::csv_rows::Columns;
use crate::decode::decode;
use crate::input;
use crate::nifti_volume::{self, VolumeAxes};
use crate::progress::Progress;
use crate::style;

/// A batch, with a name for each picture.
pub(crate) struct Batch {
    pub(crate) names: Vec<String>,
    pub(crate) pictures: Inputs,
}

/// Reads all files as a batch for `model`: each is a picture of at most `max_pixels`, an npz archive
/// whose array `x` is read, an npy array, a NIfTI volume, or, if the model takes numbers, a CSV file.
///
/// # Errors
/// When a file is of another kind or does not have the model's shape, naming it; when some files hold
/// bytes and others floats.
pub(crate) fn load(
    paths: &[PathBuf],
    model: &Model,
    max_pixels: u64,
    axes: VolumeAxes,
) -> anyhow::Result<Batch> {
    let (shape, values) = (model.input(), model.quantized().preprocessing().values);
    let progress = Progress::new("reading pictures", paths.len() as u64);
    let (mut names, mut bytes, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        let unreadable = || match values {
            Values::Bytes => format!("cannot read the picture {}", path.display()),
            Values::Numbers => format!("cannot read {}", path.display()),
        };
        let name = path.to_string_lossy();
        let mut file = input::open(path).with_context(unreadable)?;
        let start = start(&mut file).with_context(unreadable)?;
        if is_safetensors(&start) {
            return Err(PicturesError::Safetensors { path: path.clone() }.into());
        }
        if is_archive(&start) || is_array(&start) {
            let read = if is_archive(&start) { Inputs::read } else { Inputs::read_array };
            let set = read(path, file)?;
            set.check(path, shape)?;
            names.extend((0..set.count()).map(|i| format!("{name}[{i}]")));
            match (set, values) {
                (Inputs::Bytes(_), Values::Numbers) => bail!(
                    "{}: its type is uint8, but the model takes numbers: write x.astype(\"float32\")",
                    path.display()
                ),
                (Inputs::Bytes(set), Values::Bytes) => bytes.extend(set),
                (Inputs::Numbers(set), _) => numbers.extend(set),
            }
        } else if nifti_volume::is_nifti(&start) {
            let volume = nifti_volume::read(file, &start, axes, max_pixels);
            let volume = volume.with_context(|| format!("cannot read {name}"))?;
            numbers.extend(fitting(volume, shape).with_context(|| name.to_string())?);
            names.push(name.into_owned());
        } else if values == Values::Numbers {
            let rows = rows(path, file, &start, shape)?;
            let count = rows.len() / shape.elements();
            names.extend((0..count).map(|i| format!("{name}[{i}]")));
            numbers.extend(rows);
        } else {
            if is_text(&start) {
                bail!(
                    "{} is text: CSV is for models that take numbers, but this one takes {}",
                    path.display(),
                    style::input(shape)
                );
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

/// The numbers of a volume, which must have `shape`.
fn fitting(volume: Array4<f32>, shape: Shape) -> anyhow::Result<Vec<f32>> {
    let found = volume.shape();
    if !shape.fits(found) {
        let extents: Vec<_> = found.iter().map(usize::to_string).collect();
        bail!(
            "the volume is {} (planes x rows x columns x channels), the model takes {shape} ({}); \
             --volume-axes reads its axes in the other order, --input-size sets another size",
            extents.join("x"),
            shape.axis_names()
        );
    }
    if let Some(number) = volume.iter().find(|number| !number.is_finite()) {
        bail!("the volume holds {number}");
    }
    Ok(volume.into_raw_vec_and_offset().0)
}

/// Reads the rows of a CSV file that begins with `start`, for a model that takes numbers of `shape`.
fn rows(path: &Path, file: File, start: &[u8], shape: Shape) -> anyhow::Result<Vec<f32>> {
    let (path, takes) = (path.display(), style::input(shape));
    let arrays = format!("an array of float32, [N, {}]", extents(shape));
    if !start.is_empty() && !is_text(start) {
        match input::kind_of_pictures(start) {
            Some(kind) => bail!("{path} is {kind}, but the model takes numbers: {takes}"),
            None => bail!("{path} is neither CSV in UTF-8 nor an npy or npz file"),
        }
    }
    let Some(columns) = Columns::of(shape) else {
        bail!("{path} is text, but a row of CSV cannot hold {takes}: give {arrays}, as npy or npz");
    };
    let contents = file::contents(file).with_context(|| format!("cannot read {path}"))?;
    columns.read(&contents).with_context(|| path.to_string())
}

/// The extents of an input, without leading ones.
fn extents(shape: Shape) -> String {
    let all = [shape.depth, shape.height, shape.width, shape.channels];
    let ones = all[..3].iter().take_while(|&&extent| extent == 1).count();
    all[ones..].iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether a file that begins with `start` is text. A header may begin like a picture, as `BMI` does.
fn is_text(start: &[u8]) -> bool {
    let is_text = |&byte: &u8| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~' | 0x80..);
    !start.is_empty() && start.iter().all(is_text)
}

/// Reads the pictures of an npz archive with their labels.
///
/// # Errors
/// When the file is not such an archive or has no labels, naming it.
pub(crate) fn load_labelled(path: &Path) -> Result<LabelledPictures, PicturesError> {
    LabelledPictures::read(path, pictures::open(path, input::open)?)
}
