//! Turns accumulators into outputs, 16 channels at a time:
//! `RNE(clamp(f32(sum + offset) * multiplier)) + zero point`, then a residual addition if there is
//! one.

use super::{Block, BlockOutput, Kernel, PANEL};
use bayes8_core::numerics::Target;
use bayes8_core::ops::{self, Rescale};
use core::arch::wasm32::*;

/// Vectors of 4 channels in a panel.
pub(super) const VECTORS: usize = PANEL / 4;

/// A vector for every 4 channels of a panel.
type Panel = [v128; VECTORS];

/// Writes the sums of `R` rows of panel `panel` of `block` to rows `first..first + R` of `output`,
/// except the channels that `output` does not have.
#[inline]
pub(super) fn write<const R: usize, K: Kernel>(
    sums: &[Panel; R],
    block: &Block<'_, K>,
    first: usize,
    panel: usize,
    output: &mut BlockOutput<'_>,
) {
    let (_, channels) = output.dimensions();
    let at = panel * PANEL;
    let count = channels.saturating_sub(at).min(PANEL);
    let (offsets, _) = block.offsets[at..at + PANEL].as_chunks();
    let (multipliers, _) = block.multipliers[at..at + PANEL].as_chunks();
    let offsets: Panel = core::array::from_fn(|v| integers(offsets[v]));
    let multipliers: Panel = core::array::from_fn(|v| floats(multipliers[v]));
    let scaled = |sums: &Panel| -> Panel {
        core::array::from_fn(|v| {
            let sum = i32x4_add(sums[v], offsets[v]);
            f32x4_mul(f32x4_convert_i32x4(sum), multipliers[v])
        })
    };
    match output {
        BlockOutput::Codes(codes, target) => {
            let target = Rounding::new(target);
            for (r, sums) in sums.iter().enumerate() {
                let mut row = codes.row_mut(first + r);
                let to = &mut row.as_slice_mut().expect(SIDE_BY_SIDE)[at..at + count];
                store(to, target.round(scaled(sums)));
            }
        }
        BlockOutput::Sums(codes, target, add, other) => {
            let (target, addition) = (Rounding::new(target), Addition::new(add));
            for (r, sums) in sums.iter().enumerate() {
                let others = other.row(first + r);
                let others = &others.as_slice().expect(SIDE_BY_SIDE)[at..at + count];
                let sum = addition.apply(target.round(scaled(sums)), load(others));
                let mut row = codes.row_mut(first + r);
                store(&mut row.as_slice_mut().expect(SIDE_BY_SIDE)[at..at + count], sum);
            }
        }
        BlockOutput::Logits(logits) => {
            for (r, sums) in sums.iter().enumerate() {
                let mut row = logits.row_mut(first + r);
                let to = &mut row.as_slice_mut().expect(SIDE_BY_SIDE)[at..at + count];
                for (to, vector) in to.chunks_mut(4).zip(scaled(sums)) {
                    to.copy_from_slice(&lanes(vector)[..to.len()]);
                }
            }
        }
    }
}

const SIDE_BY_SIDE: &str = "the channels of a row lie side by side";

#[inline(always)]
fn integers([a, b, c, d]: [i32; 4]) -> v128 {
    i32x4(a, b, c, d)
}

#[inline(always)]
fn floats([a, b, c, d]: [f32; 4]) -> v128 {
    f32x4(a, b, c, d)
}

#[inline(always)]
fn lanes(vector: v128) -> [f32; 4] {
    [
        f32x4_extract_lane::<0>(vector),
        f32x4_extract_lane::<1>(vector),
        f32x4_extract_lane::<2>(vector),
        f32x4_extract_lane::<3>(vector),
    ]
}

/// Stores codes of 0..=255, up to the length of `to`.
#[inline(always)]
fn store(to: &mut [u8], [a, b, c, d]: Panel) {
    let bytes = u8x16_narrow_i16x8(i16x8_narrow_i32x4(a, b), i16x8_narrow_i32x4(c, d));
    if let Ok(to) = <&mut [u8; PANEL]>::try_from(&mut *to) {
        // SAFETY: 16 bytes, at any address.
        unsafe { v128_store(to.as_mut_ptr().cast(), bytes) };
        return;
    }
    let mut all = [0u8; PANEL];
    // SAFETY: 16 bytes, at any address.
    unsafe { v128_store(all.as_mut_ptr().cast(), bytes) };
    to.copy_from_slice(&all[..to.len()]);
}

/// Loads and widens codes; lanes beyond the end of `from` are zero.
#[inline(always)]
fn load(from: &[u8]) -> Panel {
    let mut all = [0u8; PANEL];
    let from = <&[u8; PANEL]>::try_from(from).unwrap_or_else(|_| {
        all[..from.len()].copy_from_slice(from);
        &all
    });
    // SAFETY: 16 bytes, at any address.
    let bytes = unsafe { v128_load(from.as_ptr().cast()) };
    let (low, high) = (u16x8_extend_low_u8x16(bytes), u16x8_extend_high_u8x16(bytes));
    [
        u32x4_extend_low_u16x8(low),
        u32x4_extend_high_u16x8(low),
        u32x4_extend_low_u16x8(high),
        u32x4_extend_high_u16x8(high),
    ]
}

/// A [`Target`] in vectors.
struct Rounding {
    lower: v128,
    upper: v128,
    zero_point: v128,
}

impl Rounding {
    #[inline(always)]
    fn new(target: &Target) -> Self {
        Self {
            lower: f32x4_splat(target.lower),
            upper: f32x4_splat(target.upper),
            zero_point: i32x4_splat(target.zero_point),
        }
    }

    /// The codes of values in output steps.
    #[inline(always)]
    fn round(&self, values: Panel) -> Panel {
        values.map(|value| {
            // `pmax` and `pmin` are single instructions. With the bound first, they compare as
            // `Target::round` does.
            let bounded = f32x4_pmin(self.upper, f32x4_pmax(self.lower, value));
            // As `numerics::round_ties_even`: the addition rounds half to even.
            let magic = f32x4_splat(12_582_912.0);
            let rounded = i32x4_sub(f32x4_add(bounded, magic), magic);
            i32x4_add(rounded, self.zero_point)
        })
    }
}

/// An [`ops::Addition`] in vectors.
struct Addition {
    zero_points: [v128; 2],
    multipliers: [v128; 2],
    target: Rounding,
}

impl Addition {
    #[inline(always)]
    fn new(add: &ops::Addition) -> Self {
        let zero_point = |input: &Rescale| i32x4_splat(i32::from(input.zero_point));
        Self {
            zero_points: add.inputs.each_ref().map(zero_point),
            multipliers: add.inputs.each_ref().map(|input| f32x4_splat(input.multiplier)),
            target: Rounding::new(&add.target),
        }
    }

    /// The codes of the sums of two codes.
    #[inline(always)]
    fn apply(&self, own: Panel, other: Panel) -> Panel {
        let rescale = |codes, i: usize| {
            let whole = f32x4_convert_i32x4(i32x4_sub(codes, self.zero_points[i]));
            f32x4_mul(whole, self.multipliers[i])
        };
        // Two products and one addition: no FMA.
        let sums = core::array::from_fn(|v| f32x4_add(rescale(own[v], 0), rescale(other[v], 1)));
        self.target.round(sums)
    }
}
