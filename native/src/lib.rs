//! Quantized Bayesian neural networks on servers: the model of [`bayes8_core`] on the fastest
//! vector unit of the processor, spread over threads.
//!
//! ```no_run
//! use bayes8_native::{Model, Pictures, PredictOptions};
//! use ndarray::Array4;
//!
//! let model = Model::load("models/fashion-resnet14.safetensors")?;
//! let pictures = Array4::<u8>::zeros((1, 28, 28, 1));
//! let options = PredictOptions { samples: 0..32, seed: 7, ..PredictOptions::default() };
//! let predictions = model.predict(Pictures::Bytes(pictures.view()), &options)?;
//! println!("epistemic {:.3} nats", predictions[0].uncertainty().mutual_information);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// The kernels are x86-64: elsewhere only the reference is left.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, unused_imports, unused_variables))]

mod bank;
mod engine;
pub mod file;
mod isa;
mod kernels;
pub mod measure;
mod model;
mod pool;
mod prediction;
#[cfg(test)]
mod tests;
mod threads;

pub use bayes8_core as core;
pub use bayes8_core::session::RequestError;
pub use isa::{HIDE_VARIABLE, ISA_VARIABLE, Isa, IsaError};
pub use model::{LoadError, Model, ModelOptions, Threads};
pub use pool::Pool;
pub use prediction::{NodeTrace, Observer, Pictures, PredictError, PredictOptions, Prediction};
