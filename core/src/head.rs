//! What the outputs of a network mean, and how they accumulate over weight samples.
//!
//! A network gives f32 outputs for each picture and weight sample. Its [`Head`] says what they are; the
//! head's [`Accumulator`] adds them up in integers and makes the figures that people see of the sums.
//! Both enums are closed: a new head is a file beside [`classes`] and a variant of each, and the
//! compiler names every place that has to present its figures.

mod accumulator;
pub mod classes;

pub use accumulator::{Accumulator, WordsError};

use crate::graph::Shape;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use classes::SampleSums;

/// What the outputs for one picture and one weight sample mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Logits of this number of classes, of which a picture has one: softmax makes them probabilities.
    Classes(usize),
}

/// Integer sums over the weight samples of one picture, whatever its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sums {
    /// Those of [`Head::Classes`].
    Classes(SampleSums),
}

/// `$body` with the sums of any head.
macro_rules! each_head {
    ($of:expr, $sums:ident => $body:expr) => {
        match $of {
            Sums::Classes($sums) => $body,
        }
    };
}

impl Head {
    /// The head of a network whose outputs have shape `shape`, or `None` if there is none for these.
    pub fn of(shape: Shape) -> Option<Self> {
        (shape == Shape::vector(shape.channels)).then_some(Self::Classes(shape.channels))
    }

    /// Shape of the outputs for one picture.
    pub fn shape(self) -> Shape {
        match self {
            Self::Classes(classes) => Shape::new(1, 1, classes),
        }
    }

    /// Number of outputs for one picture: the elements of [`Self::shape`].
    pub fn outputs(self) -> usize {
        self.shape().elements()
    }

    /// Bytes of one picture's outputs for a sample, and of its sums.
    pub fn result_bytes(self) -> usize {
        let sums = match self {
            Self::Classes(classes) => SampleSums::bytes(classes),
        };
        size_of::<f32>() * self.outputs() + sums
    }

    /// Sums of no samples yet.
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
    /// Number of samples summed so far.
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
    /// When the number of outputs is not the head's, or the sums are full.
    pub fn add(&mut self, outputs: &[f32]) {
        each_head!(self, sums => sums.add(outputs));
    }

    /// Adds the sums of other samples of the same picture ([`Accumulator::merge`]).
    ///
    /// # Panics
    /// When they belong to another head, or the sums are full.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Classes(sums), Self::Classes(other)) => sums.merge(other),
        }
    }

    /// The sums as integers that add ([`Accumulator::to_words`]).
    pub fn to_words(&self) -> Vec<i64> {
        each_head!(self, sums => sums.to_words())
    }
}
