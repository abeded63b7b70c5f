//! What the outputs of a network mean, and how they accumulate over weight samples.
//!
//! A network gives f32 outputs for each picture and weight sample. Its [`Head`] says what they
//! mean. The head's [`Accumulator`] sums them in integers and computes the final figures from the
//! sums. [`Head`] and [`Sums`] are closed enums: a new head is a file next to [`classes`] and a
//! variant of each, and the compiler finds every place that must present its figures.

mod accumulator;
pub mod classes;

pub use crate::posterior::MAX_SAMPLES;
pub use accumulator::{Accumulator, WordsError};

use crate::graph::Shape;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use classes::SampleSums;

/// What the outputs for one picture and one weight sample mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Logits of this number of mutually exclusive classes; softmax turns them into probabilities.
    Classes(usize),
}

/// Integer sums over the weight samples of one picture, for any head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sums {
    /// Sums for [`Head::Classes`].
    Classes(SampleSums),
}

/// Evaluates `$body` with the sums of any head.
macro_rules! each_head {
    ($of:expr, $sums:ident => $body:expr) => {
        match $of {
            Sums::Classes($sums) => $body,
        }
    };
}

impl Head {
    /// Returns the head for outputs of shape `shape`, or `None` if no head has such outputs.
    pub fn of(shape: Shape) -> Option<Self> {
        (shape == Shape::vector(shape.channels)).then_some(Self::Classes(shape.channels))
    }

    /// Returns the shape of the outputs for one picture.
    pub fn shape(self) -> Shape {
        match self {
            Self::Classes(classes) => Shape::new(1, 1, classes),
        }
    }

    /// Returns the number of outputs for one picture: the elements of [`Self::shape`].
    pub fn outputs(self) -> usize {
        self.shape().elements()
    }

    /// Returns the bytes of one picture's outputs for one sample, plus those of its sums.
    pub fn result_bytes(self) -> usize {
        let sums = match self {
            Self::Classes(classes) => SampleSums::bytes(classes),
        };
        size_of::<f32>() * self.outputs() + sums
    }

    /// Creates sums without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn accumulator(self) -> Result<Sums, TryReserveError> {
        match self {
            Self::Classes(classes) => SampleSums::try_new(classes).map(Sums::Classes),
        }
    }
}

impl Sums {
    /// Returns the number of samples summed so far.
    pub fn samples(&self) -> u64 {
        each_head!(self, sums => sums.samples())
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        each_head!(self, sums => sums.clear());
    }

    /// Adds the outputs of one sample ([`Accumulator::add`]).
    ///
    /// # Panics
    /// When the number of outputs is not the head's, or the sums are full already.
    pub fn add(&mut self, outputs: &[f32]) {
        each_head!(self, sums => sums.add(outputs));
    }

    /// Adds the sums of other samples of the same picture ([`Accumulator::merge`]).
    ///
    /// # Panics
    /// When they belong to another head, or have too many samples together.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Classes(sums), Self::Classes(other)) => sums.merge(other),
        }
    }

    /// Returns the sums as integers ([`Accumulator::to_words`]).
    pub fn to_words(&self) -> Vec<i64> {
        each_head!(self, sums => sums.to_words())
    }
}
