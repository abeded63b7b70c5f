//! Converts pictures to input codes.

use crate::graph::Shape;
use crate::model::{Preprocessing, QuantizedModel, Values};
use crate::numerics::{Planes, Quantization, round_ties_even};
use alloc::vec::Vec;

/// Converts pictures to the codes of a model's input.
#[derive(Clone, Debug)]
pub struct InputQuantizer {
    shape: Shape,
    preprocessing: Preprocessing,
    grid: Grid,
    /// The codes of every byte: `[planes][channels][256]`; empty if the model takes numbers.
    table: Vec<[u8; 256]>,
}

/// The grid of an input, of one plane or two.
#[derive(Clone, Copy, Debug)]
struct Grid {
    /// The part of a step by which codes differ.
    scale: f32,
    /// The code of x = 0.
    zero: i32,
    /// The bounds of codes minus that of x = 0.
    lower: f32,
    upper: f32,
    /// The weight of the first plane of two.
    base: Option<i32>,
}

impl Grid {
    fn new(model: &QuantizedModel) -> Self {
        let Quantization { scale, zero_point } = model.input();
        let largest = i32::from(model.activation_bits().largest_code());
        let (base, parts) = match model.input_planes() {
            Planes::One => (None, 1),
            Planes::Two => (Some(largest + 1), largest + 2),
        };
        let zero = i32::from(zero_point) * parts;
        let (lower, upper) = (-zero as f32, (largest * parts - zero) as f32);
        let scale = (f64::from(scale) / f64::from(parts)) as f32;
        Self { scale, zero, lower, upper, base }
    }

    /// Returns the code of `x` in each plane.
    fn codes(&self, x: f32) -> [u8; 2] {
        let code = round_ties_even((x / self.scale).clamp(self.lower, self.upper)) + self.zero;
        match self.base {
            None => [code as u8, 0],
            Some(base) => [(code / base) as u8, (code % base) as u8],
        }
    }
}

impl InputQuantizer {
    /// Creates the quantizer of `model`'s input.
    pub fn new(model: &QuantizedModel) -> Self {
        let (grid, shape) = (Grid::new(model), model.graph().input());
        let preprocessing = model.preprocessing().clone();
        let mut table = Vec::new();
        if preprocessing.values == Values::Bytes {
            for plane in 0..model.input_planes().count() {
                for (&mean, &std) in preprocessing.mean.iter().zip(&preprocessing.std) {
                    let mut codes = [0; 256];
                    for (byte, code) in codes.iter_mut().enumerate() {
                        *code = grid.codes(normalize(byte as u8, mean, std))[plane];
                    }
                    table.push(codes);
                }
            }
        }
        Self { shape, preprocessing, grid, table }
    }

    /// Returns the quantizer of pictures of another shape, with the same channels.
    #[must_use]
    pub fn with_shape(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    /// Returns the shape of one picture.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns what the model takes.
    pub fn values(&self) -> Values {
        self.preprocessing.values
    }

    /// Returns the number of code planes of a picture.
    pub fn planes(&self) -> usize {
        if self.grid.base.is_some() { 2 } else { 1 }
    }

    /// Converts raw pictures, bytes in NHWC order, to codes `[pictures][planes][H][W][C]`.
    ///
    /// # Panics
    /// When the lengths do not match, or the model takes numbers.
    pub fn bytes(&self, pictures: &[u8], codes: &mut [u8]) {
        let (channels, elements) = (self.shape.channels, self.shape.elements());
        assert_eq!(pictures.len() * self.planes(), codes.len(), "the codes of each byte");
        assert_eq!(self.values(), Values::Bytes, "a model of bytes");
        let planes = codes.chunks_exact_mut(elements).enumerate();
        for (index, codes) in planes {
            let (picture, plane) = (index / self.planes(), index % self.planes());
            let table = &self.table[plane * channels..][..channels];
            let bytes = pictures[picture * elements..][..elements].chunks_exact(channels);
            for (bytes, codes) in bytes.zip(codes.chunks_exact_mut(channels)) {
                for ((&byte, code), table) in bytes.iter().zip(codes).zip(table) {
                    *code = table[usize::from(byte)];
                }
            }
        }
    }

    /// Converts numbers in NHWC order to codes `[pictures][planes][H][W][C]`.
    ///
    /// # Panics
    /// When the lengths do not match, or the model takes bytes.
    pub fn numbers(&self, numbers: &[f32], codes: &mut [u8]) {
        assert_eq!(self.values(), Values::Numbers, "a model of numbers");
        let Preprocessing { mean, std, .. } = &self.preprocessing;
        let channels = mean.len();
        self.convert(numbers, codes, |index, v| {
            (v - mean[index % channels]) / std[index % channels]
        });
    }

    /// Converts pictures that are already normalized ([`crate::model::Preprocessing`]), in NHWC
    /// order, to codes `[pictures][planes][H][W][C]`.
    ///
    /// # Panics
    /// When the lengths do not match.
    pub fn normalized(&self, pictures: &[f32], codes: &mut [u8]) {
        self.convert(pictures, codes, |_, x| x);
    }

    fn convert(&self, numbers: &[f32], codes: &mut [u8], x: impl Fn(usize, f32) -> f32) {
        let (elements, planes) = (self.shape.elements(), self.planes());
        assert_eq!(numbers.len() * planes, codes.len(), "the codes of each number");
        let pictures =
            numbers.chunks_exact(elements).zip(codes.chunks_exact_mut(planes * elements));
        for (numbers, codes) in pictures {
            for (index, &number) in numbers.iter().enumerate() {
                let both = self.grid.codes(x(index, number));
                for (plane, code) in both.into_iter().take(planes).enumerate() {
                    codes[plane * elements + index] = code;
                }
            }
        }
    }
}

/// Computes `(byte / 255 - mean) / std`, each step rounded to f32.
#[inline]
pub fn normalize(byte: u8, mean: f32, std: f32) -> f32 {
    (f32::from(byte) / 255.0 - mean) / std
}
