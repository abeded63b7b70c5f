//! A named part of a network's outputs.

use super::classes::{ClassSums, Classes};
use super::gaussian::GaussianSums;
use super::labels::LabelSums;
use super::map::{ClassMapSums, HeadSums, LabelMapSums, MapResize, MapSums, MapUncertainty};
use super::{Accumulator, Head, Sums, Uncertainty, WordsError};
use crate::conformal::{ConformalPredictor, PredictionRegion};
use alloc::collections::TryReserveError;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::{vec, vec::Vec};

/// A named part of a network's outputs, and what it means.
///
/// # Examples
/// ```
/// use bayes8_core::format;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let model = format::read(&std::fs::read("models/mnist-cnn.safetensors")?)?;
/// let [output] = model.outputs() else { unreachable!("a single output") };
/// assert_eq!((output.name.as_str(), output.head.name()), ("output", "classes"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// A name that no other output of the model has.
    pub name: String,
    /// Indices of the nodes whose values, one after the other, are the numbers of the output.
    pub nodes: Vec<usize>,
    /// What the numbers at one position mean.
    pub head: Head,
    /// The numbers of planes, rows and columns of a map; 1 each unless the output is a map.
    pub positions: [usize; 3],
    /// What makes the numbers of a map from fewer, if they are.
    pub resize: Option<Arc<MapResize>>,
    /// What turns the figures into prediction sets or intervals, if the model was calibrated for that.
    pub conformal: Option<ConformalPredictor>,
}

impl Output {
    /// The name of the output of models that do not name it.
    pub const NAME: &str = "output";

    /// Returns the only output of a model whose node `node` has the logits of `count` classes.
    /// `names` is empty or has a name for each class.
    pub fn of_classes(node: usize, count: usize, names: Vec<String>) -> Self {
        let head = Head::Classes(Arc::new(Classes { count, names }));
        Self {
            name: Self::NAME.into(),
            nodes: vec![node],
            head,
            positions: [1; 3],
            resize: None,
            conformal: None,
        }
    }

    /// Returns whether the output is a map, with more than one position.
    pub fn is_map(&self) -> bool {
        self.positions != [1; 3] || self.resize.is_some()
    }

    /// Returns the extents of a map without leading ones of 1: rows and columns of a picture, for
    /// example. There are none unless several positions exist.
    pub fn axes(&self) -> &[usize] {
        let ones = self.positions.iter().take_while(|&&extent| extent == 1).count();
        &self.positions[ones..]
    }

    /// Returns the number of positions. A valid model has at most 2^26.
    pub fn position_count(&self) -> usize {
        self.positions.iter().fold(1, |count, &extent| count.saturating_mul(extent))
    }

    /// Returns the numbers of planes, rows and columns that the network makes, before
    /// [`Self::resize`].
    pub fn made(&self) -> [usize; 3] {
        self.resize.as_ref().map_or(self.positions, |resize| resize.from())
    }

    /// Returns the number of f32 numbers for one picture and weight sample.
    pub fn numbers(&self) -> usize {
        let numbers = self.head.outputs();
        self.made().iter().fold(numbers, |numbers, &extent| numbers.saturating_mul(extent))
    }

    /// Returns the most bytes of one picture's numbers for one sample, plus those of its sums.
    pub fn result_bytes(&self) -> usize {
        let positions = self.position_count();
        let sums = match &self.head {
            Head::Classes(classes) if self.is_map() => {
                ClassMapSums::bytes(positions, classes.count)
            }
            Head::Labels(labels) if self.is_map() => LabelMapSums::bytes(positions, labels.count),
            Head::Classes(classes) => ClassSums::bytes(classes.count),
            Head::Labels(labels) => LabelSums::bytes(labels.count),
            Head::Gaussian(gaussian) => GaussianSums::bytes(gaussian, positions),
        };
        size_of::<f32>().saturating_mul(self.numbers()).saturating_add(sums)
    }

    /// Creates sums without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn accumulator(&self) -> Result<Sums, TryReserveError> {
        if !self.is_map() {
            return self.head.accumulator();
        }
        let positions = self.position_count();
        let of = match &self.head {
            Head::Classes(of) => HeadSums::Classes(ClassMapSums::try_new(positions, of.count)?),
            Head::Labels(of) => HeadSums::Labels(LabelMapSums::try_new(positions, of.count)?),
            Head::Gaussian(of) => HeadSums::Gaussian(GaussianSums::try_new(of, positions)?),
        };
        Ok(Sums::Map(MapSums::new(of, self.resize.clone())))
    }

    /// Returns the number of words of the sums ([`Sums::to_words`]).
    pub fn sum_words(&self) -> usize {
        let positions = self.position_count();
        match &self.head {
            head if !self.is_map() => head.sum_words(),
            Head::Classes(of) => ClassMapSums::words(positions, of.count),
            Head::Labels(of) => LabelMapSums::words(positions, of.count),
            Head::Gaussian(of) => GaussianSums::words(of, positions),
        }
    }

    /// Restores sums of this output from the words of [`Sums::to_words`].
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    pub fn sums_from_words(&self, words: &[i64]) -> Result<Sums, WordsError> {
        if !self.is_map() {
            return self.head.sums_from_words(words);
        }
        let (positions, expected) = (self.position_count(), self.sum_words());
        if words.len() != expected {
            return Err(WordsError::Length { found: words.len(), expected });
        }
        let of = match &self.head {
            Head::Classes(of) => {
                HeadSums::Classes(ClassMapSums::from_words(positions, of.count, words)?)
            }
            Head::Labels(of) => {
                HeadSums::Labels(LabelMapSums::from_words(positions, of.count, words)?)
            }
            Head::Gaussian(of) => HeadSums::Gaussian(GaussianSums::from_words(of, words)?),
        };
        Ok(Sums::Map(MapSums::new(of, self.resize.clone())))
    }

    /// Computes the figures from the words of sums: those of [`Self::sums_from_words`], of large maps in less time
    /// and memory.
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    pub fn figures_from_words(&self, words: &[i64]) -> Result<Uncertainty, WordsError> {
        let (positions, expected) = (self.position_count(), self.sum_words());
        if words.len() != expected {
            return Err(WordsError::Length { found: words.len(), expected });
        }
        Ok(match &self.head {
            Head::Classes(of) if self.is_map() => Uncertainty::Map(MapUncertainty::Classes(
                ClassMapSums::figures(positions, of.count, words)?,
            )),
            Head::Labels(of) if self.is_map() => Uncertainty::Map(MapUncertainty::Labels(
                LabelMapSums::figures(positions, of.count, words)?,
            )),
            Head::Gaussian(of) if self.is_map() => Uncertainty::Map(MapUncertainty::Gaussian(
                GaussianSums::from_words(of, words)?.finish(),
            )),
            Head::Classes(_) => Uncertainty::Classes(ClassSums::from_words(words)?.finish()),
            Head::Labels(_) => Uncertainty::Labels(LabelSums::from_words(words)?.finish()),
            Head::Gaussian(of) => {
                Uncertainty::Gaussian(GaussianSums::from_words(of, words)?.finish())
            }
        })
    }

    /// Returns the prediction set or intervals for these figures of the output; `None` if the output has
    /// no conformal predictor.
    pub fn region(&self, figures: &Uncertainty) -> Option<PredictionRegion> {
        self.conformal.as_ref()?.region(figures)
    }
}
