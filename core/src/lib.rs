//! The heart of bayes8: what a quantized Bayesian network is and what it computes.
//!
//! Everything that decides a result lives here, once: the file [`format`](mod@format), the
//! [`graph`], the [`posterior`], the integer [`numerics`], the [`executor`] and the
//! [`head`], which makes uncertainty of the outputs. A [`session`] is how a target predicts. A
//! [`backend`] only computes the same integers faster; most are made by [`simd`] from a kernel.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod aligned;
pub mod backend;
pub mod chacha;
mod check;
pub mod convolution;
pub mod counts;
pub mod digest;
mod error;
pub mod executor;
#[cfg(feature = "image")]
pub mod fit_picture;
pub mod format;
mod geometry;
pub mod graph;
pub mod head;
pub mod input;
pub mod layer;
pub mod limits;
pub mod model;
pub mod name;
pub mod numerics;
pub mod ops;
pub mod plan;
pub mod posterior;
pub mod quoted;
pub mod reference;
pub mod session;
pub mod simd;
