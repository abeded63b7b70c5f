//! Means and variances of groups, on the way to a normalization.

use super::activation::Activation;
use super::groups::Groups;

/// Why a node cannot read a [`Moment`].
pub(super) const MOMENT: &str = "reads a mean over channels; that is supported only as a part of a \
    normalization: (x - mean) / sqrt(mean((x - mean)^2) + epsilon)";

/// A value on the way to the normalization of `x`.
#[derive(Clone, Debug)]
pub(super) struct Moment {
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
