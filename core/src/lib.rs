//! The heart of bayes8: what a quantized Bayesian network is and what it computes.
//!
//! Everything that decides a result lives here, once: the file format, the graph, the posterior
//! sampler, the integer arithmetic, the executor and the uncertainty estimate. A [`Backend`]
//! only computes the same integers faster.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod graph;
