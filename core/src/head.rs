//! What the outputs of a network mean, and how they accumulate over weight samples.
//!
//! A network gives f32 numbers for each picture and weight sample. An [`Output`] is a part of them
//! that has a name; its [`Head`] says what the numbers mean. The head's [`Accumulator`] sums them in
//! integers and computes the final figures from the sums. [`Head`], [`Sums`] and [`Uncertainty`] are
//! closed enums: a new head is a file next to [`classes`] and a variant of each, and the compiler
//! finds every place that must present its figures.

mod accumulator;
pub mod classes;
pub mod errors;
mod exponential;
mod fixed;
pub mod gaussian;
pub mod labels;
pub mod map;
#[doc(hidden)]
pub mod normal;
mod output;
mod single;
mod target_sums;

pub use crate::posterior::MAX_SAMPLES;
pub use accumulator::{Accumulator, WordsError};
pub use output::Output;

use alloc::collections::TryReserveError;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::{vec, vec::Vec};
use classes::{ClassSums, ClassUncertainty, Classes};
use errors::{ClassErrors, LabelErrors, TargetErrors};
use gaussian::{Gaussian, GaussianSums, TargetUncertainty};
use labels::{LabelSums, LabelUncertainty, Labels};
use map::{MapSums, MapUncertainty};
use serde::Serialize;

/// What the numbers of an output mean, for one picture and one weight sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// Logits of mutually exclusive classes; softmax turns them into probabilities.
    Classes(Arc<Classes>),
    /// Logits of independent labels; the logistic function turns each into a probability.
    Labels(Arc<Labels>),
    /// The means, and perhaps the variances, of normally distributed targets.
    Gaussian(Arc<Gaussian>),
}

/// Integer sums over the weight samples of one output for one picture, for any head.
#[derive(Clone, Debug, PartialEq)]
pub enum Sums {
    /// Sums for [`Head::Classes`].
    Classes(ClassSums),
    /// Sums for [`Head::Labels`].
    Labels(LabelSums),
    /// Sums for [`Head::Gaussian`].
    Gaussian(GaussianSums),
    /// Sums for a map of any of them.
    Map(MapSums),
}

/// The figures of one output for one picture, for any head.
///
/// In JSON it is the object of the head's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Uncertainty {
    /// Figures for [`Head::Classes`].
    Classes(ClassUncertainty),
    /// Figures for [`Head::Labels`].
    Labels(LabelUncertainty),
    /// Figures for [`Head::Gaussian`].
    Gaussian(TargetUncertainty),
    /// Figures for a map of any of them.
    Map(MapUncertainty),
}

/// Evaluates `$body` with the sums of any head.
macro_rules! each_head {
    ($enum:ident, $of:expr, $each:ident => $body:expr) => {
        match $of {
            $enum::Classes($each) => $body,
            $enum::Labels($each) => $body,
            $enum::Gaussian($each) => $body,
            $enum::Map($each) => $body,
        }
    };
}

impl Head {
    /// Returns the number of f32 outputs at one position, for one picture and weight sample.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.count,
            Self::Labels(labels) => labels.count,
            Self::Gaussian(gaussian) => gaussian.outputs(),
        }
    }

    /// Returns the number of classes, labels or targets.
    pub fn count(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.count,
            Self::Labels(labels) => labels.count,
            Self::Gaussian(gaussian) => gaussian.targets.len(),
        }
    }

    /// Returns the name of the class, label or target of an index: `class N`, `label N` or
    /// `target N` if it has none.
    pub fn name_of(&self, index: usize) -> String {
        let (name, kind) = match self {
            Self::Classes(classes) => (classes.names.get(index).map(String::as_str), "class"),
            Self::Labels(labels) => (labels.name(index), "label"),
            Self::Gaussian(gaussian) => {
                let target = gaussian.targets.get(index).map(|target| target.name.as_str());
                (target.filter(|name| !name.is_empty()), "target")
            }
        };
        name.map_or_else(|| format!("{kind} {index}"), String::from)
    }

    /// Returns the name of the head: `classes`, `labels` or `gaussian`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Classes(_) => "classes",
            Self::Labels(_) => "labels",
            Self::Gaussian(_) => "gaussian",
        }
    }

    /// Returns the classes; `None` for other heads.
    pub fn classes(&self) -> Option<&Classes> {
        if let Self::Classes(classes) = self { Some(classes) } else { None }
    }

    /// Returns the labels; `None` for other heads.
    pub fn labels(&self) -> Option<&Labels> {
        if let Self::Labels(labels) = self { Some(labels) } else { None }
    }

    /// Returns the targets of a regression; `None` for other heads.
    pub fn gaussian(&self) -> Option<&Gaussian> {
        if let Self::Gaussian(gaussian) = self { Some(gaussian) } else { None }
    }

    /// Creates sums for one position, without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn accumulator(&self) -> Result<Sums, TryReserveError> {
        Ok(match self {
            Self::Classes(classes) => Sums::Classes(ClassSums::try_new(classes.count)?),
            Self::Labels(labels) => Sums::Labels(LabelSums::try_new(labels.count)?),
            Self::Gaussian(gaussian) => Sums::Gaussian(GaussianSums::try_new(gaussian, 1)?),
        })
    }

    /// Returns the number of words of the sums for one position ([`Sums::to_words`]).
    pub fn sum_words(&self) -> usize {
        match self {
            Self::Classes(classes) => ClassSums::words(classes.count),
            Self::Labels(labels) => LabelSums::words(labels.count),
            Self::Gaussian(gaussian) => GaussianSums::words(gaussian, 1),
        }
    }

    /// Restores sums for one position from the words of [`Sums::to_words`].
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    pub fn sums_from_words(&self, words: &[i64]) -> Result<Sums, WordsError> {
        let expected = self.sum_words();
        if words.len() != expected {
            return Err(WordsError::Length { found: words.len(), expected });
        }
        Ok(match self {
            Self::Classes(_) => Sums::Classes(ClassSums::from_words(words)?),
            Self::Labels(_) => Sums::Labels(LabelSums::from_words(words)?),
            Self::Gaussian(gaussian) => Sums::Gaussian(GaussianSums::from_words(gaussian, words)?),
        })
    }
}

impl Sums {
    /// Returns the number of samples summed so far.
    pub fn samples(&self) -> u64 {
        each_head!(Self, self, sums => sums.samples())
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        each_head!(Self, self, sums => sums.clear());
    }

    /// Adds the outputs of one sample ([`Accumulator::add`]).
    ///
    /// # Panics
    /// When the number of outputs is not the head's, or the sums are full already.
    pub fn add(&mut self, outputs: &[f32]) {
        each_head!(Self, self, sums => sums.add(outputs));
    }

    /// Returns whether [`Self::merge`] takes `other`: whether it belongs to the same head, and the
    /// two have at most [`MAX_SAMPLES`] samples together.
    pub fn merges_with(&self, other: &Self) -> bool {
        let same = match (self, other) {
            (Self::Classes(sums), Self::Classes(other)) => sums.classes() == other.classes(),
            (Self::Labels(sums), Self::Labels(other)) => sums.labels() == other.labels(),
            (Self::Gaussian(sums), Self::Gaussian(other)) => sums.head() == other.head(),
            (Self::Map(sums), Self::Map(other)) => sums.merges_with(other),
            _ => false,
        };
        same && self.samples() + other.samples() <= u64::from(MAX_SAMPLES)
    }

    /// Adds the sums of other samples of the same picture ([`Accumulator::merge`]).
    ///
    /// # Panics
    /// When they belong to another head, or have too many samples together
    /// ([`Self::merges_with`]).
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Classes(sums), Self::Classes(other)) => sums.merge(other),
            (Self::Labels(sums), Self::Labels(other)) => sums.merge(other),
            (Self::Gaussian(sums), Self::Gaussian(other)) => sums.merge(other),
            (Self::Map(sums), Self::Map(other)) => sums.merge(other),
            _ => panic!("sums of the same head"),
        }
    }

    /// Returns the sums as integers ([`Accumulator::to_words`]).
    pub fn to_words(&self) -> Vec<i64> {
        each_head!(Self, self, sums => sums.to_words())
    }

    /// Computes the figures from the samples so far. Without samples all figures are zero.
    pub fn finish(&self) -> Uncertainty {
        match self {
            Self::Classes(sums) => Uncertainty::Classes(sums.finish()),
            Self::Labels(sums) => Uncertainty::Labels(sums.finish()),
            Self::Gaussian(sums) => Uncertainty::Gaussian(sums.finish()),
            Self::Map(sums) => Uncertainty::Map(sums.finish()),
        }
    }

    /// Returns the sums of a map; `None` for other heads.
    pub fn map(&self) -> Option<&MapSums> {
        if let Self::Map(sums) = self { Some(sums) } else { None }
    }

    /// Returns the sums of classes; `None` for other heads.
    pub fn classes(&self) -> Option<&ClassSums> {
        if let Self::Classes(sums) = self { Some(sums) } else { None }
    }
}

impl Uncertainty {
    /// Returns the number of samples.
    pub fn samples(&self) -> u64 {
        match self {
            Self::Classes(of) => of.samples,
            Self::Labels(of) => of.samples,
            Self::Gaussian(of) => of.samples,
            Self::Map(of) => of.samples(),
        }
    }

    /// Returns all figures but the number of samples, in one list: those of classes
    /// `[probabilities..., std..., predictive entropy, expected entropy, mutual information]`, of
    /// labels `[probabilities..., std..., predictive entropies..., expected entropies..., mutual
    /// information...]`, of targets `[means..., std..., aleatoric std..., epistemic std...]`. The standard errors of
    /// all but `std` follow in the same order, of targets those of the means; they are NaN where they are not
    /// known. Maps have none.
    pub fn figures(&self) -> Vec<f64> {
        let (mut figures, errors, count) = match self {
            Self::Classes(of) => {
                let last = [of.predictive_entropy, of.expected_entropy, of.mutual_information];
                let errors = of.standard_errors.as_ref().map(ClassErrors::figures);
                let figures = [&of.probabilities[..], &of.std, &last].concat();
                (figures, errors, of.probabilities.len() + last.len())
            }
            Self::Labels(of) => {
                let figures = [
                    &of.probabilities[..],
                    &of.std,
                    &of.predictive_entropy,
                    &of.expected_entropy,
                    &of.mutual_information,
                ];
                let errors = of.standard_errors.as_ref().map(LabelErrors::figures);
                (figures.concat(), errors, 4 * of.probabilities.len())
            }
            Self::Gaussian(of) => {
                let figures = [&of.mean[..], &of.std, &of.aleatoric_std, &of.epistemic_std];
                let errors = of.standard_errors.as_ref().map(TargetErrors::figures);
                (figures.concat(), errors, of.mean.len())
            }
            Self::Map(of) => return of.figures(),
        };
        figures.extend(errors.unwrap_or_else(|| vec![f64::NAN; count]));
        figures
    }

    /// Returns the figures of a map; `None` for other heads.
    pub fn map(self) -> Option<MapUncertainty> {
        if let Self::Map(figures) = self { Some(figures) } else { None }
    }

    /// Returns the figures of classes; `None` for other heads.
    pub fn classes(self) -> Option<ClassUncertainty> {
        if let Self::Classes(figures) = self { Some(figures) } else { None }
    }

    /// Returns the figures of labels; `None` for other heads.
    pub fn labels(self) -> Option<LabelUncertainty> {
        if let Self::Labels(figures) = self { Some(figures) } else { None }
    }

    /// Returns the figures of a regression; `None` for other heads.
    pub fn targets(self) -> Option<TargetUncertainty> {
        if let Self::Gaussian(figures) = self { Some(figures) } else { None }
    }
}
