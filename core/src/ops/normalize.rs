//! Normalization of groups of channels.

use super::{Dice, GraphError, Inputs, Operation, RealValue, STEPS_PER_ELEMENT, Site, Weightless};
use crate::check::{check_number, check_scale, named};
use crate::error::ModelError;
use crate::geometry::Shape;
use crate::layer::Affine;
use crate::numerics::{Target, square_root};
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::ops::Range;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The normalization of groups of channels: subtracts the mean of a group and divides by its
/// standard deviation, then multiplies each channel by a weight and adds a bias ([`Affine`]).
///
/// | normalization | groups | over |
/// |---|---|---|
/// | of instances | one per channel | channels and positions |
/// | of groups | some | channels and positions |
/// | of layers | 1 | channels, or channels and positions |
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// Number of groups of neighbouring channels, all of the same size.
    pub groups: usize,
    /// The elements that a mean and a variance are of.
    pub over: Over,
    /// The number that is added to each variance.
    pub epsilon: Epsilon,
}

/// The elements that are normalized together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// The channels of a group at one position.
    Channels,
    /// The channels of a group at all positions.
    ChannelsAndPositions,
}

/// The number that is added to variances: positive and normal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Epsilon(f32);

/// A number that cannot be added to variances.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("epsilon is {0}, expected a normal positive number")]
pub struct EpsilonError(pub f32);

impl TryFrom<f32> for Epsilon {
    type Error = EpsilonError;

    fn try_from(epsilon: f32) -> Result<Self, EpsilonError> {
        let fits = epsilon.is_normal() && epsilon > 0.0;
        fits.then_some(Self(epsilon)).ok_or(EpsilonError(epsilon))
    }
}

impl From<Epsilon> for f32 {
    fn from(epsilon: Epsilon) -> Self {
        epsilon.0
    }
}

impl From<Epsilon> for f64 {
    fn from(epsilon: Epsilon) -> Self {
        epsilon.0.into()
    }
}

// It is never NaN.
impl Eq for Epsilon {}

impl Hash for Epsilon {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// The most elements of a group: n times the sum of n squares fits 64 bits.
const MOST: usize = 1 << 24;

impl Normalize {
    pub(super) fn invent(input: Shape, dice: &mut Dice<'_>) -> Self {
        let divisors: Vec<usize> =
            (1..=input.channels).filter(|&groups| input.channels.is_multiple_of(groups)).collect();
        let epsilons = [1e-5, 1e-12, 1e-3, 0.7];
        Self {
            groups: divisors[dice.between(0, divisors.len() - 1)],
            over: if dice.coin() { Over::Channels } else { Over::ChannelsAndPositions },
            epsilon: Epsilon(epsilons[dice.between(0, epsilons.len() - 1)]),
        }
    }

    /// Returns the number of neighbouring elements of an input that hold whole groups.
    fn region(&self, input: Shape) -> usize {
        match self.over {
            Over::Channels => input.channels,
            Over::ChannelsAndPositions => input.elements(),
        }
    }

    /// Computes the outputs of pictures one after the other, in real numbers.
    pub fn real(&self, affine: &Affine, input: RealValue<'_>, output: &mut [f32]) {
        let channels = input.shape.channels;
        let (region, width) = (self.region(input.shape), channels / self.groups);
        let count = (region / self.groups) as f64;
        let regions = input.numbers.chunks_exact(region).zip(output.chunks_exact_mut(region));
        for (numbers, output) in regions {
            for group in (0..channels).step_by(width).map(|first| first..first + width) {
                let own = || {
                    let positions = numbers.chunks_exact(channels);
                    positions.flat_map(|all| &all[group.clone()]).map(|&x| f64::from(x))
                };
                let mean = own().sum::<f64>() / count;
                let variance = own().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
                let factor = 1.0 / square_root(variance + f64::from(self.epsilon));
                let positions = numbers.chunks_exact(channels);
                for (from, to) in positions.zip(output.chunks_exact_mut(channels)) {
                    for c in group.clone() {
                        let standard = (f64::from(from[c]) - mean) * factor;
                        let [weight, bias] =
                            [&affine.weight, &affine.bias].map(|all| f64::from(all[c]));
                        to[c] = (standard * weight + bias) as f32;
                    }
                }
            }
        }
    }
}

impl Operation for Normalize {
    fn since(&self) -> u32 {
        3
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        let (shape, node) = (inputs.first(), inputs.node);
        let (groups, channels) = (self.groups, shape.channels);
        if !channels.is_multiple_of(groups) {
            let node = node.into();
            return Err(GraphError::Groups {
                node,
                groups,
                in_channels: channels,
                out_channels: channels,
            });
        }
        let elements = self.region(shape) / groups;
        if elements > MOST {
            return Err(GraphError::GroupElements { node: node.into(), elements });
        }
        Ok(shape)
    }

    /// Each element is summed, then changed.
    fn steps_per_element(&self, _: Shape) -> u64 {
        2 * STEPS_PER_ELEMENT
    }
}

impl Weightless for Normalize {
    type Job = Normalization;

    fn job(&self, site: &Site<'_>) -> Result<Normalization, ModelError> {
        let other = || ModelError::Parameters { node: site.node.into() };
        let Affine { weight, bias } = site.quantized.affine().ok_or_else(other)?;
        let (input, output) = (site.inputs[0], f64::from(site.grid()?.scale));
        let step = f64::from(input.grid.scale);
        let epsilon = f64::from(self.epsilon) / (step * step);
        let in_steps = |numbers: &[f32]| -> Vec<f32> {
            numbers.iter().map(|&number| (f64::from(number) / output) as f32).collect()
        };
        let (weight, bias) = (in_steps(weight), in_steps(bias));
        // The most that a group makes of a code, if its variance is 0.
        let most = 256.0 * (1.0 / square_root(epsilon)) as f32;
        check_scale(named(site.node, "256 * input scale / sqrt(epsilon)"), most)?;
        let largest = |(weight, bias): (&f32, &f32)| most * weight.abs() + bias.abs();
        let largest = weight.iter().zip(&bias).map(largest).fold(0.0, f32::max);
        let what = named(site.node, "largest output");
        check_number(what, largest, largest.is_finite(), "a finite number")?;
        Ok(Normalization {
            channels: input.shape.channels,
            groups: self.groups,
            region: self.region(input.shape),
            epsilon,
            weight,
            bias,
            target: site.target()?,
        })
    }
}

/// Channels of which sums are computed side by side.
const LANES: usize = 256;

/// The most squares of codes whose sum fits u32.
const SQUARES: usize = 1 << 16;

/// Computes `round((f32(q - m) * r + d) * weight + bias)`, with an integer `m` near the mean of the
/// group, the inverse `r` of its standard deviation, and `d`, which makes up for the mean's fraction.
/// They come from exact sums of codes and of their squares.
#[derive(Clone, Debug)]
pub struct Normalization {
    /// Channels of the input.
    channels: usize,
    /// Groups of channels.
    groups: usize,
    /// Neighbouring elements that hold whole groups: a position or a picture.
    region: usize,
    /// Number that is added to variances, in squares of input steps.
    epsilon: f64,
    /// Factor of each channel, in output steps.
    weight: Vec<f32>,
    /// Number that is added to each channel, in output steps.
    bias: Vec<f32>,
    target: Target,
}

/// How the codes of a group become numbers of mean 0 and variance 1.
#[derive(Clone, Copy, Debug)]
struct Standard {
    middle: f32,
    factor: f32,
    offset: f32,
}

impl Standard {
    #[inline(always)]
    fn apply(self, code: u8) -> f32 {
        (f32::from(code) - self.middle) * self.factor + self.offset
    }
}

impl Normalization {
    #[inline(always)]
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        let codes = input(0).chunks_exact(self.region);
        for (codes, output) in codes.zip(output.chunks_exact_mut(self.region)) {
            if self.groups == 1 {
                self.one_group(codes, output);
            } else {
                self.groups(codes, output);
            }
        }
    }

    /// Returns how a group becomes standard, from the sums of its codes and of their squares.
    #[inline(always)]
    fn standard(&self, [sum, squares]: [u64; 2], count: usize) -> Standard {
        let count = count as u64;
        let n = count as f64;
        let variance = (count * squares - sum * sum) as f64 / (n * n);
        let factor = 1.0 / square_root(variance + self.epsilon);
        let middle = (sum + count / 2) / count;
        let rest = (count * middle) as i64 - sum as i64;
        let offset = rest as f64 / n * factor;
        Standard { middle: middle as f32, factor: factor as f32, offset: offset as f32 }
    }

    /// Normalizes a region that is one group.
    #[inline(always)]
    fn one_group(&self, codes: &[u8], output: &mut [u8]) {
        let standard = self.standard(sums(codes), codes.len());
        let positions = codes.chunks_exact(self.channels);
        for (codes, output) in positions.zip(output.chunks_exact_mut(self.channels)) {
            let parameters = self.weight.iter().zip(&self.bias);
            for ((&code, to), (&weight, &bias)) in codes.iter().zip(output).zip(parameters) {
                *to = self.target.round(standard.apply(code) * weight + bias);
            }
        }
    }

    /// Normalizes the groups of a region, some at a time.
    #[inline(always)]
    fn groups(&self, codes: &[u8], output: &mut [u8]) {
        let width = self.channels / self.groups;
        let block = (LANES / width).max(1) * width;
        let count = self.region / self.groups;
        for first in (0..self.channels).step_by(block) {
            let channels = first..self.channels.min(first + block);
            let [sums, squares] = self.sums(codes, channels.clone());
            let [mut middles, mut factors, mut offsets] = [[0f32; LANES]; 3];
            for group in 0..channels.len() / width {
                // A group of more channels than lanes has all of them.
                let lanes = group * width..LANES.min((group + 1) * width);
                let sum = sums[lanes.clone()].iter().sum();
                let squares = squares[lanes.clone()].iter().sum();
                let standard = self.standard([sum, squares], count);
                middles[lanes.clone()].fill(standard.middle);
                factors[lanes.clone()].fill(standard.factor);
                offsets[lanes].fill(standard.offset);
            }
            self.apply(codes, channels, [&middles, &factors, &offsets], output);
        }
    }

    /// Returns the sums of codes and of their squares over all positions of a region, lane i those of
    /// every [`LANES`]-th of some channels.
    #[inline(always)]
    fn sums(&self, codes: &[u8], channels: Range<usize>) -> [[u64; LANES]; 2] {
        let mut totals = [[0u64; LANES]; 2];
        let positions = (SQUARES / channels.len().div_ceil(LANES)).max(1);
        for codes in codes.chunks(positions.saturating_mul(self.channels)) {
            let (mut sums, mut squares) = ([0u32; LANES], [0u32; LANES]);
            for codes in codes.chunks_exact(self.channels) {
                for codes in codes[channels.clone()].chunks(LANES) {
                    for ((&code, sum), square) in codes.iter().zip(&mut sums).zip(&mut squares) {
                        let code = u32::from(code);
                        *sum += code;
                        *square += code * code;
                    }
                }
            }
            for (totals, sums) in totals.iter_mut().zip([&sums, &squares]) {
                for (total, &sum) in totals.iter_mut().zip(sums) {
                    *total += u64::from(sum);
                }
            }
        }
        totals
    }

    /// Computes the outputs of some channels at all positions of a region. Lane i has the standards
    /// of every [`LANES`]-th of them.
    #[inline(always)]
    fn apply(
        &self,
        codes: &[u8],
        channels: Range<usize>,
        [middles, factors, offsets]: [&[f32; LANES]; 3],
        output: &mut [u8],
    ) {
        let (weight, bias) = (&self.weight[channels.clone()], &self.bias[channels.clone()]);
        let positions = codes.chunks_exact(self.channels);
        for (codes, output) in positions.zip(output.chunks_exact_mut(self.channels)) {
            let codes = codes[channels.clone()].chunks(LANES);
            let output = output[channels.clone()].chunks_mut(LANES);
            let parameters = weight.chunks(LANES).zip(bias.chunks(LANES));
            for ((codes, output), (weight, bias)) in codes.zip(output).zip(parameters) {
                let standards = middles.iter().zip(factors).zip(offsets);
                let parameters = standards.zip(weight.iter().zip(bias));
                let codes = codes.iter().zip(output);
                for ((&code, to), (((&middle, &factor), &offset), (&weight, &bias))) in
                    codes.zip(parameters)
                {
                    let standard = Standard { middle, factor, offset };
                    *to = self.target.round(standard.apply(code) * weight + bias);
                }
            }
        }
    }
}

/// Returns the sum of codes and that of their squares.
#[inline(always)]
fn sums(codes: &[u8]) -> [u64; 2] {
    let mut sums = [0u64; 2];
    for codes in codes.chunks(SQUARES) {
        let (mut sum, mut squares) = (0u32, 0u32);
        for &code in codes {
            let code = u32::from(code);
            sum += code;
            squares += code * code;
        }
        sums[0] += u64::from(sum);
        sums[1] += u64::from(squares);
    }
    sums
}
