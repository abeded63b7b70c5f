//! Cross-target conformance: conformance vectors, and what runs them on a target.
//!
//! [`catalogue`] says what is compared and lets the [`mod@reference`] back end fill in what is right;
//! the result lies in `tests/vectors`. An [`Implementation`] runs a [`Case`] through its own API; [`check()`]
//! compares bit for bit and names the first layer and element that differ. Runners print one
//! [`Line`] a vector, and [`report`] makes one table of the lines of all runners.
//! `docs/CONFORMANCE.md` has all of it for those who write another port.
//!
//! The [`models`] that tests of other crates invent are here too.

pub mod case;
pub mod catalogue;
pub mod check;
pub mod explain;
pub mod line;
pub mod models;
pub mod outcome;
pub mod reference;
pub mod report;
pub mod vectors;

pub use case::Case;
pub use check::{Implementation, check};
pub use line::Line;
pub use models::{
    Builder, Kind, Random, layer_mut, node_mut, random_codes, random_model,
    random_model_of_all_operations, random_volume_model, with_seven_bits,
};
pub use outcome::Outcome;

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The README's example, which is compiled as every other.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
