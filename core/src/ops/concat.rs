//! Concatenation of channels.

use super::{Arity, GraphError, Inputs, Operation, Real, RealValue, Rescale, Site, Weightless};
use crate::error::ModelError;
use crate::geometry::Shape;
use crate::numerics::Target;
use alloc::vec::Vec;

/// The channels of all inputs, one after the other.
pub struct Concat;

impl Operation for Concat {
    fn arity(&self) -> Arity {
        Arity::Several
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        let first = inputs.first();
        let mut channels = 0;
        for &shape in inputs.shapes {
            if shape.axes() != first.axes() {
                return Err(inputs.mismatch(shape));
            }
            channels += shape.channels;
        }
        Ok(Shape { channels, ..first })
    }
}

impl Weightless for Concat {
    type Job = Concatenation;

    fn job(&self, site: &Site<'_>) -> Result<Concatenation, ModelError> {
        let part = |index: usize| Ok((site.rescale(index)?, site.inputs[index].shape.channels));
        let parts = (0..site.inputs.len()).map(part).collect::<Result<_, ModelError>>()?;
        let (channels, target) = (site.output.channels, site.target()?);
        Ok(Concatenation { parts, channels, target })
    }
}

impl Real for Concat {
    fn real(&self, inputs: &[RealValue<'_>], shape: Shape, output: &mut [f32]) {
        let mut at = 0;
        for RealValue { shape: from, numbers } in inputs {
            place(from.channels, at, shape.channels, numbers, output, |x| x);
            at += from.channels;
        }
    }
}

/// Converts all inputs to the output's grid and concatenates them in each pixel.
#[derive(Clone, Debug)]
pub struct Concatenation {
    /// Change of grid and number of channels, for each input.
    pub parts: Vec<(Rescale, usize)>,
    /// Channels of the output.
    pub channels: usize,
    /// Grid and bounds that results are rounded to.
    pub target: Target,
}

impl Concatenation {
    #[inline(always)]
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        let mut at = 0;
        for (index, &(rescale, channels)) in self.parts.iter().enumerate() {
            let code = |code| self.target.round(rescale.apply(code));
            place(channels, at, self.channels, input(index), output, code);
            at += channels;
        }
    }
}

/// Writes pixels of `channels` channels into pixels of `width` channels, from channel `at` on.
#[inline(always)]
pub(super) fn place<T: Copy>(
    channels: usize,
    at: usize,
    width: usize,
    input: &[T],
    output: &mut [T],
    change: impl Fn(T) -> T,
) {
    for (from, to) in input.chunks_exact(channels).zip(output.chunks_exact_mut(width)) {
        to[at..at + channels].iter_mut().zip(from).for_each(|(to, &from)| *to = change(from));
    }
}
