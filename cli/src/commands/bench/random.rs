//! Random inputs, always the same.

use bayes8_native::Pictures;
use bayes8_native::core::chacha::ChaCha8;
use bayes8_native::core::model::{Preprocessing, QuantizedModel, Values};
use ndarray::{Array1, Array5, Ix5};

const SEED: u64 = 8;

/// Pictures of random bytes, or random numbers in the range that the model knows.
pub(super) enum Random {
    Bytes(Array5<u8>),
    Numbers(Array5<f32>),
}

impl Random {
    /// `count` inputs for `model`.
    pub(super) fn new(model: &QuantizedModel, count: usize) -> Self {
        let shape = model.graph().input();
        let stream = ChaCha8::new(SEED, 0);
        let bytes = (0..).flat_map(|group| stream.group_bytes(group));
        let extents = (count, shape.depth, shape.height, shape.width, shape.channels);
        let bytes = bytes
            .take(count * shape.elements())
            .collect::<Array1<u8>>()
            .into_shape_with_order(extents)
            .expect("one byte per element of the shape");
        let Preprocessing { values, mean, std } = model.preprocessing();
        match values {
            Values::Bytes => Self::Bytes(bytes),
            Values::Numbers => Self::Numbers(Array5::from_shape_fn(extents, |(n, d, h, w, c)| {
                // Two standard deviations to each side of the mean.
                let distance = f32::from(bytes[(n, d, h, w, c)]) / 64.0 - 2.0;
                mean[c] + distance * std[c]
            })),
        }
    }

    pub(super) fn view(&self) -> Pictures<'_, Ix5> {
        match self {
            Self::Bytes(bytes) => Pictures::Bytes(bytes.view()),
            Self::Numbers(numbers) => Pictures::Numbers(numbers.view()),
        }
    }
}
