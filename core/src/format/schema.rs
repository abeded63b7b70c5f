//! The JSON description of a model, as it is in the file.

use crate::draws::ChosenDraws;
use crate::graph::{Op, Shape};
use crate::head::gaussian::Gaussian;
use crate::model::{Calibration, Preprocessing};
use crate::numerics::ActivationBits;
use crate::ops::Resize;
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
    /// Absent exactly if there are `outputs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) class_names: Option<Vec<String>>,
    /// Absent if the last node is the only output, called `output`, and its numbers are classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outputs: Option<Vec<Output>>,
    pub(super) nodes: Vec<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) calibration: Option<Calibration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) draws: Option<ChosenDraws>,
}

fn is_default(bits: &ActivationBits) -> bool {
    *bits == ActivationBits::default()
}

const fn one() -> usize {
    1
}

fn is_one(count: &usize) -> bool {
    *count == 1
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) nodes: Vec<String>,
    pub(super) head: Head,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resize: Option<Resize>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Head {
    Classes(Names),
    Labels(Names),
    Gaussian(Gaussian),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) names: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    pub(super) shape: Shape,
    pub(super) scale: f32,
    pub(super) zero_point: u8,
    /// Absent if 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) planes: usize,
    pub(super) preprocessing: Preprocessing,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) op: Op,
    pub(super) inputs: Vec<String>,
    /// Absent for the outputs of the model, which are f32.
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
