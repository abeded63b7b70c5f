//! Sums, products and functions of single elements.

use crate::backend::{Add, Multiply, Rescale};
use crate::numerics::{Table, Target};

impl Rescale {
    /// A code in output steps, before rounding.
    #[inline(always)]
    fn apply(self, code: u8) -> f32 {
        (i32::from(code) - i32::from(self.zero_point)) as f32 * self.multiplier
    }
}

impl Add {
    /// `round(f32(a - z_a) * r_a + f32(b - z_b) * r_b)`: two products, one addition, no FMA. The
    /// order of the two makes no difference: a single addition commutes.
    #[inline(always)]
    pub fn apply(&self, a: u8, b: u8) -> u8 {
        let [first, second] = self.inputs;
        self.target.round(first.apply(a) + second.apply(b))
    }
}

/// A residual addition ([`Add::apply`]).
#[inline(always)]
pub fn add(add: &Add, a: &[u8], b: &[u8], output: &mut [u8]) {
    for ((&a, &b), code) in a.iter().zip(b).zip(output) {
        *code = add.apply(a, b);
    }
}

/// `round(f32(q - z) * r)`.
#[inline(always)]
pub fn requantize(rescale: Rescale, target: Target, input: &[u8], output: &mut [u8]) {
    for (&q, code) in input.iter().zip(output) {
        *code = target.round(rescale.apply(q));
    }
}

impl Multiply {
    /// `round(f32((a - z_a) * (b - z_b)) * m)`. Both factors are at most 255 in magnitude, so f32
    /// holds their product exactly.
    #[inline(always)]
    fn apply(&self, a: u8, b: u8) -> u8 {
        // Not `map`, which is compiled without the vector unit where it is not inlined.
        let a = i32::from(a) - i32::from(self.zero_points[0]);
        let b = i32::from(b) - i32::from(self.zero_points[1]);
        self.target.round((a * b) as f32 * self.multiplier)
    }
}

/// A product element by element; a second input of one pixel multiplies all pixels of the first.
#[inline(always)]
pub fn multiply(job: &Multiply, a: &[u8], b: &[u8], output: &mut [u8]) {
    let [elements, factors] = job.elements;
    let pictures = a.chunks_exact(elements).zip(output.chunks_exact_mut(elements));
    for ((a, output), b) in pictures.zip(b.chunks_exact(factors)) {
        for (a, output) in a.chunks_exact(factors).zip(output.chunks_exact_mut(factors)) {
            for ((&a, &b), code) in a.iter().zip(b).zip(output) {
                *code = job.apply(a, b);
            }
        }
    }
}

/// The table's entry for each code.
#[inline(always)]
pub fn table(table: &Table, input: &[u8], output: &mut [u8]) {
    for (&q, code) in input.iter().zip(output) {
        *code = table[usize::from(q)];
    }
}
