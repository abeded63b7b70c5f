//! The JSON description of a model, as it is in the file.

use crate::graph::{Op, Shape};
use crate::model::{Calibration, Preprocessing};
use crate::numerics::ActivationBits;
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// Read first, so that a later version is reported as such and not as damage.
#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) format_version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    pub(super) format_version: u32,
    pub(super) name: String,
    /// Absent if 8.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) activation_bits: ActivationBits,
    /// Absent if 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) members: usize,
    pub(super) input: Input,
    pub(super) class_names: Vec<String>,
    pub(super) nodes: Vec<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) calibration: Option<Calibration>,
}

fn is_default(bits: &ActivationBits) -> bool {
    *bits == ActivationBits::default()
}

const fn one() -> usize {
    1
}

fn is_one(members: &usize) -> bool {
    *members == 1
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    pub(super) shape: Shape,
    pub(super) scale: f32,
    pub(super) zero_point: u8,
    pub(super) preprocessing: Preprocessing,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) op: Op,
    pub(super) inputs: Vec<String>,
    /// Absent for the last node, which returns f32 logits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Grid>,
    /// Smallest and largest code; absent if 0 and 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) range: Option<[u8; 2]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grid {
    pub(super) scale: f32,
    pub(super) zero_point: u8,
}
