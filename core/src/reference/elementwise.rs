//! Residual addition and change of grid.

use crate::backend::{Add, Rescale};
use crate::numerics::Target;

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
