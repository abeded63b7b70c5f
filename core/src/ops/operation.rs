//! What an operation says of itself.

use super::{Filters, GraphError, Rescale};
use crate::check::{check_scale, named};
use crate::error::ModelError;
use crate::geometry::{Shape, Window};
use crate::layer::Quantized;
use crate::numerics::{
    Quantization, Target, mean_multiplier, requantize_multiplier, rescale_multiplier,
};
use alloc::boxed::Box;

/// Steps of an output element at the least, and of each tap of a pool's window: roughly the number of
/// products that a kernel computes in the time that one element takes elsewhere.
pub(crate) const STEPS_PER_ELEMENT: u64 = 64;

/// What all operations have in common.
pub trait Operation {
    /// The first version of the model format that has the operation with these parameters.
    fn since(&self) -> u32 {
        1
    }

    /// How many inputs it takes.
    fn arity(&self) -> Arity {
        Arity::One
    }

    /// Shape of the output.
    ///
    /// # Errors
    /// A [`GraphError`] that names the node, where the inputs do not suit it.
    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError>;

    /// Which grid the output has.
    fn grid(&self) -> GridRule {
        GridRule::Own
    }

    /// Steps of an element of the output over an input of shape `input` ([`crate::limits`]).
    fn steps_per_element(&self, _input: Shape) -> u64 {
        STEPS_PER_ELEMENT
    }
}

/// An operation that owns weights.
pub trait Weighted: Operation {
    /// How it sees an input of shape `input`.
    fn filters(&self, input: Shape) -> Filters;
}

/// An operation that owns none.
pub trait Weightless: Operation {
    /// What has to be done.
    type Job;

    /// What has to be done, with all parameters derived and checked.
    ///
    /// # Errors
    /// A [`ModelError`] that names the node, where the grids do not go together.
    fn job(&self, site: &Site<'_>) -> Result<Self::Job, ModelError>;
}

/// Nothing has to be done: the output is the input.
pub struct View;

/// An operation over real numbers: what the quantized one approximates.
pub trait Real {
    /// Writes the output, of shape `shape`, of pictures one after the other.
    fn real(&self, inputs: &[RealValue<'_>], shape: Shape, output: &mut [f32]);
}

/// A value in real numbers.
#[derive(Clone, Copy, Debug)]
pub struct RealValue<'a> {
    /// Shape of a picture.
    pub shape: Shape,
    /// Pictures one after the other, `[D][H][W][C]` each.
    pub numbers: &'a [f32],
}

/// How many inputs an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// One.
    One,
    /// Two.
    Two,
    /// Two or more.
    Several,
}

impl Arity {
    /// Whether `count` inputs are as many as it takes.
    pub fn admits(self, count: usize) -> bool {
        match self {
            Self::One => count == 1,
            Self::Two => count == 2,
            Self::Several => count >= 2,
        }
    }

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::One => "one input",
            Self::Two => "two inputs",
            Self::Several => "at least two inputs",
        }
    }
}

/// Which grid an output has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridRule {
    /// That of its input, whose codes it moves.
    Kept,
    /// A separate one, and bounds of its codes.
    Own,
    /// A separate one; its table holds its bounds.
    Table,
}

/// What a node reads, while the graph is being built.
pub struct Inputs<'a> {
    /// Name of the node.
    pub(crate) node: &'a str,
    /// Name of its operation.
    pub(crate) op: &'static str,
    /// Shapes of its inputs, as many as the operation takes.
    pub(crate) shapes: &'a [Shape],
}

impl Inputs<'_> {
    /// Shape of the first.
    pub(super) fn first(&self) -> Shape {
        self.shapes[0]
    }

    /// Shape of the first under a window.
    pub(super) fn under(&self, window: &Window) -> Result<Shape, GraphError> {
        let (first, op) = (self.first(), self.op);
        let error = || GraphError::Window { node: self.node.into(), op, input: first };
        let output = window.output(first).ok_or_else(error)?;
        if window.sees_only_padding() {
            return Err(error());
        }
        // No axis overflows: padding is below the window's reach, which fits the input.
        let padded = first.padded(&window.padding).checked();
        let too_large = || GraphError::PaddedInput { node: self.node.into(), op, input: first };
        padded.ok_or_else(too_large)?;
        Ok(output)
    }

    /// An input that does not go with the first.
    pub(super) fn mismatch(&self, other: Shape) -> GraphError {
        let shapes = Box::new([self.first(), other]);
        GraphError::InputShapes { node: self.node.into(), op: self.op, shapes }
    }

    /// An output beyond all bounds.
    pub(crate) fn too_large(&self) -> GraphError {
        GraphError::OutputShape { node: self.node.into(), op: self.op }
    }
}

/// A value that an operation reads or writes.
#[derive(Clone, Copy)]
pub(crate) struct Operand {
    pub(crate) shape: Shape,
    pub(crate) grid: Quantization,
}

/// Where an operation stands: what it reads, with which grids, and what it writes.
pub struct Site<'a> {
    /// Name of the node.
    pub(crate) node: &'a str,
    pub(crate) inputs: &'a [Operand],
    /// Shape of the output.
    pub(crate) output: Shape,
    /// Grid and codes of the output, and what the node owns.
    pub(crate) quantized: &'a Quantized,
}

impl Site<'_> {
    /// Grid of the output.
    pub(super) fn grid(&self) -> Result<Quantization, ModelError> {
        let missing = || ModelError::OutputQuantization { node: self.node.into() };
        self.quantized.output.ok_or_else(missing)
    }

    /// Where results are rounded to.
    pub(super) fn target(&self) -> Result<Target, ModelError> {
        Ok(Target::new(self.grid()?, self.quantized.range))
    }

    /// From the grid of input `index` to that of the output.
    pub(super) fn rescale(&self, index: usize) -> Result<Rescale, ModelError> {
        let Quantization { scale, zero_point } = self.inputs[index].grid;
        let multiplier = rescale_multiplier(scale, self.grid()?.scale);
        check_scale(named(self.node, "input scale / output scale"), multiplier)?;
        Ok(Rescale { zero_point, multiplier })
    }

    /// From a sum of `count` codes of the input to output steps.
    pub(super) fn mean(&self, count: usize) -> Result<f32, ModelError> {
        let multiplier = mean_multiplier(self.inputs[0].grid.scale, self.grid()?.scale, count);
        check_scale(named(self.node, "input scale / output scale"), multiplier)?;
        Ok(multiplier)
    }

    /// From products of codes of both inputs to output steps.
    pub(super) fn product(&self) -> Result<f32, ModelError> {
        let [a, b] = [0, 1].map(|index: usize| self.inputs[index].grid.scale);
        let multiplier = requantize_multiplier(a, b, self.grid()?.scale);
        let what = named(self.node, "input scale * input scale / output scale");
        check_scale(what, multiplier)?;
        Ok(multiplier)
    }
}
