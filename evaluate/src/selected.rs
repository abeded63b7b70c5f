//! The output of a model that is evaluated.

use std::ops::Range;

use bayes8_core::head::{Head, Output, Uncertainty};
use bayes8_core::session::Estimate;

use crate::error::EvaluateError;

/// One of the outputs of a model.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    /// Its place among the outputs.
    pub(crate) index: usize,
    /// Its name.
    pub(crate) name: String,
    /// What its numbers mean.
    pub(crate) head: Head,
    /// The numbers of planes, rows and columns of a map; 1 each unless it is a map.
    pub(crate) positions: [usize; 3],
    is_map: bool,
    /// Where its numbers lie among those of all outputs.
    numbers: Range<usize>,
}

impl Selected {
    /// Finds the output of this name; the first without a name.
    ///
    /// # Errors
    /// [`EvaluateError::NoOutput`].
    pub(crate) fn find(outputs: &[Output], name: Option<&str>) -> Result<Self, EvaluateError> {
        let index = match name {
            Some(name) => outputs.iter().position(|output| output.name == name),
            None => Some(0),
        };
        let Some((index, output)) = index.and_then(|index| Some((index, outputs.get(index)?)))
        else {
            let names = outputs.iter().map(|output| format!("`{}`", output.name));
            let names = names.collect::<Vec<_>>().join(", ");
            return Err(EvaluateError::NoOutput { name: name.unwrap_or_default().into(), names });
        };
        Ok(Self::at(outputs, index, output))
    }

    /// The first output, in a list that is not empty.
    pub(crate) fn first(outputs: &[Output]) -> Self {
        Self::at(outputs, 0, &outputs[0])
    }

    fn at(outputs: &[Output], index: usize, output: &Output) -> Self {
        let start = outputs[..index].iter().map(Output::numbers).sum();
        let numbers = start..start + output.numbers();
        let is_map = output.is_map();
        let Output { name, head, positions, .. } = output.clone();
        Self { index, name, head, positions, is_map, numbers }
    }

    /// Whether it is a map.
    pub(crate) fn is_map(&self) -> bool {
        self.is_map
    }

    /// The number of classes; 0 for other heads.
    pub(crate) fn classes(&self) -> usize {
        self.head.classes().map_or(0, |classes| classes.count)
    }

    /// Its part of the numbers of a sample.
    pub(crate) fn part<'a>(&self, numbers: &'a [f32]) -> &'a [f32] {
        &numbers[self.numbers.clone()]
    }

    /// Its figures from those of all outputs of each picture.
    pub(crate) fn of(&self, estimates: &[Estimate]) -> Vec<Uncertainty> {
        estimates.iter().map(|estimate| estimate.sums()[self.index].finish()).collect()
    }
}
