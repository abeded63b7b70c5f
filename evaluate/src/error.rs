//! Why a model cannot be evaluated.

use std::path::PathBuf;

use bayes8_convert::metadata::ChannelsError;
use bayes8_convert::pictures::PicturesError;
use bayes8_convert::reference::RunError;
use bayes8_core::model::ModelError;
use bayes8_native::{LoadError, PredictError};
use thiserror::Error;

use crate::golden::GoldenError;
use crate::labelled::LabelledError;

/// Why a model cannot be evaluated. Every variant names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The labelled pictures are refused.
    #[error(transparent)]
    Labelled(#[from] LabelledError),
    /// Other pictures are refused.
    #[error(transparent)]
    Pictures(#[from] PicturesError),
    /// Corrupted pictures have other labels than the clean ones.
    #[error("{}: array `y`: these are not the labels of {}", drift.display(), data.display())]
    DriftLabels {
        /// The file of the corrupted pictures.
        drift: PathBuf,
        /// That of the clean ones.
        data: PathBuf,
    },
    /// Recorded predictions are refused.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// The FP32 network is refused.
    #[error(transparent)]
    Network(#[from] bayes8_convert::LoadError),
    /// The FP32 network has another input or other classes than the model.
    #[error("{}: the network {reason}", network.display())]
    Shape {
        /// The file of the network.
        network: PathBuf,
        /// What differs.
        reason: String,
    },
    /// The FP32 network cannot have the noise of the model.
    #[error("{} was not made from {}", model.display(), network.display())]
    OtherNetwork {
        /// The file of the network.
        network: PathBuf,
        /// That of the model.
        model: PathBuf,
        /// Why.
        source: RunError,
    },
    /// Pictures cannot be predicted.
    #[error("{}: array `{array}` cannot be predicted", path.display())]
    Array {
        /// Their file.
        path: PathBuf,
        /// Their array.
        array: String,
        /// Why.
        source: Box<PredictionError>,
    },
    /// The deterministic network does not run.
    #[error(transparent)]
    MeanWeights(#[from] PredictionError),
}

/// Why a model or a network does not predict pictures.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PredictionError {
    /// The preprocessing does not fit the pictures.
    #[error(transparent)]
    Channels(#[from] ChannelsError),
    /// The FP32 network does not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The INT8 model does not run.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The INT8 model does not run on this machine.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The mean weights make no model.
    #[error(transparent)]
    Model(#[from] ModelError),
}
