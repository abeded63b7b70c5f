//! Examples, and what is true of them.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use bayes8_convert::Inputs;
use bayes8_convert::npz::Archive;
use bayes8_convert::pictures::{self, Open, PicturesError};
use bayes8_core::graph::Shape;
use bayes8_core::head::Head;
use ndarray::{Array2, Axis};

use crate::labelled::{Labelled, LabelledError};
use crate::selected::Selected;

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
    /// The class of each position of each; `None` where the label is ignored.
    Map(Vec<Option<u16>>),
    /// Which labels each has, `[N, labels]`.
    Labels(Array2<bool>),
    /// The values of the targets of each, `[N, targets]`.
    Targets(Array2<f64>),
}

impl Examples {
    /// Reads an npz archive with `x` and `y` for an output of a model that takes `shape`. `ignored` is the
    /// label of positions of a map that have no class.
    ///
    /// # Errors
    /// [`LabelledError`], which names the file and the array.
    pub(crate) fn load(
        path: &Path,
        open: Open,
        shape: Shape,
        output: &Selected,
        ignored: Option<i64>,
    ) -> Result<Self, LabelledError> {
        let read = || -> Result<_, PicturesError> {
            let mut archive = Archive::open(path, pictures::open(path, open)?)?;
            let inputs = archive.inputs("x")?;
            inputs.check(path, shape)?;
            Ok((archive, inputs))
        };
        let (inputs, truth) = match &output.head {
            Head::Classes(classes) if output.is_map() => {
                let (mut archive, inputs) = read()?;
                let (count, positions) = (inputs.count(), output.positions);
                let map = archive.class_map("y", count, positions, classes.count, ignored)?;
                (inputs, Truth::Map(map))
            }
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

    /// The number of these examples that are among `others` too, with the same truth.
    pub(crate) fn shared_with(&self, others: &Self) -> usize {
        let known: HashSet<u64> = others.hashes().collect();
        self.hashes().filter(|hash| known.contains(hash)).count()
    }

    /// A hash of each example and its truth.
    fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.inputs.count()).map(|n| {
            let mut hasher = DefaultHasher::new();
            match &self.inputs {
                Inputs::Bytes(all) => {
                    let bytes: Vec<u8> = all.index_axis(Axis(0), n).iter().copied().collect();
                    bytes.hash(&mut hasher);
                }
                Inputs::Numbers(all) => {
                    let numbers = all.index_axis(Axis(0), n);
                    let bits: Vec<u32> = numbers.iter().map(|number| number.to_bits()).collect();
                    bits.hash(&mut hasher);
                }
            }
            match &self.truth {
                Truth::Classes(classes) => classes[n].hash(&mut hasher),
                Truth::Map(classes) => {
                    let size = classes.len() / self.inputs.count();
                    classes[n * size..][..size].hash(&mut hasher);
                }
                Truth::Labels(present) => present.row(n).hash(&mut hasher),
                Truth::Targets(values) => {
                    values.row(n).iter().for_each(|value| value.to_bits().hash(&mut hasher));
                }
            }
            hasher.finish()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn an_example_is_shared_if_its_truth_is_the_same_too() {
        let examples = |x: Array2<f32>, y: Array2<f64>| Examples {
            path: "x.npz".into(),
            inputs: Inputs::Numbers(x.into_dyn()),
            truth: Truth::Targets(y),
        };
        let test =
            examples(array![[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]], array![[5.0], [6.0], [7.0]]);
        let others = examples(array![[3.0, 4.0], [1.0, 2.0]], array![[6.0], [5.5]]);
        assert_eq!(test.shared_with(&test), 3);
        assert_eq!(test.shared_with(&others), 1);
        assert_eq!(others.shared_with(&test), 1);
        // Whatever their order in memory.
        let columns =
            examples(array![[1.0, 3.0], [2.0, 4.0]].reversed_axes(), array![[5.0], [6.0]]);
        assert_eq!(columns.shared_with(&test), 2);
    }
}
