//! The groups of numbers that a normalization takes together.

use bayes8_core::ops::Over;

use super::activation::{Activation, Axis};

/// The groups of a normalization: their number, and the elements of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) count: usize,
    pub(super) over: Over,
}

impl Groups {
    /// The groups if numbers that differ only along these of ONNX's axes of `x` are normalized
    /// together; `None` if they are not all channels or all positions, or both.
    pub(super) fn along(x: &Activation, axes: &[usize]) -> Option<Self> {
        let axes = axes.iter().map(|&axis| x.axis(axis)).collect::<Option<Vec<_>>>()?;
        let has = |axis: Axis| axes.contains(&axis);
        let extents = x.shape.axes();
        let positions = [Axis::Plane, Axis::Row, Axis::Column];
        let mut long = positions.into_iter().zip(extents).filter(|(_, extent)| *extent > 1);
        let all = long.clone().all(|(axis, _)| has(axis));
        let none = long.all(|(axis, _)| !has(axis));
        match (has(Axis::Channel), all, none) {
            (true, _, true) => Some(Self { count: 1, over: Over::Channels }),
            (true, true, _) => Some(Self { count: 1, over: Over::ChannelsAndPositions }),
            (false, true, _) => {
                Some(Self { count: x.shape.channels, over: Over::ChannelsAndPositions })
            }
            _ => None,
        }
    }
}
