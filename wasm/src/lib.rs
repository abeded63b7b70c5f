//! bayes8 in browsers and Node: the same model, seed and picture give the same bits as on a server.
//!
//! The TypeScript of the npm package `bayes8` calls these bindings. A [`LoadedModel`] is a model ready
//! to run. A [`Batch`] is one prediction under way, to which samples are added run by run. That keeps
//! a page responsive, gives running estimates, and lets workers share the samples, since their
//! integer sums merge exactly.
//!
//! Every function that can fail throws an `Error` with a `code` and a `message`; nothing panics.
//! [`prediction`] does the work in plain Rust, [`bindings`] only translates.
//!
//! [`LoadedModel`]: bindings::LoadedModel
//! [`Batch`]: bindings::Batch

#![deny(unsafe_code)]

pub mod bindings;
mod conformal;
mod engine;
mod error;
mod figures;
mod info;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[allow(unsafe_code)]
mod kernels;
pub mod prediction;
mod rgba;

pub use error::Error;
