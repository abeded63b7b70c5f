//! Pictures as a caller has them.

use super::error::RequestError;
use crate::input::InputQuantizer;
use alloc::vec::Vec;

/// A batch of whole pictures, one after the other, each `[D, H, W, C]`.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Raw bytes, which the model normalizes.
    Bytes(&'a [u8]),
    /// Numbers that are normalized already: `(p / 255 - mean) / std`.
    Normalized(&'a [f32]),
}

impl Input<'_> {
    /// Number of pictures that the model of `quantizer` sees in it, at least 1.
    ///
    /// # Errors
    /// [`RequestError::Length`] unless they are whole pictures.
    pub fn pictures(self, quantizer: &InputQuantizer) -> Result<usize, RequestError> {
        let found = match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Normalized(numbers) => numbers.len(),
        };
        let shape = quantizer.shape();
        if found == 0 || !found.is_multiple_of(shape.elements()) {
            return Err(RequestError::Length { found, shape });
        }
        Ok(found / shape.elements())
    }

    /// Makes `codes` hold the pictures' input codes, one a number, and nothing else.
    ///
    /// # Errors
    /// [`RequestError::Length`], [`RequestError::NotFinite`] and [`RequestError::Memory`]; what `codes`
    /// holds then means nothing.
    pub fn quantize(
        self,
        quantizer: &InputQuantizer,
        codes: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        let pictures = self.pictures(quantizer)?;
        let elements = quantizer.shape().elements();
        if let Self::Normalized(numbers) = self
            && let Some(place) = numbers.iter().position(|x| !x.is_finite())
        {
            return Err(RequestError::NotFinite { picture: place / elements });
        }
        codes.clear();
        codes
            .try_reserve_exact(pictures * elements)
            .map_err(|_| RequestError::Memory { pictures, logits: 0 })?;
        codes.resize(pictures * elements, 0);
        match self {
            Self::Bytes(bytes) => quantizer.bytes(bytes, codes),
            Self::Normalized(numbers) => quantizer.normalized(numbers, codes),
        }
        Ok(())
    }
}
