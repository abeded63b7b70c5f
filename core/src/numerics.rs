//! The few floating-point operations of a network, which round the same way on every target.
//!
//! Everything else is integer arithmetic. Parameters are combined in f64 and rounded to f32 once;
//! activations take one conversion, one multiplication, a clamp and one rounding.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Affine quantization of a value: `x = scale * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization {
    /// The step between codes, a positive normal float.
    pub scale: f32,
    /// Code of x = 0.
    pub zero_point: u8,
}

/// The number of bits of all activations' codes, including the input's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum ActivationBits {
    /// Codes 0 to 127, which `i32x4.relaxed_dot_i8x16_i7x16_add_s` multiplies in one step.
    Seven,
    /// Codes 0 to 255.
    #[default]
    Eight,
}

impl ActivationBits {
    /// Returns the largest code.
    pub const fn largest_code(self) -> u8 {
        match self {
            Self::Seven => 127,
            Self::Eight => 255,
        }
    }

    /// Returns the range of all codes.
    pub const fn range(self) -> CodeRange {
        CodeRange { low: 0, high: self.largest_code() }
    }
}

/// The number of codes, one per plane, that each element of the input has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Planes {
    /// One code.
    #[default]
    One,
    /// Two: the number `base * high + low`, whose base is one more than the largest code. The first
    /// layer multiplies both planes by the same weights.
    Two,
}

impl Planes {
    /// Returns the number of planes.
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// A number of bits that activations cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("activations have 7 or 8 bits, not {0}")]
pub struct ActivationBitsError(pub u8);

impl TryFrom<u8> for ActivationBits {
    type Error = ActivationBitsError;

    fn try_from(bits: u8) -> Result<Self, ActivationBitsError> {
        match bits {
            7 => Ok(Self::Seven),
            8 => Ok(Self::Eight),
            _ => Err(ActivationBitsError(bits)),
        }
    }
}

impl From<ActivationBits> for u8 {
    fn from(bits: ActivationBits) -> Self {
        match bits {
            ActivationBits::Seven => 7,
            ActivationBits::Eight => 8,
        }
    }
}

/// The smallest and the largest code that a node may emit: a fused ReLU, ReLU6 or clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRange {
    /// Smallest code.
    pub low: u8,
    /// Largest code.
    pub high: u8,
}

impl CodeRange {
    /// All codes: no bounds.
    pub const FULL: Self = Self { low: 0, high: 255 };
}

/// The zero point and the bounds that the epilogue of every operation rounds to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Zero point of the output.
    pub zero_point: i32,
    /// Smallest code minus the zero point.
    pub lower: f32,
    /// Largest code minus the zero point.
    pub upper: f32,
}

impl Target {
    /// Creates the target for an output of this quantization and range.
    pub fn new(output: Quantization, range: CodeRange) -> Self {
        let zero_point = i32::from(output.zero_point);
        let bound = |code: u8| (i32::from(code) - zero_point) as f32;
        Self { zero_point, lower: bound(range.low), upper: bound(range.high) }
    }

    /// Returns the code of `value`, which is in output steps: `RNE(clamp(value)) + zero point`.
    #[inline(always)]
    pub fn round(&self, value: f32) -> u8 {
        // Comparisons, not `max` and `min`, whose treatment of NaN keeps compilers from vectorizing
        // for WebAssembly.
        let value = if value > self.lower { value } else { self.lower };
        let value = if value < self.upper { value } else { self.upper };
        (round_ties_even(value) + self.zero_point) as u8
    }
}

/// A function as a table of codes: the output's code for each code of the input.
pub type Table = [u8; 256];

/// Returns the square root, which IEEE 754 rounds correctly. WebAssembly has an instruction for it that `libm` does
/// not use.
#[inline(always)]
pub(crate) fn square_root(x: f64) -> f64 {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    {
        use core::arch::wasm32::{f64x2_extract_lane, f64x2_splat, f64x2_sqrt};
        f64x2_extract_lane::<0>(f64x2_sqrt(f64x2_splat(x)))
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    libm::sqrt(x)
}

/// Rounds to the nearest integer, half to even. |x| must be below 2^22.
#[inline(always)]
pub fn round_ties_even(x: f32) -> i32 {
    // Adding 1.5 * 2^23 leaves no fraction bits, so the addition itself rounds half to even and
    // leaves the integer in the low bits of the sum.
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits()) as i32
}

/// Computes `f32(s_x * s_c / (s_y * parts))`, the factor from steps of a product or an accumulator to
/// output steps. A step of the input has `parts` parts: 1, or `base + 1` of an input with two planes.
pub fn requantize_multiplier(input: f32, weight: f32, output: f32, parts: i32) -> f32 {
    (f64::from(input) * f64::from(weight) / (f64::from(output) * f64::from(parts))) as f32
}

/// Computes `f32(s_x / s_y)`, the factor from steps of one value to steps of another.
pub fn rescale_multiplier(input: f32, output: f32) -> f32 {
    (f64::from(input) / f64::from(output)) as f32
}

/// Computes `f32(s_x / (s_y * count))`, the factor from a sum of `count` input codes to output
/// steps.
pub fn mean_multiplier(input: f32, output: f32, count: usize) -> f32 {
    (f64::from(input) / (f64::from(output) * count as f64)) as f32
}
