//! The maximum over a window.

use super::{
    Dice, GraphError, GridRule, Inputs, Operation, Real, RealValue, STEPS_PER_ELEMENT, Site,
    SizeChange, Weightless,
};
use crate::error::ModelError;
use crate::geometry::{Shape, Window};
use serde::{Deserialize, Serialize};

/// The maximum over a window. Padding is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaxPool {
    /// Kernel, stride, dilation and padding.
    pub window: Window,
}

impl MaxPool {
    pub(super) fn invent(input: Shape, dice: &mut Dice<'_>) -> Self {
        Self { window: dice.window(input) }
    }
}

impl Operation for MaxPool {
    fn since(&self) -> u32 {
        if self.window.slides_over_planes() { 2 } else { 1 }
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        inputs.under(&self.window)
    }

    fn grid(&self) -> GridRule {
        GridRule::Kept
    }

    fn at_size(&self, change: &SizeChange) -> Result<Self, &'static str> {
        change.window(&self.window).map(|()| self.clone())
    }

    fn steps_per_element(&self, _: Shape) -> u64 {
        STEPS_PER_ELEMENT.saturating_mul(self.window.taps() as u64)
    }
}

impl Weightless for MaxPool {
    type Job = MaxPooling;

    fn job(&self, site: &Site<'_>) -> Result<MaxPooling, ModelError> {
        let (input, output) = (site.inputs[0].shape, site.output);
        Ok(MaxPooling { input, output, window: self.window })
    }
}

impl Real for MaxPool {
    fn real(&self, inputs: &[RealValue<'_>], output: Shape, numbers: &mut [f32]) {
        let RealValue { shape: input, numbers: from } = inputs[0];
        MaxPooling { input, output, window: self.window }.over(
            f32::NEG_INFINITY,
            f32::max,
            from,
            numbers,
        );
    }
}

/// The largest code of each window.
#[derive(Clone, Debug)]
pub struct MaxPooling {
    /// Shape of a picture's input.
    pub input: Shape,
    /// Shape of a picture's output.
    pub output: Shape,
    /// Kernel, stride, dilation and padding.
    pub window: Window,
}

impl MaxPooling {
    #[inline(always)]
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        self.over(0, u8::max, input(0), output);
    }

    /// Computes the largest number of each window, but at least `least`.
    #[inline(always)]
    pub(super) fn over<T: Copy>(
        &self,
        least: T,
        larger: impl Fn(T, T) -> T,
        input: &[T],
        output: &mut [T],
    ) {
        let channels = self.input.channels;
        let pictures = input.chunks_exact(self.input.elements());
        for (input, output) in pictures.zip(output.chunks_exact_mut(self.output.elements())) {
            for (position, output) in output.chunks_exact_mut(channels).enumerate() {
                output.fill(least);
                for (_, pixel) in self.window.pixels(self.input, self.output, position) {
                    for (largest, &number) in output.iter_mut().zip(&input[pixel * channels..]) {
                        *largest = larger(*largest, number);
                    }
                }
            }
        }
    }
}
