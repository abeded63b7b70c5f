//! Quantized Bayesian neural networks on CPUs: the models of [`bayes8_core`] on the fastest vector unit of the
//! processor, spread over threads.
//!
//! Most programs depend on the crate `bayes8`, which re-exports this one.
//!
//! ```
//! use bayes8_native::{Model, Pictures, PredictOptions};
//! use ndarray::Array4;
//!
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
//! let model = Model::load("models/fashion-resnet14.safetensors")?;
//! let pictures = Array4::<u8>::zeros((1, 28, 28, 1)); // [N, H, W, C]
//! let options = PredictOptions::new().samples(0..32).seed(7);
//! let predictions = model.predict(Pictures::Bytes(pictures.view()), &options)?;
//! let classes = predictions[0].uncertainty().classes().expect("a classifier");
//! println!("epistemic {:.3} nats", classes.mutual_information);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_debug_implementations)]
// All kernels but the reference need x86-64 or AArch64. Elsewhere, much of the code around them is
// unused.
#![cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(dead_code, unused_imports, unused_variables)
)]

mod bank;
mod engine;
pub mod file;
mod isa;
mod kernels;
mod load_error;
#[doc(hidden)]
pub mod measure;
mod model;
mod model_options;
mod pictures;
mod pool;
mod predict_options;
mod prediction;
#[doc(hidden)]
pub mod profile;
mod stream;
#[cfg(test)]
mod tests;
mod threads;
mod tiled;
mod until;

pub use bayes8_core as core;
pub use bayes8_core::conformal::PredictionRegion;
pub use bayes8_core::digest::ModelDigest;
pub use bayes8_core::draws::Draws;
pub use bayes8_core::head;
pub use bayes8_core::head::classes::ClassUncertainty;
pub use bayes8_core::head::gaussian::TargetUncertainty;
pub use bayes8_core::head::labels::LabelUncertainty;
pub use bayes8_core::head::{Accumulator, Head, Output, Sums, Uncertainty, WordsError};
pub use bayes8_core::limits::{LimitError, Limits};
pub use bayes8_core::model::QuantizedModel;
pub use bayes8_core::session::{RequestError, Until, UntilError};
pub use isa::{HIDE_VARIABLE, ISA_VARIABLE, Isa, IsaError};
pub use load_error::LoadError;
pub use model::Model;
pub use model_options::{ModelOptions, Threads};
pub use pictures::Pictures;
pub use pool::Pool;
pub use predict_options::{MOST_SAMPLES_UNTIL, Observer, PredictOptions};
pub use prediction::{NodeTrace, PredictError, Prediction};
pub use stream::Stream;

/// A server shares these between threads.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Model>();
    shared::<ModelOptions>();
    shared::<Prediction>();
    shared::<PredictOptions>();
    shared::<QuantizedModel>();
    shared::<Uncertainty>();
    shared::<Stream<'_>>();
    shared::<LoadError>();
    shared::<PredictError>();
};
