//! Prediction sets of a map of classes.

use alloc::vec::Vec;
use serde::Serialize;

/// The prediction set of each position of a map of classes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClassSetMap {
    /// Number of classes.
    pub classes: usize,
    /// Whether each class belongs to the set of each position, `[positions, classes]`. Positions are in the
    /// order `[D][H][W]`.
    pub members: Vec<bool>,
}

impl ClassSetMap {
    /// Returns the number of classes in the set of each position, 0 to [`Self::classes`].
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        let sets = self.members.chunks_exact(self.classes.max(1));
        sets.map(|set| set.iter().filter(|&&is_member| is_member).count())
    }
}
