//! `libbayes8`: the C library. A thin layer over [`bayes8_native`] that turns handles, pointers and
//! status codes into its types and back; `include/bayes8.h` is generated from these sources.
//!
//! Rules of the boundary:
//! - every function runs inside [`error::boundary`], so no panic crosses it;
//! - every pointer of the caller goes through [`pointer`], which refuses NULL, misaligned addresses
//!   and impossible lengths; only what cannot be checked is left to the caller's contract;
//! - every struct of the caller goes through [`extensible`], so that later versions may add fields;
//! - everything is checked before anything is written.
//!
//! The doc comments of public items become the header, so they speak of C.

pub mod buffer;
pub mod describe;
pub mod digest;
pub mod draws;
pub mod dropout;
pub mod error;
mod extensible;
pub mod model;
pub mod output;
pub mod outputs;
mod pointer;
pub mod predict;
pub mod progress;
mod region;
pub mod sums;
#[cfg(test)]
mod tests;
pub mod version;
