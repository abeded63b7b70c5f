//! Converts accumulators to outputs, sixteen channels at a time:
//! `RNE(clamp(f32(sum) * multiplier)) + zero point`, then a residual addition if there is one.
//!
//! Where the sum of whole numbers is stored as bytes, packing saturates, so the lower bound may come
//! last: rounding is monotone and bounds are integers, `max(RNE(y), lower) = RNE(max(y, lower))`.

use super::{BlockOutput, Lanes, PANEL};
use crate::numerics::Target;
use crate::ops::Addition;

/// The epilogue of a block, in registers or close to them.
pub enum Epilogue<L: Lanes<P>, const P: usize> {
    /// Of an output of codes.
    Codes(Rounding<L, P>),
    /// Of an output of sums.
    Sums(Sum<L, P>),
    /// Of an output of logits.
    Logits,
}

impl<L: Lanes<P>, const P: usize> Epilogue<L, P> {
    /// Creates the epilogue of the block that writes to `output`.
    #[inline(always)]
    pub fn new(lanes: L, output: &BlockOutput<'_>) -> Self {
        match output {
            BlockOutput::Codes(_, target) => Self::Codes(Rounding::new(lanes, target)),
            BlockOutput::Sums(_, target, add, _) => Self::Sums(Sum::new(lanes, target, add)),
            BlockOutput::Logits(_) => Self::Logits,
        }
    }
}

/// Sums of successive rows that wait for the epilogue of a panel.
///
/// In WebAssembly the epilogue is a function, whose start takes as long as three of its rows: one call
/// converts many. Elsewhere sums are converted in registers, and none wait.
pub struct Waiting<L: Lanes<P>, const P: usize> {
    sums: [[L::Int; P]; MOST_WAITING],
    /// The first row.
    first: usize,
    count: usize,
}

const MOST_WAITING: usize = 16;

impl<L: Lanes<P>, const P: usize> Waiting<L, P> {
    /// Creates room for sums. None wait.
    #[inline(always)]
    pub fn new(lanes: L) -> Self {
        Self { sums: [[lanes.splat(0); P]; MOST_WAITING], first: 0, count: 0 }
    }
}

/// The epilogue of a panel.
pub struct PanelEpilogue<'a, L: Lanes<P>, const P: usize> {
    lanes: L,
    epilogue: &'a Epilogue<L, P>,
    multipliers: [L::Float; P],
    /// The panel's first channel.
    channel: usize,
}

impl<'a, L: Lanes<P>, const P: usize> PanelEpilogue<'a, L, P> {
    /// Creates the epilogue of panel `panel`, with the multipliers of all panels.
    #[inline(always)]
    pub fn new(lanes: L, epilogue: &'a Epilogue<L, P>, multipliers: &[f32], panel: usize) -> Self {
        let multipliers = lanes.load_floats(&multipliers.as_chunks().0[panel]);
        Self { lanes, epilogue, multipliers, channel: panel * PANEL }
    }

    /// Takes the sums of the `R` rows from `first` on, offsets included. They are written to `output` now
    /// or by [`Self::finish`].
    #[inline(always)]
    pub fn add<const R: usize>(
        &self,
        sums: &[[L::Int; P]; R],
        first: usize,
        waiting: &mut Waiting<L, P>,
        output: &mut BlockOutput<'_>,
    ) {
        if !cfg!(target_family = "wasm") {
            return self.write(sums, first, output);
        }
        if waiting.first + waiting.count != first || waiting.count + R > MOST_WAITING {
            self.finish(waiting, output);
            waiting.first = first;
        }
        waiting.sums[waiting.count..][..R].copy_from_slice(sums);
        waiting.count += R;
    }

    /// Writes all sums that wait.
    #[inline(always)]
    pub fn finish(&self, waiting: &mut Waiting<L, P>, output: &mut BlockOutput<'_>) {
        let count = core::mem::take(&mut waiting.count);
        if count > 0 {
            self.write(&waiting.sums[..count], waiting.first, output);
        }
    }

    /// Writes the sums of the rows from `first` on, offsets included, to `output`, except the channels
    /// that `output` does not have.
    // One function for all callers in WebAssembly, where size counts and all code has the registers.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub fn write(&self, sums: &[[L::Int; P]], first: usize, output: &mut BlockOutput<'_>) {
        let lanes = self.lanes;
        let (_, channels) = output.dimensions();
        let count = channels.saturating_sub(self.channel).min(PANEL);
        let at = self.channel..self.channel + count;
        match (self.epilogue, output) {
            (Epilogue::Codes(rounding), BlockOutput::Codes(codes, _)) => {
                for (r, sums) in sums.iter().enumerate() {
                    let mut row = codes.row_mut(first + r);
                    let to = &mut row.as_slice_mut().expect(SIDE_BY_SIDE)[at.clone()];
                    rounding.store(lanes, to, self.scale(sums));
                }
            }
            (Epilogue::Sums(sum), BlockOutput::Sums(codes, _, _, other)) => {
                for (r, sums) in sums.iter().enumerate() {
                    let others = other.row(first + r);
                    let others = &others.as_slice().expect(SIDE_BY_SIDE)[at.clone()];
                    let values = sum.of(lanes, self.scale(sums), load(lanes, others));
                    let mut row = codes.row_mut(first + r);
                    let to = &mut row.as_slice_mut().expect(SIDE_BY_SIDE)[at.clone()];
                    sum.target.store(lanes, to, values);
                }
            }
            (Epilogue::Logits, BlockOutput::Logits(logits)) => {
                for (r, sums) in sums.iter().enumerate() {
                    let mut all = [0f32; PANEL];
                    lanes.store_floats(&mut all, self.scale(sums));
                    let mut row = logits.row_mut(first + r);
                    let to = &mut row.as_slice_mut().expect(SIDE_BY_SIDE)[at.clone()];
                    to.copy_from_slice(&all[..count]);
                }
            }
            _ => unreachable!("the output is that of the epilogue"),
        }
    }

    /// Converts sums to output steps.
    #[inline(always)]
    fn scale(&self, sums: &[L::Int; P]) -> [L::Float; P] {
        let mut scaled = self.multipliers;
        for (p, scaled) in scaled.iter_mut().enumerate() {
            *scaled = self.lanes.multiply(self.lanes.to_float(sums[p]), *scaled);
        }
        scaled
    }
}

const SIDE_BY_SIDE: &str = "the channels of a row lie side by side";

/// Loads up to sixteen codes, followed by zeros.
#[inline(always)]
fn load<L: Lanes<P>, const P: usize>(lanes: L, from: &[u8]) -> [L::Int; P] {
    if let Ok(from) = from.try_into() {
        lanes.load_codes(from)
    } else {
        let mut all = [0; PANEL];
        all[..from.len()].copy_from_slice(from);
        lanes.load_codes(&all)
    }
}

/// A [`Target`] in registers.
pub struct Rounding<L: Lanes<P>, const P: usize> {
    lower: L::Float,
    upper: L::Float,
    zero_point: L::Int,
    least: L::Int,
}

impl<L: Lanes<P>, const P: usize> Rounding<L, P> {
    #[inline(always)]
    fn new(lanes: L, target: &Target) -> Self {
        let least = target.lower as i32 + target.zero_point;
        Self {
            lower: lanes.splat_float(target.lower),
            upper: lanes.splat_float(target.upper),
            zero_point: lanes.splat(target.zero_point * 0x1_0001),
            least: lanes.splat(i32::from_ne_bytes([least as u8; 4])),
        }
    }

    /// Stores the codes of values in output steps, up to the length of `to`.
    #[inline(always)]
    fn store(&self, lanes: L, to: &mut [u8], values: [L::Float; P]) {
        let mut whole = [self.zero_point; P];
        for (whole, value) in whole.iter_mut().zip(values) {
            *whole = lanes.round_above(value, self.lower, self.upper);
        }
        if let Ok(to) = to.try_into() {
            lanes.store_codes(to, whole, self.zero_point, self.least);
        } else {
            let mut all = [0; PANEL];
            lanes.store_codes(&mut all, whole, self.zero_point, self.least);
            to.copy_from_slice(&all[..to.len()]);
        }
    }
}

/// An [`Addition`] in registers.
pub struct Sum<L: Lanes<P>, const P: usize> {
    lower: L::Float,
    upper: L::Float,
    other_zero_point: L::Int,
    multipliers: [L::Float; 2],
    target: Rounding<L, P>,
}

impl<L: Lanes<P>, const P: usize> Sum<L, P> {
    /// Prepares the addition `add`, whose first input is rounded to `own`.
    #[inline(always)]
    fn new(lanes: L, own: &Target, add: &Addition) -> Self {
        let [first, second] = &add.inputs;
        // The first input is on the grid of `own`: code - zero point is the rounded value itself.
        assert_eq!(i32::from(first.zero_point), own.zero_point);
        Self {
            lower: lanes.splat_float(own.lower),
            upper: lanes.splat_float(own.upper),
            other_zero_point: lanes.splat(second.zero_point.into()),
            multipliers: [first, second].map(|input| lanes.splat_float(input.multiplier)),
            target: Rounding::new(lanes, &add.target),
        }
    }

    /// Returns the sums, in output steps, of values in steps of the first input and codes of the
    /// second.
    #[inline(always)]
    fn of(&self, lanes: L, values: [L::Float; P], other: [L::Int; P]) -> [L::Float; P] {
        let mut sums = values;
        for (sum, other) in sums.iter_mut().zip(other) {
            let own = lanes.to_float(lanes.round(*sum, self.lower, self.upper));
            let other = lanes.to_float(lanes.subtract(other, self.other_zero_point));
            // Two products and one addition: no FMA.
            let own = lanes.multiply(own, self.multipliers[0]);
            *sum = lanes.add_floats(own, lanes.multiply(other, self.multipliers[1]));
        }
        sums
    }
}
