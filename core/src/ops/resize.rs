//! The value at other numbers of planes, rows and columns.

use super::{
    Dice, GraphError, GridRule, Inputs, Operation, Real, RealValue, STEPS_PER_ELEMENT, Site,
    SizeChange, Weightless,
};
use crate::error::ModelError;
use crate::geometry::Shape;
use alloc::vec;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The value at other numbers of planes, rows and columns, each axis for itself.
///
/// Output index o of an axis is at x = o a / b, (o + 1/2) a / b - 1/2 or (o + 1/2) a / b in the input
/// ([`Coordinates`]), computed exactly. Positions outside the input become the nearest inside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Planes, rows and columns of the output.
    pub size: [usize; 3],
    /// What happens between the elements of the input.
    pub mode: Interpolation,
    /// Where the elements of the output are.
    pub coordinates: Coordinates,
    /// The numbers of input steps per output step, a / b, of planes, rows and columns, as `[a, b]`. If
    /// absent, a is the extent of the input and b that of the output; with
    /// [`Coordinates::AlignCorners`] each minus 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<[[u32; 2]; 3]>,
}

/// What [`Resize`] does between the elements of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// A line between neighbours: bilinear for pictures, trilinear for volumes.
    Linear,
    /// The element before.
    NearestFloor,
    /// The element after.
    NearestCeil,
    /// The nearest element; of two, the one before.
    NearestPreferFloor,
    /// The nearest element; of two, the one after.
    NearestPreferCeil,
}

/// Where the elements of a [`Resize`]'s output are in its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coordinates {
    /// x = (o + 1/2) a / b - 1/2: elements are the centres of squares that cover the same area.
    HalfPixel,
    /// x = o a / b, where the first and the last elements of an axis meet.
    AlignCorners,
    /// x = o a / b.
    Asymmetric,
    /// x = (o + 1/2) a / b, which TensorFlow uses for the nearest element.
    TfHalfPixel,
}

/// Fraction bits of a position between two elements.
const BITS: u32 = 7;

/// 1 in units of a position.
const ONE: i128 = 1 << BITS;

/// The largest extent of an output.
const MOST: usize = 1 << 16;

/// Where an element is between two elements of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Between {
    /// Indices of the element before and of the one after.
    elements: [usize; 2],
    /// Their weights, in units of 2^-7; the sum is 2^7.
    weights: [i32; 2],
    /// The exact weight of the second.
    exact: f32,
}

impl Resize {
    pub(super) fn invent(input: Shape, dice: &mut Dice<'_>) -> Self {
        let depth = if input.depth > 1 { dice.between(1, 5) } else { 1 };
        let size = [depth, dice.between(1, 7), dice.between(1, 7)];
        let modes = [
            Interpolation::Linear,
            Interpolation::NearestFloor,
            Interpolation::NearestCeil,
            Interpolation::NearestPreferFloor,
            Interpolation::NearestPreferCeil,
        ];
        let coordinates = [
            Coordinates::HalfPixel,
            Coordinates::AlignCorners,
            Coordinates::Asymmetric,
            Coordinates::TfHalfPixel,
        ];
        let mut step = || [dice.between(1, 5) as u32, dice.between(1, 5) as u32];
        let steps = [step(), step(), step()];
        let steps = dice.coin().then_some(steps);
        Self {
            size,
            mode: modes[dice.between(0, 4)],
            coordinates: coordinates[dice.between(0, 3)],
            steps,
        }
    }

    /// Returns whether the extents are possible, and the mode takes the coordinates and steps.
    fn is_valid(&self) -> bool {
        let positive = self.steps.iter().flatten().flatten().all(|&number| number > 0);
        let fits = |&extent: &usize| (1..=MOST).contains(&extent);
        let half = self.coordinates != Coordinates::TfHalfPixel;
        let corners = self.coordinates == Coordinates::AlignCorners && self.steps.is_some();
        let takes = half || self.mode != Interpolation::Linear;
        self.size.iter().all(fits) && positive && !corners && takes
    }

    /// Returns where each element of an axis is, in an input with `from` elements: the element before,
    /// the one after, and the share of the latter, which is exact but for rounding to f32. `None` if the
    /// operation is not possible.
    pub(crate) fn shares(&self, axis: usize, from: usize) -> Option<Vec<([usize; 2], f32)>> {
        self.is_valid().then(|| {
            let share = |position: [i128; 2]| self.mode.share(position, from);
            self.positions(axis, from).map(share).collect()
        })
    }

    /// Returns where each element of an axis is, in an input with `from` elements.
    fn axis(&self, axis: usize, from: usize) -> Vec<Between> {
        self.positions(axis, from).map(|position| self.mode.between(position, from)).collect()
    }

    /// Returns the position of each element of an axis in an input with `from` elements: n and d for n / d.
    fn positions(&self, axis: usize, from: usize) -> impl Iterator<Item = [i128; 2]> {
        let count = self.size[axis];
        let corners = usize::from(self.coordinates == Coordinates::AlignCorners);
        let of_shapes = [from - corners, (count - corners).max(1)].map(|extent| extent as i128);
        let [a, b] = self.steps.map_or(of_shapes, |steps| steps[axis].map(i128::from));
        let coordinates = self.coordinates;
        (0..count).map(move |o| {
            let o = o as i128;
            match coordinates {
                Coordinates::HalfPixel => [(2 * o + 1) * a - b, 2 * b],
                Coordinates::AlignCorners | Coordinates::Asymmetric => [o * a, b],
                Coordinates::TfHalfPixel => [(2 * o + 1) * a, 2 * b],
            }
        })
    }

    fn resizing(&self, input: Shape, output: Shape) -> Resizing {
        let axes = input.axes();
        let axes = [0, 1, 2].map(|axis| self.axis(axis, axes[axis]));
        Resizing { input, output, axes, is_linear: self.mode == Interpolation::Linear }
    }
}

impl Interpolation {
    /// Returns the elements before and after x = n / d among `count`, and the share of the latter.
    fn share(self, [n, d]: [i128; 2], count: usize) -> ([usize; 2], f32) {
        if self != Self::Linear {
            return (self.between([n, d], count).elements, 0.0);
        }
        let last = count as i128 - 1;
        let before = n.div_euclid(d);
        if !(0..last).contains(&before) {
            return ([before.clamp(0, last) as usize; 2], 0.0);
        }
        // Both are below 2^53.
        let share = (n - before * d) as f64 / d as f64;
        ([before as usize, before as usize + 1], share as f32)
    }

    /// Returns where x = n / d is among `count` elements.
    fn between(self, [n, d]: [i128; 2], count: usize) -> Between {
        let last = count as i128 - 1;
        let nearest = |element: i128| {
            let element = element.clamp(0, last) as usize;
            Between { elements: [element; 2], weights: [ONE as i32, 0], exact: 0.0 }
        };
        match self {
            Self::NearestFloor => nearest(n.div_euclid(d)),
            Self::NearestCeil => nearest(-(-n).div_euclid(d)),
            Self::NearestPreferFloor => nearest(-(d - 2 * n).div_euclid(2 * d)),
            Self::NearestPreferCeil => nearest((2 * n + d).div_euclid(2 * d)),
            Self::Linear => {
                // Rounded half up.
                let units = (2 * ONE * n + d).div_euclid(2 * d).clamp(0, last * ONE);
                let before = units >> BITS;
                let second = (units - before * ONE) as i32;
                let after = (before + 1).min(last);
                let exact = (n as f64 / d as f64).clamp(0.0, last as f64) - before as f64;
                Between {
                    elements: [before as usize, after as usize],
                    weights: [ONE as i32 - second, second],
                    exact: exact as f32,
                }
            }
        }
    }
}

impl Operation for Resize {
    fn since(&self) -> u32 {
        3
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        let [depth, height, width] = self.size;
        if !self.is_valid() {
            return Err(GraphError::Resize { node: inputs.node.into() });
        }
        Ok(Shape { depth, height, width, ..inputs.first() })
    }

    fn at_size(&self, change: &SizeChange) -> Result<Self, &'static str> {
        let open = "resizes its input to a number of elements that the size leaves open";
        let extent = |axis: usize| {
            let resized = change.resized(axis, self.size[axis]).ok_or(open)?;
            // ONNX rounds the product of an extent and a scale down.
            let scaled =
                |extent: usize, [a, b]: [u32; 2]| extent as u64 * u64::from(b) / u64::from(a);
            let [before, after] = change.extents(axis);
            let steps = self.steps.map(|steps| steps[axis]);
            let is_scaled = |&steps: &[u32; 2]| scaled(before, steps) == self.size[axis] as u64;
            match steps.filter(is_scaled) {
                Some(steps) if scaled(after, steps) != resized as u64 => Err(open),
                _ => Ok(resized),
            }
        };
        Ok(Self { size: [extent(0)?, extent(1)?, extent(2)?], ..self.clone() })
    }

    fn grid(&self) -> GridRule {
        GridRule::Kept
    }

    fn steps_per_element(&self, _: Shape) -> u64 {
        2 * STEPS_PER_ELEMENT
    }
}

impl Weightless for Resize {
    type Job = Resizing;

    fn job(&self, site: &Site<'_>) -> Result<Resizing, ModelError> {
        Ok(self.resizing(site.inputs[0].shape, site.output))
    }
}

impl Real for Resize {
    fn real(&self, inputs: &[RealValue<'_>], shape: Shape, output: &mut [f32]) {
        let RealValue { shape: from, numbers } = inputs[0];
        let resizing = self.resizing(from, shape);
        let mut pixels = output.chunks_exact_mut(shape.channels);
        for picture in numbers.chunks_exact(from.elements()) {
            resizing.each_pixel(|planes, rows, columns| {
                let Some(pixel) = pixels.next() else { return };
                pixel.fill(0.0);
                let exact = [planes, rows, columns].map(|at| [1.0 - at.exact, at.exact]);
                for corner in 0..8 {
                    let [d, h, w] = [corner >> 2, corner >> 1 & 1, corner & 1];
                    let weight = exact[0][d] * exact[1][h] * exact[2][w];
                    let row = planes.elements[d] * from.height + rows.elements[h];
                    let from_pixel = (row * from.width + columns.elements[w]) * from.channels;
                    if weight != 0.0 {
                        let values = &picture[from_pixel..];
                        pixel.iter_mut().zip(values).for_each(|(sum, x)| *sum += weight * x);
                    }
                }
            });
        }
    }
}

/// Interpolates codes: `(sum + 2^20) >> 21` over the elements around a position, each times the product
/// of its weights, which are units of 2^-7 on each axis.
#[derive(Clone, Debug)]
pub struct Resizing {
    input: Shape,
    output: Shape,
    /// Where the planes, rows and columns of the output are in the input.
    axes: [Vec<Between>; 3],
    is_linear: bool,
}

impl Resizing {
    /// Calls `each` with the plane, row and column of every pixel of the output.
    fn each_pixel(&self, mut each: impl FnMut(Between, Between, Between)) {
        let [planes, rows, columns] = &self.axes;
        for &plane in planes {
            for &row in rows {
                columns.iter().for_each(|&column| each(plane, row, column));
            }
        }
    }

    #[inline(always)]
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        let [planes, rows, columns] = &self.axes;
        let (line, channels) = (self.input.width * self.input.channels, self.input.channels);
        // A row of the output before its columns are interpolated, in units of 2^-14.
        let mut sums = vec![0i32; if self.is_linear { line } else { 0 }];
        let mut lines = output.chunks_exact_mut(self.output.width * channels);
        for picture in input(0).chunks_exact(self.input.elements()) {
            for plane in planes {
                for row in rows {
                    let Some(output) = lines.next() else { return };
                    let of = |d: usize, h: usize| {
                        let index = plane.elements[d] * self.input.height + row.elements[h];
                        &picture[index * line..][..line]
                    };
                    if !self.is_linear {
                        copy(of(0, 0), columns, channels, output);
                        continue;
                    }
                    let weight = |d: usize, h: usize| plane.weights[d] * row.weights[h];
                    add_rows(
                        [of(0, 0), of(0, 1), of(1, 0), of(1, 1)],
                        [weight(0, 0), weight(0, 1), weight(1, 0), weight(1, 1)],
                        &mut sums,
                    );
                    interpolate(&sums, columns, channels, output);
                }
            }
        }
    }
}

/// Copies the nearest pixels of a row.
fn copy(row: &[u8], columns: &[Between], channels: usize, output: &mut [u8]) {
    for (pixel, column) in output.chunks_exact_mut(channels).zip(columns) {
        pixel.copy_from_slice(&row[column.elements[0] * channels..][..channels]);
    }
}

/// Sums up to four rows, each times its weight.
#[inline(always)]
fn add_rows(rows: [&[u8]; 4], weights: [i32; 4], sums: &mut [i32]) {
    let [a, b, c, d] = rows;
    let pairs = |sums: &mut [i32], [a, b]: [&[u8]; 2], weights: [i32; 2], is_first: bool| {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            let own = i32::from(a) * weights[0] + i32::from(b) * weights[1];
            *sum = if is_first { own } else { *sum + own };
        }
    };
    pairs(sums, [a, b], [weights[0], weights[1]], true);
    if weights[2] + weights[3] > 0 {
        pairs(sums, [c, d], [weights[2], weights[3]], false);
    }
}

/// Interpolates between the pixels of a row of sums.
#[inline(always)]
fn interpolate(sums: &[i32], columns: &[Between], channels: usize, output: &mut [u8]) {
    const HALF: i32 = 1 << (3 * BITS - 1);
    for (pixel, column) in output.chunks_exact_mut(channels).zip(columns) {
        let [first, second] =
            column.elements.map(|element| &sums[element * channels..][..channels]);
        let weights = column.weights;
        for ((code, &a), &b) in pixel.iter_mut().zip(first).zip(second) {
            *code = ((a * weights[0] + b * weights[1] + HALF) >> (3 * BITS)) as u8;
        }
    }
}
