//! The errors of the package.

use bayes8_core::fit_picture::FitError;
use bayes8_core::format::FormatError;
use bayes8_core::head::WordsError;
use bayes8_core::limits::LimitError;
use bayes8_core::model::InputSizeError;
use bayes8_core::session::RequestError;
use thiserror::Error;

/// Why a call was refused.
#[derive(Debug, Error)]
pub enum Error {
    /// The file is not a model.
    #[error("not a valid model: {0}")]
    Model(#[from] FormatError),
    /// A model that exceeds a limit.
    #[error("{_0} ({option})", option = option(_0))]
    Limit(#[from] LimitError),
    /// A model that does not fit inputs of another size.
    #[error("inputSize: {0}")]
    InputSize(#[from] InputSizeError),
    /// Pictures or samples that cannot be predicted.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Pictures that would take more memory than a page should.
    #[error("{pictures} pictures at a time are too many for this model: predict {most} or fewer")]
    TooManyPictures {
        /// Number of pictures.
        pictures: usize,
        /// Most pictures that are allowed.
        most: usize,
    },
    /// A picture whose bytes do not match its sides.
    #[error(
        "found {found} bytes, expected {expected}: four (RGBA) for each of {width} x {height} pixels"
    )]
    Rgba {
        /// Number of bytes.
        found: usize,
        /// Bytes that a picture of these sides has.
        expected: u64,
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A picture without pixels, or with a very long side.
    #[error("a picture of {width} x {height} pixels: its sides must be 1 to {most}")]
    Sides {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// The longest side.
        most: u32,
    },
    /// A model whose input is not a picture.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A picture that is not in the batch.
    #[error("picture {picture} is not in the batch, which has {pictures}, counted from 0")]
    Picture {
        /// Index of the picture.
        picture: usize,
        /// Pictures in the batch.
        pictures: usize,
    },
    /// Integers that cannot be the sums of samples.
    #[error(transparent)]
    Sums(#[from] WordsError),
    /// A result that cannot become a JavaScript object.
    #[error("cannot hand over the result")]
    Handover,
}

impl From<tsify::Error> for Error {
    /// Drops the text: plain objects never cause this error, and to print it, every page would load the
    /// code that takes strings from JavaScript.
    fn from(_: tsify::Error) -> Self {
        Self::Handover
    }
}

impl Error {
    /// The code by which programs tell errors apart.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Model(_) | Self::Limit(_) => "invalid-model",
            Self::Request(
                RequestError::Samples(_)
                | RequestError::TooManySamples(_)
                | RequestError::BeyondDraws { .. }
                | RequestError::Memory { numbers: 1.., .. },
            ) => "invalid-samples",
            Self::InputSize(_) | Self::Request(RequestError::NoChosenDraws) => "invalid-option",
            Self::Handover => "internal",
            _ => "invalid-input",
        }
    }
}

/// The option that raises a limit.
fn option(exceeded: &LimitError) -> &'static str {
    match exceeded {
        LimitError::Memory(_) => "maxMemoryBytes",
        LimitError::Steps(_) => "maxSteps",
    }
}
