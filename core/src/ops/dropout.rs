//! Dropout that stays active at prediction.

use super::{Dice, GraphError, GridRule, Inputs, Operation, Random, Site};
use crate::chacha::{ChaCha8, GROUP_BYTES, Group};
use crate::error::ModelError;
use crate::geometry::Shape;
use crate::numerics::Quantization;
use crate::posterior::Draw;
use crate::posterior::mask::{Mask, UNITS, mask};
use crate::quoted::Echo;
use alloc::string::String;
use core::fmt;
use core::num::NonZeroU16;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Dropout that is active at prediction: a sample drops units with a probability and scales the
/// others by `1 / (1 - probability)`.
///
/// The units of a sample are the same for all pictures, so that a sample is one function drawn from
/// the posterior.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// The probability that a unit is dropped.
    pub probability: DropoutProbability,
    /// What is dropped as a whole.
    pub kind: DropoutKind,
}

/// A probability above 0 and below 1, as a multiple of 2^-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct DropoutProbability(pub NonZeroU16);

/// A number that is not a probability of dropout in units of 2^-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a probability is 1 to 65535, in units of 2^-16, not {0}")]
pub struct DropoutProbabilityError(pub u32);

/// What dropout keeps or drops as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum DropoutKind {
    /// Each element of the value.
    Element,
    /// Each channel, at all positions.
    Channel,
    /// The whole value: stochastic depth.
    Value,
}

/// A name that is not one of a [`DropoutKind`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("dropout has the kind `element`, `channel` or `value`, not `{}`", Echo(.0))]
pub struct DropoutKindError(pub String);

impl TryFrom<u32> for DropoutProbability {
    type Error = DropoutProbabilityError;

    fn try_from(units: u32) -> Result<Self, DropoutProbabilityError> {
        let fits = u16::try_from(units).ok().and_then(NonZeroU16::new);
        fits.map(Self).ok_or(DropoutProbabilityError(units))
    }
}

impl From<DropoutProbability> for u32 {
    fn from(probability: DropoutProbability) -> Self {
        probability.0.get().into()
    }
}

impl TryFrom<String> for DropoutKind {
    type Error = DropoutKindError;

    fn try_from(name: String) -> Result<Self, DropoutKindError> {
        let mut kinds = [Self::Element, Self::Channel, Self::Value].into_iter();
        kinds.find(|kind| kind.name() == name).ok_or(DropoutKindError(name))
    }
}

impl From<DropoutKind> for &'static str {
    fn from(kind: DropoutKind) -> Self {
        kind.name()
    }
}

impl DropoutProbability {
    /// Rounds a probability to the nearest multiple of 2^-16; `None` if that is not above 0 and
    /// below 1.
    pub fn nearest(probability: f64) -> Option<Self> {
        let units = libm::rint(probability * 65_536.0);
        // NaN and what is out of range give 0 or a number that does not fit.
        let fits = (1.0..65_536.0).contains(&units);
        NonZeroU16::new(if fits { units as u16 } else { 0 }).map(Self)
    }

    /// Returns the probability as a number.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0.get()) / 65_536.0
    }
}

/// Formats the shortest decimal of which it is the nearest multiple.
impl fmt::Display for DropoutProbability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = |power: f64| libm::rint(self.as_f64() * power) / power;
        let mut decimals = [1e1, 1e2, 1e3, 1e4].into_iter().map(rounded);
        let shortest = decimals.find(|&decimal| Self::nearest(decimal) == Some(*self));
        // Five digits are finer than 2^-16.
        fmt::Display::fmt(&shortest.unwrap_or_else(|| rounded(1e5)), f)
    }
}

impl DropoutKind {
    /// Returns the name as in model files: `element`, `channel` or `value`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Element => "element",
            Self::Channel => "channel",
            Self::Value => "value",
        }
    }

    /// Returns the number of units of a value of shape `shape`.
    pub fn units(self, shape: Shape) -> usize {
        match self {
            Self::Element => shape.elements(),
            Self::Channel => shape.channels,
            Self::Value => 1,
        }
    }
}

impl Dropout {
    /// Returns whether each unit of a value of shape `shape` is kept by sample `draw`, for the
    /// dropout node with this number.
    pub fn kept(&self, number: u32, draw: Draw, shape: Shape) -> impl Iterator<Item = bool> {
        let units = self.kind.units(shape);
        let (stream, probability) = (draw.mask_stream(number), self.probability.0.get());
        let groups = (0..units.div_ceil(UNITS) as u64)
            .flat_map(move |group| mask(&stream.group_bytes(group), probability));
        groups.take(units).map(|mask| mask != 0)
    }

    /// Invents parameters, for tests.
    pub(super) fn invent(_: Shape, dice: &mut Dice<'_>) -> Self {
        let kinds = [DropoutKind::Element, DropoutKind::Channel, DropoutKind::Value];
        let units = NonZeroU16::new(dice.between(1, 65_535) as u16);
        Self {
            probability: DropoutProbability(units.unwrap_or(NonZeroU16::MIN)),
            kind: kinds[dice.between(0, 2)],
        }
    }
}

impl Operation for Dropout {
    fn since(&self) -> u32 {
        3
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        Ok(inputs.first())
    }

    fn grid(&self) -> GridRule {
        GridRule::Kept
    }

    /// Multiplies the scale by `1 / (1 - probability)`.
    fn kept_grid(&self, input: Quantization) -> Quantization {
        let kept = f64::from(65_536 - u32::from(self.probability.0.get()));
        let scale = (f64::from(input.scale) * 65_536.0 / kept) as f32;
        Quantization { scale, ..input }
    }
}

impl Random for Dropout {
    type Job = Masking;

    fn job(&self, site: &Site<'_>) -> Result<Masking, ModelError> {
        Ok(Masking {
            number: site.number,
            probability: self.probability.0.get(),
            units: self.kind.units(site.output),
            zero_point: site.grid()?.zero_point,
        })
    }
}

/// Groups of the key stream that are computed at a time. Vector units compute several faster than one by one.
const TOGETHER: usize = 4;

/// Replaces the codes of dropped units by that of x = 0.
#[derive(Clone, Copy, Debug)]
pub struct Masking {
    /// Number of the node among those of random operations.
    pub number: u32,
    /// Probability that a unit is dropped, in units of 2^-16.
    pub probability: u16,
    /// Units per picture. They are repeated at all positions.
    pub units: usize,
    /// Code of x = 0.
    pub zero_point: u8,
}

impl Masking {
    #[inline(always)]
    pub(super) fn run<'a>(
        &self,
        draw: Draw,
        groups: impl Fn(ChaCha8, u64, &mut [Group]),
        input: impl Fn(usize) -> &'a [u8],
        output: &mut [u8],
    ) {
        let stream = draw.mask_stream(self.number);
        let groups = |first, drawn: &mut [Group]| groups(stream, first, drawn);
        let input = input(0);
        // Short rows would be slow one by one: handle all those together that a mask has room for.
        let length = (UNITS / self.units).max(1) * self.units;
        if length > UNITS {
            self.rows::<TOGETHER>(length, groups, input, output);
        } else {
            self.rows::<1>(length, groups, input, output);
        }
    }

    /// Masks rows of `length` codes each, `N` groups of the key stream at a time.
    #[inline(always)]
    fn rows<const N: usize>(
        &self,
        length: usize,
        groups: impl Fn(u64, &mut [Group]),
        input: &[u8],
        output: &mut [u8],
    ) {
        let mut memory = [[0; GROUP_BYTES]; N];
        for first in (0..length).step_by(N * UNITS) {
            let drawn = (length - first).div_ceil(UNITS).min(N);
            let drawn = &mut memory[..drawn];
            groups((first / UNITS) as u64, drawn);
            for (group, first) in drawn.iter().zip((first..).step_by(UNITS)) {
                let mut kept = mask(group, self.probability);
                let mut filled = self.units;
                while filled < length {
                    let more = filled.min(length - filled);
                    kept.copy_within(..more, filled);
                    filled += more;
                }
                for (codes, to) in input.chunks(length).zip(output.chunks_mut(length)) {
                    let some = first..codes.len().min(first + UNITS);
                    self.apply(&kept, &codes[some.clone()], &mut to[some]);
                }
            }
        }
    }

    #[inline(always)]
    fn apply(&self, kept: &Mask, codes: &[u8], output: &mut [u8]) {
        for ((&code, &kept), to) in codes.iter().zip(kept).zip(output) {
            *to = code & kept | self.zero_point & !kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_probability_is_read_back_from_its_text() {
        for units in 1..=u16::MAX {
            let probability = NonZeroU16::new(units).map(DropoutProbability);
            let text = probability.map(|p| p.to_string()).unwrap_or_default();
            let read = text.parse().ok().and_then(DropoutProbability::nearest);
            assert_eq!(read, probability, "{text}");
            assert!(text.len() <= 7, "{text}");
        }
        let text = |p: f64| DropoutProbability::nearest(p).map(|p| p.to_string());
        assert_eq!(text(0.3).as_deref(), Some("0.3"));
        assert_eq!(text(0.25).as_deref(), Some("0.25"));
    }

    #[test]
    fn numbers_that_are_no_probabilities_are_refused() {
        for number in [0.0, 1.0, -0.1, 1e-6, 0.999_999, f64::NAN, f64::INFINITY] {
            assert_eq!(DropoutProbability::nearest(number), None, "{number}");
        }
    }
}
