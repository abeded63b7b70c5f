//! The product of two values.

use super::{Arity, GraphError, Inputs, Operation, Real, RealValue, Site, Weightless};
use crate::error::ModelError;
use crate::geometry::Shape;
use crate::numerics::Target;

/// The product of two values of the same shape. The second may instead be `[1, 1, C]`, one factor
/// per channel of the first.
pub struct Multiply;

impl Operation for Multiply {
    fn since(&self) -> u32 {
        2
    }

    fn arity(&self) -> Arity {
        Arity::Two
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        let first = inputs.first();
        match inputs.shapes[1] {
            other if other != first && other != Shape::vector(first.channels) => {
                Err(inputs.mismatch(other))
            }
            _ => Ok(first),
        }
    }
}

impl Weightless for Multiply {
    type Job = Multiplication;

    fn job(&self, site: &Site<'_>) -> Result<Multiplication, ModelError> {
        let [a, b] = [0, 1].map(|index: usize| site.inputs[index]);
        Ok(Multiplication {
            elements: [a.shape.elements(), b.shape.elements()],
            zero_points: [a.grid.zero_point, b.grid.zero_point],
            multiplier: site.product()?,
            target: site.target()?,
        })
    }
}

impl Real for Multiply {
    fn real(&self, inputs: &[RealValue<'_>], _: Shape, output: &mut [f32]) {
        let elements = [0, 1].map(|index: usize| inputs[index].shape.elements());
        each(elements, inputs[0].numbers, inputs[1].numbers, output, |a, b| a * b);
    }
}

/// The element-wise product of two values.
#[derive(Clone, Debug)]
pub struct Multiplication {
    /// Elements of the first and the second input per picture. If the second has fewer, it has one
    /// factor per channel of the first.
    pub elements: [usize; 2],
    /// Codes of x = 0 in the inputs.
    pub zero_points: [u8; 2],
    /// Factor from steps of the product to output steps.
    pub multiplier: f32,
    /// Grid and bounds that results are rounded to.
    pub target: Target,
}

impl Multiplication {
    /// Computes `round(f32((a - z_a) * (b - z_b)) * m)`. Both factors are at most 255 in magnitude,
    /// so f32 holds their product exactly.
    #[inline(always)]
    fn apply(&self, a: u8, b: u8) -> u8 {
        // Not `map`, which is compiled without the vector unit if it is not inlined.
        let a = i32::from(a) - i32::from(self.zero_points[0]);
        let b = i32::from(b) - i32::from(self.zero_points[1]);
        self.target.round((a * b) as f32 * self.multiplier)
    }

    #[inline(always)]
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        each(self.elements, input(0), input(1), output, |a, b| self.apply(a, b));
    }
}

/// Multiplies two values element by element. The first has `elements` elements per picture, the
/// second `factors`: the same number, or one per channel of the first.
#[inline(always)]
fn each<T: Copy>(
    [elements, factors]: [usize; 2],
    a: &[T],
    b: &[T],
    output: &mut [T],
    product: impl Fn(T, T) -> T,
) {
    let pictures = a.chunks_exact(elements).zip(output.chunks_exact_mut(elements));
    for ((a, output), b) in pictures.zip(b.chunks_exact(factors)) {
        for (a, output) in a.chunks_exact(factors).zip(output.chunks_exact_mut(factors)) {
            for ((&a, &b), to) in a.iter().zip(b).zip(output) {
                *to = product(a, b);
            }
        }
    }
}
