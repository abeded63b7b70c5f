//! The conversion of a value to another grid.

/// The conversion from codes to output steps: `f32(q - zero_point) * multiplier`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rescale {
    /// Code of x = 0 in the input.
    pub zero_point: u8,
    /// Input step / output step.
    pub multiplier: f32,
}

impl Rescale {
    /// Converts a code to output steps, before rounding.
    #[inline(always)]
    pub(super) fn apply(self, code: u8) -> f32 {
        (i32::from(code) - i32::from(self.zero_point)) as f32 * self.multiplier
    }
}
