//! From a trained FP32 network and its weight posterior to a quantized bayes8 model.
//!
//! The front half: [`Network::load`] reads `network.onnx` and `posterior.safetensors` and
//! normalizes them to a graph of few operations with a Gaussian per weight; [`mod@reference`] runs
//! that network in FP32, which is what every quantized result is compared with.
//!
//! [`quantization`] goes the whole way, from files to a model and a report of its fidelity.
//!
//! # Examples
//! ```
//! use bayes8_convert::PosteriorSource;
//! use bayes8_convert::quantization::{Quantization, Settings, Sources};
//!
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../evaluate/tests/data/fashion-cnn"))?;
//! let posterior = PosteriorSource::File("posterior.safetensors".into());
//! let mut sources = Sources::new("network.onnx", posterior, "calibration.npz");
//! sources.metadata = Some("metadata.json".into());
//! let mut settings = Settings::new("fashion-cnn");
//! # settings.draws = 1;
//! # settings.options = settings.options.method(bayes8_convert::calibrate::RangeMethod::MinMax);
//! let quantized = Quantization::load(&sources)?.run(&settings, &mut |_progress| ())?;
//! let file = bayes8_core::format::write(&quantized.model)?;
//! assert!(file.len() < 100_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

pub mod answers;
pub mod bias_correction;
pub mod calibrate;
pub mod choose;
mod clamp;
pub mod conversion;
mod details;
mod dropout;
mod ensemble;
mod error;
pub mod error_feedback;
pub mod fidelity;
mod form;
pub mod function;
mod given_heads;
mod head_assignment;
mod head_error;
mod head_kind;
mod heads;
pub mod inputs;
mod joint_rounding;
pub mod mean_weights;
pub mod metadata;
mod metadata_keys;
mod misfit;
pub mod network;
mod normalization;
mod npy;
pub mod npz;
mod onnx;
pub mod pictures;
mod planes;
pub mod posterior;
mod preprocessing;
pub mod progress;
pub mod quantization;
mod quantization_error;
pub mod quantize;
mod quantized_logits;
pub mod range_choice;
pub mod reference;
mod sigma_codes;
mod sources;
mod truth;
mod weight_inputs;

pub use clamp::Clamp;
pub use details::{Detail, Family, HeadDetails, OutputDetails, TargetDetails};
pub use dropout::{McDropout, McDropoutError};
pub use ensemble::EnsembleError;
pub use error::{ImportError, LoadError};
pub use form::{Form as InputLayout, UnknownForm};
pub use given_heads::HeadOrigin;
pub use head_error::{HeadError, HeadFault};
pub use head_kind::{HeadKind, OutputChoice, UnknownHead};
pub use inputs::Inputs;
pub use metadata::Metadata;
pub use misfit::Misfit;
pub use network::{
    Gaussian, LayerParameters, Network, NetworkInput, NetworkOutput, Real, RealParameters,
};
pub use onnx::{ImportOptions, import, import_with};
pub use pictures::LabelledPictures;
pub use planes::PlanesError;
pub use posterior::{MeanTensor, Member, MemberFiles, PosteriorSource, SigmaSource, SigmaTensor};
pub use progress::Progress;
