//! Means and variances of groups, on the way to a normalization.

use bayes8_core::model::Affine;

use super::activation::Activation;
use super::groups::Groups;
use crate::error::ImportError;

/// A value on the way to the normalization of `x`.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// Name of the ReduceMean that it begins with.
    pub(super) mean: String,
    pub(super) x: Activation,
    pub(super) groups: Groups,
    pub(super) stage: Stage,
    /// Weights and biases so far, one of each per channel.
    pub(super) affine: Affine,
}

/// How far the way is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    Mean,
    /// x - mean.
    Deviation,
    /// The square of the deviation.
    Square,
    /// The mean of the squares.
    Variance,
    /// The variance with epsilon added.
    Sum(f32),
    /// The root of that.
    Root(f32),
    /// 1 divided by the root.
    Inverse(f32),
    /// The weights divided by the root.
    Scale(f32),
    /// -mean.
    Negative,
    /// x times the scale.
    Product(f32),
    /// -mean times the scale, perhaps with the biases added.
    Shift(f32),
}

impl Moment {
    /// Whether both are moments of the same groups.
    pub(super) fn is_of_same(&self, other: &Self) -> bool {
        self.x.is_same_value(&other.x) && self.groups == other.groups
    }

    /// The error of a node that reads it for anything but the next step, which the mean takes the blame
    /// for.
    pub(super) fn unfinished(&self) -> ImportError {
        let reason = "only a mean over axes after the channels is supported, and one over channels as a part \
                      of a normalization: (x - mean) / sqrt(mean((x - mean)^2) + epsilon)";
        ImportError::Node {
            node: self.mean.clone(),
            op: "ReduceMean".into(),
            reason: reason.into(),
        }
    }
}
