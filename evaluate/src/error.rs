//! Why a model cannot be evaluated.

use std::path::PathBuf;

use bayes8_convert::metadata::ChannelsError;
use bayes8_convert::pictures::PicturesError;
use bayes8_convert::reference::RunError;
use bayes8_core::model::ModelError;
use bayes8_native::{LoadError, PredictError};
use thiserror::Error;

use crate::conformal::ConformalError;
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
    /// The labels of the corrupted pictures differ from those of the clean ones.
    #[error("{}: array `y`: these are not the labels of {}", drift.display(), data.display())]
    DriftLabels {
        /// The file of the corrupted pictures.
        drift: PathBuf,
        /// The file of the clean pictures.
        data: PathBuf,
    },
    /// Recorded predictions are refused.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// The FP32 network is refused.
    #[error(transparent)]
    Network(#[from] bayes8_convert::LoadError),
    /// An output that is not classes, where only classes are taken.
    #[error("the head of the output is `{0}`, not `classes`")]
    Head(&'static str),
    /// A name that no output has.
    #[error("the model has no output `{name}`; its outputs are {names}")]
    NoOutput {
        /// The name.
        name: String,
        /// The names of the outputs.
        names: String,
    },
    /// A part of an evaluation that the head of the output does not have.
    #[error("{what} is for outputs with classes; the head of this one is `{head}`")]
    OnlyClasses {
        /// The part.
        what: &'static str,
        /// The name of the head.
        head: &'static str,
    },
    /// A part of an evaluation that maps do not have.
    #[error("{what} is for outputs with one position; output `{output}` is a map")]
    NotForMaps {
        /// The part.
        what: &'static str,
        /// The name of the output.
        output: String,
    },
    /// A part of an evaluation that only maps have.
    #[error("{what} is for outputs that are maps of classes; output `{output}` is not")]
    OnlyMaps {
        /// The part.
        what: &'static str,
        /// The name of the output.
        output: String,
    },
    /// A map whose head is not classes.
    #[error(
        "output `{output}` is a map of the head `{head}`, which cannot be evaluated: only maps of \
         classes can"
    )]
    MapHead {
        /// The name of the output.
        output: String,
        /// The name of the head.
        head: &'static str,
    },
    /// Another number of FP32 samples than of INT8, for an output without classes.
    #[error(
        "FP32 has {fp32} samples, INT8 {int8}: the head `{head}` is compared from equal numbers"
    )]
    Fp32Samples {
        /// The FP32 samples.
        fp32: u32,
        /// The INT8 samples.
        int8: u32,
        /// The name of the head.
        head: &'static str,
    },
    /// An FP32 network beside a model that divides its inputs into tiles.
    #[error("FP32 takes no tiles: evaluate it with the whole input, or INT8 alone")]
    Fp32Tiles,
    /// Conformal prediction is impossible with the method or the calibration examples.
    #[error("no conformal prediction from {}", path.display())]
    Conformal {
        /// The file of the calibration examples.
        path: PathBuf,
        /// Why.
        source: ConformalError,
    },
    /// A prediction that is not a number.
    #[error("{}: the FP32 network predicts no number for example {example}", path.display())]
    NotANumber {
        /// The file of the examples.
        path: PathBuf,
        /// The index of the example.
        example: usize,
    },
    /// Nothing varies in the FP32 network, although it has to.
    #[error("{}: nothing varies from sample to sample", network.display())]
    NothingVaries {
        /// The file of the network, or of the first member.
        network: PathBuf,
    },
    /// The input or the classes of the FP32 network differ from the model's.
    #[error("{}: the network {reason}", network.display())]
    Shape {
        /// The file of the network.
        network: PathBuf,
        /// What differs.
        reason: String,
    },
    /// The FP32 network cannot use the noise of the model.
    #[error("{} was not made from {}", model.display(), network.display())]
    OtherNetwork {
        /// The file of the network.
        network: PathBuf,
        /// The file of the model.
        model: PathBuf,
        /// Why.
        source: RunError,
    },
    /// Pictures cannot be predicted.
    #[error("{}: array `{array}` cannot be predicted", path.display())]
    Array {
        /// The file of the pictures.
        path: PathBuf,
        /// The array of the pictures.
        array: String,
        /// Why.
        source: Box<PredictionError>,
    },
    /// The deterministic network does not run.
    #[error(transparent)]
    MeanWeights(#[from] PredictionError),
}

/// Why a model or a network cannot predict pictures.
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
    /// The mean weights are not a model.
    #[error(transparent)]
    Model(#[from] ModelError),
}
