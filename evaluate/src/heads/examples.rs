//! Examples, and what is true of them.

use std::path::{Path, PathBuf};

use bayes8_convert::Inputs;
use bayes8_convert::npz::Archive;
use bayes8_convert::pictures::{self, Open, PicturesError};
use bayes8_core::graph::Shape;
use bayes8_core::head::Head;
use ndarray::Array2;

use crate::labelled::{Labelled, LabelledError};

/// Inputs of a model, and what is true of one of its outputs.
#[derive(Debug)]
pub(crate) struct Examples {
    /// Their file.
    pub(crate) path: PathBuf,
    pub(crate) inputs: Inputs,
    pub(crate) truth: Truth,
}

/// What is true of examples.
#[derive(Debug)]
pub(crate) enum Truth {
    /// The class of each.
    Classes(Vec<i64>),
    /// Which labels each has, `[N, labels]`.
    Labels(Array2<bool>),
    /// The values of the targets of each, `[N, targets]`.
    Targets(Array2<f64>),
}

impl Examples {
    /// Reads an npz archive with `x` and `y` for an output with `head` of a model that takes `shape`.
    ///
    /// # Errors
    /// [`LabelledError`], which names the file and the array.
    pub(crate) fn load(
        path: &Path,
        open: Open,
        shape: Shape,
        head: &Head,
    ) -> Result<Self, LabelledError> {
        let read = || -> Result<_, PicturesError> {
            let mut archive = Archive::open(path, pictures::open(path, open)?)?;
            let inputs = archive.inputs("x")?;
            inputs.check(path, shape)?;
            Ok((archive, inputs))
        };
        let (inputs, truth) = match head {
            Head::Classes(classes) => {
                let Labelled { pictures, labels, .. } =
                    Labelled::load(path, open, shape, classes.count)?;
                (pictures, Truth::Classes(labels))
            }
            Head::Labels(labels) => {
                let (mut archive, inputs) = read()?;
                let present = archive.labels("y", inputs.count(), labels.count)?;
                (inputs, Truth::Labels(present))
            }
            Head::Gaussian(gaussian) => {
                let (mut archive, inputs) = read()?;
                let values = archive.targets("y", inputs.count(), gaussian.targets.len())?;
                (inputs, Truth::Targets(values))
            }
        };
        Ok(Self { path: path.into(), inputs, truth })
    }
}
