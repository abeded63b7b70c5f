//! Converts pictures to input codes.

use crate::graph::Shape;
use crate::model::QuantizedModel;
use crate::numerics::{Quantization, Target};
use alloc::vec::Vec;

/// Converts pictures to the codes of a model's input.
#[derive(Clone, Debug)]
pub struct InputQuantizer {
    shape: Shape,
    quantization: Quantization,
    target: Target,
    /// The code of every byte: `[channels][256]`.
    table: Vec<[u8; 256]>,
}

impl InputQuantizer {
    /// Creates the quantizer of `model`'s input.
    pub fn new(model: &QuantizedModel) -> Self {
        let quantization = model.input();
        let target = Target::new(quantization, model.activation_bits().range());
        let shape = model.graph().input();
        let mut quantizer = Self { shape, quantization, target, table: Vec::new() };
        let preprocessing = model.preprocessing();
        for (&mean, &std) in preprocessing.mean.iter().zip(&preprocessing.std) {
            let mut codes = [0; 256];
            for (byte, code) in codes.iter_mut().enumerate() {
                *code = quantizer.code(normalize(byte as u8, mean, std));
            }
            quantizer.table.push(codes);
        }
        quantizer
    }

    /// Returns the shape of one picture.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Converts raw pictures, bytes in NHWC order, to codes.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn bytes(&self, pictures: &[u8], codes: &mut [u8]) {
        assert_eq!(pictures.len(), codes.len(), "one code per byte");
        let channels = self.table.len();
        for (bytes, codes) in pictures.chunks(channels).zip(codes.chunks_mut(channels)) {
            for ((&byte, code), table) in bytes.iter().zip(codes).zip(&self.table) {
                *code = table[usize::from(byte)];
            }
        }
    }

    /// Converts pictures that are already normalized ([`crate::model::Preprocessing`]), in NHWC
    /// order, to codes.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn normalized(&self, pictures: &[f32], codes: &mut [u8]) {
        assert_eq!(pictures.len(), codes.len(), "one code per number");
        for (&x, code) in pictures.iter().zip(codes) {
            *code = self.code(x);
        }
    }

    fn code(&self, x: f32) -> u8 {
        self.target.round(x / self.quantization.scale)
    }
}

/// Computes `(byte / 255 - mean) / std`, each step rounded to f32.
#[inline]
pub fn normalize(byte: u8, mean: f32, std: f32) -> f32 {
    (f32::from(byte) / 255.0 - mean) / std
}
