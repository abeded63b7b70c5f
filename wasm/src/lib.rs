//! bayes8 in browsers and Node: the same model, seed and picture give the same bits as on a server.
//!
//! These bindings are what the TypeScript of the npm package `bayes8` stands on. A [`LoadedModel`] is a
//! model ready to run, a [`Batch`] one prediction under way, to which samples are added run by run:
//! so a page stays responsive, can show running estimates, and can split samples over workers,
//! whose integer sums merge exactly.
//!
//! Every function that can fail throws an `Error` with a `code` and a `message`; nothing panics.
//! [`prediction`] holds all of it in plain Rust, [`bindings`] only translates.
//!
//! [`LoadedModel`]: bindings::LoadedModel
//! [`Batch`]: bindings::Batch

#![deny(unsafe_code)]

pub mod bindings;
mod engine;
mod error;
mod info;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[allow(unsafe_code)]
mod kernels;
pub mod prediction;
mod rgba;

pub use error::Error;
