//! Why files cannot become a model.

use std::path::PathBuf;

use thiserror::Error;

use crate::answers::AnswersError;
use crate::error::LoadError;
use crate::form::Form;
use crate::given_heads::HeadOrigin;
use crate::head_error::HeadError;
use crate::metadata::{ChannelsError, MetadataError};
use crate::pictures::PicturesError;
use crate::quantize::QuantizeError;
use crate::reference::RunError;

/// Why files cannot become a model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuantizationError {
    /// The network or its posterior is refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Nothing varies, although it has to.
    #[error("{}: nothing varies from sample to sample{}", network.display(), equal(*members))]
    NothingVaries {
        /// The file of the network, or of the first member.
        network: PathBuf,
        /// The number of members, which are all equal; 1 for a single network.
        members: usize,
    },
    /// The metadata cannot be read.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Preprocessing or calibration does not fit the network.
    #[error("{origin}: {reason}")]
    Unfit {
        /// The file.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// What people say about the outputs does not fit the network.
    #[error("{origin}: {reason}")]
    Heads {
        /// Where it comes from.
        origin: HeadOrigin,
        /// What is wrong.
        reason: HeadError,
    },
    /// The calibration pictures cannot be read.
    #[error(transparent)]
    Pictures(#[from] PicturesError),
    /// The preprocessing does not fit the pictures.
    #[error(transparent)]
    Channels(#[from] ChannelsError),
    /// The network does not give the recorded answers.
    #[error("the answers recorded in {origin} do not match")]
    Answers {
        /// The file and the array of the recorded answers.
        origin: String,
        /// The order in which the axes of the network's input were read.
        layout: Form,
        /// Why.
        source: AnswersError,
    },
    /// The network does not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Activations overflow.
    #[error("activations overflow")]
    Range {
        /// Whether only the spread of the weights is at fault; otherwise the mean weights alone
        /// overflow.
        is_spread: bool,
        /// Where they overflow.
        source: QuantizeError,
    },
    /// The network cannot be quantized.
    #[error("cannot quantize {}", network.display())]
    Quantize {
        /// The file of the network, or of the first member.
        network: PathBuf,
        /// Why. Boxed to keep the error small.
        source: Box<QuantizeError>,
    },
}

fn equal(members: usize) -> String {
    match members {
        0 | 1 => String::new(),
        _ => format!(", as all {members} members are equal"),
    }
}
