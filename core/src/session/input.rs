//! The pictures of a request.

use super::error::RequestError;
use crate::input::InputQuantizer;
use crate::model::Values;
use alloc::vec::Vec;

/// A batch of pictures, one after the other, each `[D, H, W, C]`.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Raw bytes, 0 to 255, which the model normalizes. The model must take bytes
    /// ([`Values`]).
    Bytes(&'a [u8]),
    /// Raw numbers, such as the features of a table, which the model normalizes. All must be finite.
    /// The model must take numbers.
    Numbers(&'a [f32]),
    /// Numbers that are already normalized: `(p / 255 - mean) / std` of bytes, `(v - mean) / std` of
    /// numbers. All must be finite.
    Normalized(&'a [f32]),
}

impl Input<'_> {
    /// Returns the number of pictures, at least 1, for the model of `quantizer`.
    ///
    /// # Errors
    /// [`RequestError::Length`] if the input is empty or not a whole number of pictures, and
    /// [`RequestError::Values`].
    pub fn pictures(self, quantizer: &InputQuantizer) -> Result<usize, RequestError> {
        let found = match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Numbers(numbers) | Self::Normalized(numbers) => numbers.len(),
        };
        let shape = quantizer.shape();
        let values = quantizer.values();
        if matches!(
            (self, values),
            (Self::Bytes(_), Values::Numbers) | (Self::Numbers(_), Values::Bytes)
        ) {
            return Err(RequestError::Values(values));
        }
        if found == 0 || !found.is_multiple_of(shape.elements()) {
            return Err(RequestError::Length { found, shape });
        }
        Ok(found / shape.elements())
    }

    /// Replaces the contents of `codes` with the input codes of the pictures, one per element.
    ///
    /// # Errors
    /// Those of [`Self::pictures`], [`RequestError::NotFinite`] and [`RequestError::Memory`]. The
    /// contents of `codes` are unspecified then.
    pub fn quantize(
        self,
        quantizer: &InputQuantizer,
        codes: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        let pictures = self.pictures(quantizer)?;
        let elements = quantizer.shape().elements();
        if let Self::Numbers(numbers) | Self::Normalized(numbers) = self
            && let Some(place) = numbers.iter().position(|x| !x.is_finite())
        {
            return Err(RequestError::NotFinite { picture: place / elements });
        }
        let count = (pictures * elements).saturating_mul(quantizer.planes());
        codes.clear();
        codes
            .try_reserve_exact(count)
            .map_err(|_| RequestError::Memory { pictures, numbers: 0 })?;
        codes.resize(count, 0);
        match self {
            Self::Bytes(bytes) => quantizer.bytes(bytes, codes),
            Self::Numbers(numbers) => quantizer.numbers(numbers, codes),
            Self::Normalized(numbers) => quantizer.normalized(numbers, codes),
        }
        Ok(())
    }
}
