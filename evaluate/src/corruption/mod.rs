//! Corruptions of pictures, to measure how a model's uncertainty follows drift of its input.
//!
//! Ten of the fifteen corruptions of Hendrycks and Dietterich, "Benchmarking Neural Network Robustness
//! to Common Corruptions and Perturbations" (ICLR 2019, arXiv:1903.12261), each in five severities:
//! all except weather (snow, frost, fog) and the two that move pixels (glass, elastic). The constants
//! and steps are those of CIFAR-10-C, from `make_cifar_c.py` in the authors' repository
//! `hendrycks/robustness`, down to the truncation of results to bytes. Only the random numbers differ,
//! and JPEG keeps the full resolution of its colours.
//!
//! CIFAR-10-C's pictures have 32 x 32 pixels. The width of a blur is in pixels, that of a block relative
//! to the side: a blur that spoils 32 x 32 pixels is mild for 224 x 224. Gray pictures are corrupted as
//! one channel, others channel by channel; brightness keeps hue and saturation.
//!
//! A corrupted picture is a function of the picture, its index, the severity and the seed: each picture
//! has its own ChaCha8 stream, and no function of a platform's libm is called. The same seed gives the
//! same bytes on every machine, with any number of threads.

mod blur;
mod compression;
mod noise;
mod pixels;
mod tone;
mod zoom;

use std::{fmt, str::FromStr};

use ndarray::{Array3, Array4, ArrayView3, ArrayView4};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rayon::prelude::*;
use thiserror::Error;

/// Largest severity; the smallest is 1.
pub const MAX_SEVERITY: u8 = 5;

/// A kind of corruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Corruption {
    /// Gaussian noise of every channel of every pixel.
    GaussianNoise,
    /// Poisson noise, as from few photons.
    ShotNoise,
    /// Single channels of single pixels become black or white.
    ImpulseNoise,
    /// A lens out of focus.
    DefocusBlur,
    /// A moving camera.
    MotionBlur,
    /// A camera that moves towards its subject.
    ZoomBlur,
    /// More light.
    Brightness,
    /// Less contrast.
    Contrast,
    /// Fewer pixels.
    Pixelate,
    /// JPEG of low quality.
    JpegCompression,
}

/// A name that is not a corruption.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a corruption; there are {names}", names = Corruption::names())]
pub struct NameError(pub String);

/// Why pictures cannot be corrupted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CorruptionError {
    /// A severity out of range.
    #[error("severity {0} is not from 1 to {MAX_SEVERITY}")]
    Severity(u8),
    /// Pictures that are neither gray nor in colour.
    #[error("pictures of {0} channels; only those of 1 (gray) or 3 (RGB) can be corrupted")]
    Channels(usize),
    /// A picture with a side too large for JPEG.
    #[error("pictures of {height} x {width} pixels are too large for JPEG, whose limit is 65,535")]
    Size {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

impl Corruption {
    /// All corruptions, in the order of the paper.
    pub const ALL: [Self; 10] = [
        Self::GaussianNoise,
        Self::ShotNoise,
        Self::ImpulseNoise,
        Self::DefocusBlur,
        Self::MotionBlur,
        Self::ZoomBlur,
        Self::Brightness,
        Self::Contrast,
        Self::Pixelate,
        Self::JpegCompression,
    ];

    /// Returns the name of its file in CIFAR-10-C.
    pub fn name(self) -> &'static str {
        match self {
            Self::GaussianNoise => "gaussian_noise",
            Self::ShotNoise => "shot_noise",
            Self::ImpulseNoise => "impulse_noise",
            Self::DefocusBlur => "defocus_blur",
            Self::MotionBlur => "motion_blur",
            Self::ZoomBlur => "zoom_blur",
            Self::Brightness => "brightness",
            Self::Contrast => "contrast",
            Self::Pixelate => "pixelate",
            Self::JpegCompression => "jpeg_compression",
        }
    }

    /// All names, for an error.
    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Corrupts `pictures`, `[N, H, W, C]`.
    ///
    /// # Errors
    /// [`CorruptionError`] for a severity or pictures that are out of range.
    pub fn apply(
        self,
        pictures: ArrayView4<'_, u8>,
        severity: u8,
        seed: u64,
    ) -> Result<Array4<u8>, CorruptionError> {
        if !(1..=MAX_SEVERITY).contains(&severity) {
            return Err(CorruptionError::Severity(severity));
        }
        let (_, height, width, channels) = pictures.dim();
        if !matches!(channels, 1 | 3) {
            return Err(CorruptionError::Channels(channels));
        }
        if height.max(width) > usize::from(u16::MAX) {
            return Err(CorruptionError::Size { height, width });
        }
        let mut out = Array4::zeros(pictures.dim());
        let pairs: Vec<_> = out.outer_iter_mut().zip(pictures.outer_iter()).collect();
        pairs.into_par_iter().enumerate().for_each(|(index, (mut to, from))| {
            let mut random = self.stream(severity, seed, index);
            to.assign(&self.corrupt(from, usize::from(severity) - 1, &mut random));
        });
        Ok(out)
    }

    /// The random numbers of one picture: key = seed, stream = corruption, severity, picture.
    fn stream(self, severity: u8, seed: u64, index: usize) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream((self as u64) << 48 | u64::from(severity) << 40 | index as u64);
        random
    }

    /// Corrupts one picture; `level` is the severity from 0.
    fn corrupt(self, x: ArrayView3<'_, u8>, level: usize, random: &mut ChaCha8Rng) -> Array3<u8> {
        match self {
            Self::GaussianNoise => noise::gaussian(x, level, random),
            Self::ShotNoise => noise::shot(x, level, random),
            Self::ImpulseNoise => noise::impulse(x, level, random),
            Self::DefocusBlur => blur::defocus(x, level),
            Self::MotionBlur => blur::motion(x, level, random),
            Self::ZoomBlur => zoom::blur(x, level),
            Self::Brightness => tone::brightness(x, level),
            Self::Contrast => tone::contrast(x, level),
            Self::Pixelate => compression::pixelate(x, level),
            Self::JpegCompression => compression::jpeg(x, level),
        }
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Corruption {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let found = Self::ALL.into_iter().find(|corruption| corruption.name() == name);
        found.ok_or_else(|| NameError(name.into()))
    }
}

#[cfg(test)]
mod tests;
