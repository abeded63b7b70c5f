//! Ranges and padding of a single axis.

use serde::{Deserialize, Serialize};

/// Numbers of zeros (x = 0) to insert along one axis: at its ends and between neighbouring
/// positions. In XLA's [Pad](https://openxla.org/stablehlo/spec#pad) these are `edge_padding_low`,
/// `interior_padding` and `edge_padding_high`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisPadding {
    /// Zeros before the first position.
    pub before: usize,
    /// Zeros between any two neighbouring positions.
    pub between: usize,
    /// Zeros after the last position.
    pub after: usize,
}

impl AxisPadding {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the padded position of position `i`.
    pub const fn position(self, i: usize) -> usize {
        self.before + i * (self.between + 1)
    }

    /// Returns the padded extent of an axis of `extent`, which must be at least 1.
    pub(crate) fn output(self, extent: usize) -> Option<usize> {
        let step = self.between.checked_add(1)?;
        let inner = (extent - 1).checked_mul(step)?.checked_add(1)?;
        inner.checked_add(self.before)?.checked_add(self.after)
    }
}

/// A strided range of planes, rows or columns: `start`, `start + step` and so on, while below
/// `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// First index.
    pub start: usize,
    /// One past the last index that may be taken.
    pub end: usize,
    /// Distance between neighbouring indices, at least 1.
    pub step: usize,
}

impl Range {
    /// Returns the range of a whole axis.
    pub const fn whole(extent: usize) -> Self {
        Self { start: 0, end: extent, step: 1 }
    }

    pub(crate) fn count(&self, extent: usize) -> Option<usize> {
        (self.step > 0 && self.start < self.end && self.end <= extent)
            .then(|| (self.end - self.start).div_ceil(self.step))
    }
}
