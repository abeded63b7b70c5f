//! Labelled pictures.

use std::path::{Path, PathBuf};

use bayes8_convert::pictures::{self, Open, PicturesError};
use bayes8_convert::{Inputs, LabelledPictures};
use bayes8_core::graph::Shape;
use thiserror::Error;

use crate::metrics::{LabelError, check_labels};

/// Pictures that a model takes, each with one of the model's classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The file of the pictures.
    pub path: PathBuf,
    /// The pictures.
    pub pictures: Inputs,
    /// Class index of every picture.
    pub labels: Vec<i64>,
}

/// Why labelled pictures are refused. Every variant names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LabelledError {
    /// The archive cannot be read.
    #[error(transparent)]
    Pictures(#[from] PicturesError),
    /// A label is not a class of the model.
    #[error("{}: array `y` has a wrong label", path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// The label.
        source: LabelError,
    },
}

impl Labelled {
    /// Reads an npz archive with `x` and `y`, as [`LabelledPictures`] does, for a model of `classes`
    /// classes that takes `shape`.
    ///
    /// # Errors
    /// [`LabelledError`], which names the file and the array.
    pub fn load(
        path: &Path,
        open: Open,
        shape: Shape,
        classes: usize,
    ) -> Result<Self, LabelledError> {
        let LabelledPictures { pictures, labels } =
            LabelledPictures::read(path, pictures::open(path, open)?)?;
        pictures.check(path, shape)?;
        let labels = labels.to_vec();
        check_labels(&labels, classes)
            .map_err(|source| LabelledError::Label { path: path.into(), source })?;
        Ok(Self { path: path.into(), pictures, labels })
    }
}
