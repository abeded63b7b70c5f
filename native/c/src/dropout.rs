//! The description of a dropout node.

use crate::error::c_text;
use crate::extensible::Extensible;
use bayes8_native::core::model::ActiveDropout;
use std::ffi::{CString, c_char};
use std::mem::offset_of;

/// A dropout node, which is active at prediction. Start from `BAYES8_DROPOUT_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// `sizeof(bayes8_dropout)`, set by the caller.
    pub size: usize,
    /// Name of the node: UTF-8 that lives as long as the model.
    pub node: *const c_char,
    /// What is dropped as a whole: `element`, `channel` or `value`. Lives as long as the model.
    pub kind: *const c_char,
    /// The probability that a unit is dropped.
    pub probability: f64,
}

// SAFETY: a size, a number and pointers, of which any bytes are valid; the last field ends the struct.
unsafe impl Extensible for Dropout {
    const NAME: &'static str = "bayes8_dropout";
    const INITIALIZER: &'static str = "BAYES8_DROPOUT_INIT";
    const FIRST_SIZE: usize = offset_of!(Self, probability) + size_of::<f64>();
}

/// A dropout node of a handle's model, which owns the strings.
pub(crate) struct DropoutNode {
    node: CString,
    kind: CString,
    probability: f64,
}

impl DropoutNode {
    pub(crate) fn new(ActiveDropout { node, dropout, .. }: &ActiveDropout) -> Self {
        Self {
            node: c_text(node),
            kind: c_text(dropout.kind.name()),
            probability: dropout.probability.as_f64(),
        }
    }

    /// The description, whose strings live as long as `self`.
    pub(crate) fn describe(&self) -> Dropout {
        Dropout {
            size: size_of::<Dropout>(),
            node: self.node.as_ptr(),
            kind: self.kind.as_ptr(),
            probability: self.probability,
        }
    }
}
