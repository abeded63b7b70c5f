//! The traits of operations.

use super::{Filters, GraphError, Rescale, SizeChange};
use crate::check::{check_scale, named};
use crate::error::ModelError;
use crate::geometry::{Shape, Window};
use crate::layer::Quantized;
use crate::numerics::{
    Quantization, Target, mean_multiplier, requantize_multiplier, rescale_multiplier,
};
use alloc::boxed::Box;

/// The least number of steps per output element, and the number of steps per tap of a pool's
/// window: roughly the number of products that a kernel computes in the time that one element takes
/// elsewhere.
pub(crate) const STEPS_PER_ELEMENT: u64 = 64;

/// What all operations have in common.
pub trait Operation {
    /// Returns the first version of the model format that has the operation with these parameters.
    fn since(&self) -> u32 {
        1
    }

    /// Returns how many inputs it takes.
    fn arity(&self) -> Arity {
        Arity::One
    }

    /// Returns the shape of the output.
    ///
    /// # Errors
    /// A [`GraphError`] that names the node, if the inputs do not suit it.
    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError>;

    /// Returns the operation with the same meaning in a network whose inputs have another size.
    ///
    /// # Errors
    /// What keeps it from that, as the end of a sentence.
    fn at_size(&self, _change: &SizeChange) -> Result<Self, &'static str>
    where
        Self: Clone,
    {
        Ok(self.clone())
    }

    /// Returns which grid the output has.
    fn grid(&self) -> GridRule {
        GridRule::Own
    }

    /// Returns the grid of the output of an operation that keeps its input's ([`GridRule::Kept`]).
    fn kept_grid(&self, input: Quantization) -> Quantization {
        input
    }

    /// Returns the number of steps per element of the output, over an input of shape `input`
    /// ([`crate::limits`]).
    fn steps_per_element(&self, _input: Shape) -> u64 {
        STEPS_PER_ELEMENT
    }
}

/// An operation with weights.
pub trait Weighted: Operation {
    /// Returns how it sees an input of shape `input`.
    fn filters(&self, input: Shape) -> Filters;
}

/// An operation without weights.
pub trait Weightless: Operation {
    /// The loop over codes.
    type Job;

    /// Returns the loop over codes, with all parameters derived and checked.
    ///
    /// # Errors
    /// A [`ModelError`] that names the node, if the grids do not fit together.
    fn job(&self, site: &Site<'_>) -> Result<Self::Job, ModelError>;
}

/// An operation whose output depends on the sample even if no weight does.
pub trait Random: Operation {
    /// The loop over codes.
    type Job;

    /// Returns the loop over codes, with all parameters derived and checked.
    ///
    /// # Errors
    /// A [`ModelError`] that names the node, if the grids do not fit together.
    fn job(&self, site: &Site<'_>) -> Result<Self::Job, ModelError>;
}

/// The job of an operation whose output is its input.
pub struct View;

/// An operation over real numbers, which the quantized one approximates.
pub trait Real {
    /// Computes the outputs, of shape `shape`, of pictures one after the other.
    fn real(&self, inputs: &[RealValue<'_>], shape: Shape, output: &mut [f32]);
}

/// A value in real numbers.
#[derive(Clone, Copy, Debug)]
pub struct RealValue<'a> {
    /// Shape of a picture.
    pub shape: Shape,
    /// Pictures one after the other, each `[D][H][W][C]`.
    pub numbers: &'a [f32],
}

/// The number of inputs that an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Exactly one.
    One,
    /// Exactly two.
    Two,
    /// Two or more.
    Several,
}

impl Arity {
    /// Returns whether the operation takes `count` inputs.
    pub fn admits(self, count: usize) -> bool {
        match self {
            Self::One => count == 1,
            Self::Two => count == 2,
            Self::Several => count >= 2,
        }
    }

    /// Returns the number in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::One => "one input",
            Self::Two => "two inputs",
            Self::Several => "at least two inputs",
        }
    }
}

/// Where an output's grid comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridRule {
    /// The grid that [`Operation::kept_grid`] makes of the input's, whose codes the operation keeps
    /// or moves.
    Kept,
    /// A separate grid, with bounds on its codes.
    Own,
    /// A separate grid; the table implies the bounds on its codes.
    Table,
}

/// The inputs of a node that is to be appended to a graph.
pub struct Inputs<'a> {
    /// Name of the node.
    pub(crate) node: &'a str,
    /// Name of its operation.
    pub(crate) op: &'static str,
    /// Shapes of its inputs, in the number that the operation takes.
    pub(crate) shapes: &'a [Shape],
}

impl Inputs<'_> {
    /// Returns the shape of the first input.
    pub(super) fn first(&self) -> Shape {
        self.shapes[0]
    }

    /// Returns the shape of the output of a window over the first input.
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

    /// Returns the error for an input that does not fit the first.
    pub(super) fn mismatch(&self, other: Shape) -> GraphError {
        let shapes = Box::new([self.first(), other]);
        GraphError::InputShapes { node: self.node.into(), op: self.op, shapes }
    }

    /// Returns the error for an output that is too large.
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

/// An operation's place in a model: its inputs and their grids, and its output.
pub struct Site<'a> {
    /// Name of the node.
    pub(crate) node: &'a str,
    pub(crate) inputs: &'a [Operand],
    /// Shape of the output.
    pub(crate) output: Shape,
    /// Grid and codes of the output, and the parameters of the node.
    pub(crate) quantized: &'a Quantized,
    /// Number of the node among those of random operations ([`super::Op::is_random`]).
    pub(crate) number: u32,
}

impl Site<'_> {
    /// Returns the grid of the output.
    pub(super) fn grid(&self) -> Result<Quantization, ModelError> {
        let missing = || ModelError::OutputQuantization { node: self.node.into() };
        self.quantized.output.ok_or_else(missing)
    }

    /// Returns the grid and the bounds that results are rounded to.
    pub(super) fn target(&self) -> Result<Target, ModelError> {
        Ok(Target::new(self.grid()?, self.quantized.range))
    }

    /// Returns the change from the grid of input `index` to that of the output.
    pub(super) fn rescale(&self, index: usize) -> Result<Rescale, ModelError> {
        let Quantization { scale, zero_point } = self.inputs[index].grid;
        let multiplier = rescale_multiplier(scale, self.grid()?.scale);
        check_scale(named(self.node, "input scale / output scale"), multiplier)?;
        Ok(Rescale { zero_point, multiplier })
    }

    /// Returns the factor from a sum of `count` codes of the input to output steps.
    pub(super) fn mean(&self, count: usize) -> Result<f32, ModelError> {
        let multiplier = mean_multiplier(self.inputs[0].grid.scale, self.grid()?.scale, count);
        check_scale(named(self.node, "input scale / output scale"), multiplier)?;
        Ok(multiplier)
    }

    /// Returns the factor from products of codes of both inputs to output steps.
    pub(super) fn product(&self) -> Result<f32, ModelError> {
        let [a, b] = [0, 1].map(|index: usize| self.inputs[index].grid.scale);
        let multiplier = requantize_multiplier(a, b, self.grid()?.scale, 1);
        let what = named(self.node, "input scale * input scale / output scale");
        check_scale(what, multiplier)?;
        Ok(multiplier)
    }
}
