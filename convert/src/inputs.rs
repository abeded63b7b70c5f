//! The inputs of a network: pixels, or the numbers themselves.

use bayes8_core::model::{Preprocessing, Values};
use bayes8_native::Pictures;
use ndarray::{ArrayD, Axis, CowArray, IxDyn};

use crate::metadata::{ChannelsError, normalize, normalize_numbers};

/// A set of inputs: `[N, H, W, C]`, `[N, D, H, W, C]`, `[N, L, C]` or `[N, C]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Pixels of 0 to 255, to which a model's preprocessing applies.
    Bytes(ArrayD<u8>),
    /// Finite numbers. A model that takes numbers applies its preprocessing to them; one that takes
    /// bytes takes them as they are.
    Numbers(ArrayD<f32>),
}

impl Inputs {
    /// Extents of the array, N first.
    pub fn extents(&self) -> &[usize] {
        match self {
            Self::Bytes(bytes) => bytes.shape(),
            Self::Numbers(numbers) => numbers.shape(),
        }
    }

    /// The number of inputs.
    pub fn count(&self) -> usize {
        self.extents()[0]
    }

    /// The inputs as an INT8 model of `values` takes them.
    pub fn view(&self, values: Values) -> Pictures<'_, IxDyn> {
        match self {
            Self::Bytes(bytes) => Pictures::Bytes(bytes.view()),
            Self::Numbers(numbers) => match values {
                Values::Bytes => Pictures::Normalized(numbers.view()),
                Values::Numbers => Pictures::Numbers(numbers.view()),
            },
        }
    }

    /// Replaces the inputs by the numbers that an FP32 network of `channels` takes for them, as
    /// [`fp32_inputs`] computes them.
    ///
    /// # Errors
    /// [`ChannelsError`] when `preprocessing` does not fit the channels.
    pub fn into_fp32(
        self,
        preprocessing: &Preprocessing,
        channels: usize,
    ) -> Result<ArrayD<f32>, ChannelsError> {
        match self {
            Self::Bytes(bytes) => normalize(preprocessing, bytes.view(), channels),
            Self::Numbers(numbers) => match preprocessing.values {
                Values::Bytes => Ok(numbers),
                Values::Numbers => normalize_numbers(preprocessing, numbers, channels),
            },
        }
    }

    /// Whether all inputs are equal.
    pub fn are_all_equal(&self) -> bool {
        fn equal<T: PartialEq>(array: &ArrayD<T>) -> bool {
            let first = array.index_axis(Axis(0), 0);
            array.outer_iter().all(|input| input == first)
        }
        match self {
            Self::Bytes(bytes) => equal(bytes),
            Self::Numbers(numbers) => equal(numbers),
        }
    }
}

/// Returns the numbers that an FP32 network of `channels` takes for `inputs`.
///
/// # Errors
/// [`ChannelsError`] when `preprocessing` does not fit the channels.
pub fn fp32_inputs<'a>(
    inputs: Pictures<'a, IxDyn>,
    preprocessing: &Preprocessing,
    channels: usize,
) -> Result<CowArray<'a, f32, IxDyn>, ChannelsError> {
    Ok(match inputs {
        Pictures::Bytes(bytes) => normalize(preprocessing, bytes, channels)?.into(),
        Pictures::Numbers(numbers) => {
            normalize_numbers(preprocessing, numbers.to_owned(), channels)?.into()
        }
        Pictures::Normalized(numbers) => numbers.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array;

    #[test]
    fn equal_inputs_are_noticed() {
        let bytes = |last: u8| {
            Inputs::Bytes(
                Array::from_vec(vec![7, 9, 7, last])
                    .into_shape_with_order(vec![2, 1, 2, 1])
                    .unwrap(),
            )
        };
        assert!(bytes(9).are_all_equal());
        assert!(!bytes(8).are_all_equal());
        assert!(Inputs::Numbers(ArrayD::zeros(vec![2, 3])).are_all_equal());
    }

    #[test]
    fn only_bytes_are_normalized() {
        let preprocessing = Preprocessing::of_bytes(vec![0.5], vec![0.5]);
        let numbers = |inputs: &Inputs| {
            let numbers = fp32_inputs(inputs.view(Values::Bytes), &preprocessing, 1).unwrap();
            numbers.iter().copied().collect::<Vec<f32>>()
        };
        assert_eq!(numbers(&Inputs::Bytes(ArrayD::from_elem(vec![1, 1], 255))), [1.0]);
        assert_eq!(numbers(&Inputs::Numbers(ArrayD::from_elem(vec![1, 1], 255.0))), [255.0]);
    }
}
