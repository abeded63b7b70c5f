//! Conformance vectors, and the code that runs them on a target.
//!
//! [`catalogue`] defines the vectors, and the [`mod@reference`] back end computes their results. The
//! files are in `tests/vectors`. An [`Implementation`] runs a [`Case`] through its own API, and
//! [`check()`] compares the results bit for bit. Runners print one [`Line`] per vector. [`report`]
//! turns the lines of all runners into one table, and names the first layer and element that differ.
//! `docs/CONFORMANCE.md` describes everything that an author of another port needs.
//!
//! This crate also has the [`models`] that tests of other crates use.

pub mod case;
pub mod catalogue;
pub mod check;
pub mod explain;
pub mod lanes;
pub mod line;
pub mod models;
pub mod outcome;
pub mod reference;
pub mod report;
mod thinned;
pub mod vectors;

pub use case::Case;
pub use check::{Implementation, check};
pub use line::Line;
pub use models::{
    Builder, Kind, Random, layer_mut, name_classes, node_mut, random_codes, random_model,
    random_model_of_all_operations, random_volume_model, with_seven_bits,
};
pub use outcome::Outcome;
pub use thinned::thinned;

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The example of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guides/rust.md")]
struct Guide;
