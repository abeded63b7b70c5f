//! Means and variances of groups, on the way to a normalization.

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
}

impl Moment {
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
