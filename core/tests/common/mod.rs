//! What several tests share.

#![allow(dead_code, unused_imports, unreachable_pub)]

/// The generator of the conformance crate, taken in as source: that crate depends on this one.
#[path = "../../../tests/src/lib.rs"]
mod models;

pub use models::{Builder, Kind, Random, random_codes, random_model};
