//! The inner loop of dot products by element.
//!
//! A broadcast of four activations takes a vector pipe on many processors, which then does not
//! multiply. But an instruction can take one of the four steps in a register as its second operand:
//! one load of 16 activations serves four steps. A piece may end with one to three steps more, which
//! are broadcast.

use super::lanes::Neon;
use bayes8_core::simd::{Dot, Lanes};
use std::arch::aarch64::int32x4_t;

/// An instruction set that multiplies signed bytes by a step in a register.
pub(super) trait Elements:
    Dot<4, Lanes = Neon, Activation = u8, Weight = i8, Step = [u8; 4], Weights = [i8; 64]>
{
    /// The accumulators of four channels of a row.
    type Sums: Copy;

    /// Returns accumulators that hold `sums`.
    fn start(self, sums: int32x4_t) -> Self::Sums;

    /// Returns what accumulators hold.
    fn total(self, sums: Self::Sums) -> int32x4_t;

    /// Adds the products of step `I` of `activations`, whose top bits are flipped, and the weights of
    /// four channels.
    fn dot_element<const I: i32>(
        self,
        sums: Self::Sums,
        activations: int32x4_t,
        weights: int32x4_t,
    ) -> Self::Sums;
}

/// Adds to `sums` the products of rows and `weights` ([`Dot::add_products`]).
#[inline(always)]
pub(super) fn add_products<D: Elements, const R: usize>(
    set: D,
    rows: [&[[u8; 4]]; R],
    weights: &[[i8; 64]],
    sums: &mut [[int32x4_t; 4]; R],
) {
    let lanes = set.lanes();
    let (fours, rest) = weights.as_chunks::<4>();
    let mut sixteens: [&[[u8; 16]]; R] = [&[]; R];
    let mut steps = rows;
    for r in 0..R {
        sixteens[r] = &rows[r].as_flattened().as_chunks().0[..fours.len()];
        steps[r] = &rows[r][4 * fours.len()..][..rest.len()];
    }
    // A copy, so that the accumulators have no address and stay in registers.
    let mut registers = [[set.start(lanes.splat(0)); 4]; R];
    let mut activations = [lanes.splat(0); R];
    for r in 0..R {
        for p in 0..4 {
            registers[r][p] = set.start(sums[r][p]);
        }
    }
    for (i, [a, b, c, d]) in fours.iter().enumerate() {
        for r in 0..R {
            // SAFETY: all of `sixteens` have the length of `fours`.
            activations[r] = lanes.load_flipped(unsafe { sixteens[r].get_unchecked(i) });
        }
        add_step::<D, 0, R>(set, &mut registers, activations, a);
        add_step::<D, 1, R>(set, &mut registers, activations, b);
        add_step::<D, 2, R>(set, &mut registers, activations, c);
        add_step::<D, 3, R>(set, &mut registers, activations, d);
    }
    for (i, weights) in rest.iter().enumerate() {
        for r in 0..R {
            // SAFETY: all of `steps` have the length of `rest`.
            activations[r] = set.splat_step(unsafe { *steps[r].get_unchecked(i) });
        }
        add_step::<D, 0, R>(set, &mut registers, activations, weights);
    }
    for r in 0..R {
        for p in 0..4 {
            sums[r][p] = set.total(registers[r][p]);
        }
    }
}

/// Adds the products of step `I` of each row and the weights of that step.
#[inline(always)]
fn add_step<D: Elements, const I: i32, const R: usize>(
    set: D,
    sums: &mut [[D::Sums; 4]; R],
    activations: [int32x4_t; R],
    weights: &[i8; 64],
) {
    let weights = set.lanes().load(weights);
    for p in 0..4 {
        for r in 0..R {
            sums[r][p] = set.dot_element::<I>(sums[r][p], activations[r], weights[p]);
        }
    }
}
