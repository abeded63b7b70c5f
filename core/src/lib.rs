//! Quantized Bayesian neural networks: their file format, their INT8 arithmetic and their uncertainty.
//!
//! Everything that decides a result lives here, once, in safe Rust without the standard library. Programs use
//! it through the crate `bayes8`, which predicts with fast kernels. This crate is for those who read, check
//! or write model files, and for new targets:
//!
//! - [`format`](mod@format) reads and writes model files; [`model`] holds a [`QuantizedModel`](model::QuantizedModel), whose
//!   [`graph`] lists the operations; [`limits`] says what a model takes to run.
//! - [`session`] is how a target predicts; [`head`] accumulates samples and computes uncertainty.
//! - [`conformal`] turns uncertainty into prediction sets and intervals.
//! - [`draws`] says which draws of the posterior samples take.
//! - [`digest`] identifies models and logits.
//!
//! The other public modules are internals that kernels and the converter share. They are hidden from these
//! pages and change without notice.
//!
//! # Examples
//! ```
//! use bayes8_core::format;
//!
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
//! let bytes = std::fs::read("models/mnist-cnn.safetensors")?;
//! let model = format::read(&bytes)?;
//! assert_eq!(model.graph().input().to_string(), "28x28x1");
//! assert_eq!(model.classes().map(|classes| classes.count), Some(10));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]

extern crate alloc;

#[doc(hidden)]
pub mod aligned;
#[doc(hidden)]
pub mod backend;
#[doc(hidden)]
pub mod chacha;
mod check;
pub mod conformal;
#[doc(hidden)]
pub mod convolution;
#[doc(hidden)]
pub mod counts;
pub mod digest;
pub mod draws;
mod error;
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "internals")]
pub mod executor;
#[cfg(feature = "image")]
pub mod fit_picture;
pub mod format;
mod geometry;
pub mod graph;
pub mod head;
#[doc(hidden)]
pub mod input;
#[doc(hidden)]
pub mod layer;
pub mod limits;
pub mod model;
#[doc(hidden)]
pub mod name;
#[doc(hidden)]
pub mod numerics;
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "internals")]
pub mod ops;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod posterior;
#[doc(hidden)]
pub mod quoted;
#[doc(hidden)]
pub mod reference;
pub mod session;
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "internals")]
pub mod simd;
#[doc(hidden)]
pub mod tiling;
