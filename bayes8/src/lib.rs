//! INT8 Bayesian neural networks that know when they don't know.
//!
//! A Bayesian network has a distribution over its weights. A prediction runs it once per weight sample; the
//! spread of the answers tells how sure the network is. bayes8 runs such networks on integer kernels, from one small
//! file per model. The same model, seed and picture give the same bits on every CPU, with any number of
//! threads, in any batch, and in the browser.
//!
//! # Examples
//! ```
//! use bayes8::{Model, Pictures, PredictOptions};
//! use ndarray::Array4;
//!
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
//! let model = Model::load("models/fashion-resnet14.safetensors")?;
//! let pictures = Array4::<u8>::zeros((2, 28, 28, 1)); // [N, H, W, C], bytes
//! let options = PredictOptions::new().samples(0..32).seed(7);
//! for prediction in model.predict(Pictures::Bytes(pictures.view()), &options)? {
//!     let uncertainty = prediction.uncertainty().classes().expect("a classifier");
//!     let (class, probability) = uncertainty.top(1)[0];
//!     println!(
//!         "{} ({:.1} %), epistemic {:.3} nats",
//!         model.class_name(class),
//!         100.0 * probability,
//!         uncertainty.mutual_information,
//!     );
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to go
//! - [`Model`] loads a file and predicts: [`Model::predict`] for a result, [`Model::predict_with`] for progress and
//!   cancellation, [`Model::stream`] for running estimates.
//! - [`Uncertainty`] has the figures of a prediction: [`ClassUncertainty`], [`LabelUncertainty`] or
//!   [`TargetUncertainty`]. [`Prediction::sums`] merge over machines.
//! - [`ModelOptions`] chooses kernels, [`Threads`] and memory; [`Limits`] bound what a file may cost.
//! - [`core`] reads and writes model files.
//!
//! # Features
//! Neither is on by default.
//! - `convert`: the module `convert` makes a quantized model from an ONNX network and a weight posterior.
//! - `evaluate`: the module `evaluate` measures accuracy, calibration and what quantization did to the uncertainty.

#[cfg(feature = "convert")]
#[doc(inline)]
pub use bayes8_convert as convert;
#[cfg(feature = "evaluate")]
#[doc(inline)]
pub use bayes8_evaluate as evaluate;
#[doc(inline)]
pub use bayes8_native::*;
