//! Checks of the numbers that execution relies on.

use crate::error::ModelError;
use alloc::{format, string::String};

/// Returns the name that errors use for something that belongs to a node.
pub(crate) fn named(node: &str, what: &str) -> String {
    format!("{node}.{what}")
}

pub(crate) fn check_number(
    what: impl Into<String>,
    value: f32,
    ok: bool,
    expected: &'static str,
) -> Result<(), ModelError> {
    if ok { Ok(()) } else { Err(ModelError::Number { what: what.into(), value, expected }) }
}

/// Checks a step or a multiplier.
pub(crate) fn check_scale(what: impl Into<String>, value: f32) -> Result<(), ModelError> {
    check_number(what, value, value.is_normal() && value > 0.0, "a normal positive number")
}

pub(crate) fn check_count(
    what: impl Into<String>,
    expected: usize,
    found: usize,
) -> Result<(), ModelError> {
    if expected == found {
        Ok(())
    } else {
        Err(ModelError::Count { what: what.into(), expected, found })
    }
}

pub(crate) fn check_not_negative<T: Copy + Into<i32>>(
    layer: &str,
    tensor: &str,
    values: &[T],
) -> Result<(), ModelError> {
    match values.iter().position(|&v| v.into() < 0) {
        Some(index) => Err(ModelError::Negative { tensor: named(layer, tensor), index }),
        None => Ok(()),
    }
}
