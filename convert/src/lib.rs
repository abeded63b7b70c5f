//! From a trained FP32 network and its weight posterior to a quantized bayes8 model.
//!
//! The front half: [`Network::load`] reads `mean.onnx` and `posterior.safetensors` and normalizes
//! them to a graph of few operations with a Gaussian per weight; [`mod@reference`] runs that network
//! in FP32, which is what every quantized result is compared with.

#![forbid(unsafe_code)]

pub mod answers;
pub mod bias_correction;
pub mod calibrate;
mod clamp;
pub mod conversion;
pub mod corrupted;
pub mod corruption;
mod error;
pub mod error_feedback;
pub mod fidelity;
mod first_error;
mod form;
pub mod function;
pub mod golden;
pub mod inputs;
mod int8;
pub mod mean_model;
pub mod metadata;
pub mod metrics;
pub mod network;
mod npy;
mod npz;
mod onnx;
pub mod pictures;
pub mod posterior;
pub mod quantize;
pub mod range_choice;
pub mod reference;
mod sigma_codes;
mod taps;

pub use clamp::Clamp;
pub use error::{ImportError, LoadError};
pub use form::{Form as InputLayout, UnknownForm};
pub use inputs::Inputs;
pub use metadata::Metadata;
pub use network::{Gaussian, LayerParameters, Network, NetworkInput, UnnamedOutputs};
pub use onnx::{ImportOptions, import, import_with};
pub use pictures::LabelledPictures;
pub use posterior::{Posterior, PosteriorSource, SigmaTensor};
