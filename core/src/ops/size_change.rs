//! What another input size of the network means for a node.

use crate::geometry::{Range, Window, WindowAxis};

/// A change of the network's input size as one node sees it. Extents are planes, rows and columns, before and
/// after.
#[derive(Clone, Copy, Debug)]
pub struct SizeChange {
    /// Of the network's input.
    pub(crate) network: [[usize; 3]; 2],
    /// Of the node's first input.
    pub(crate) input: [[usize; 3]; 2],
}

impl SizeChange {
    /// Returns the extents of an axis of the node's first input, before and after.
    pub(super) fn extents(&self, axis: usize) -> [usize; 2] {
        self.input.map(|axes| axes[axis])
    }

    /// Returns the new extent of a resized axis that was `extent`. It keeps its ratio to the network's input; if it was a
    /// multiple of the node's input, it must keep that ratio, too, unless a single element is repeated. `None` if it
    /// cannot.
    pub(super) fn resized(&self, axis: usize, extent: usize) -> Option<usize> {
        let scaled = |[before, after]: [usize; 2]| {
            // Extents are at most 2^26.
            let product = extent as u64 * after as u64;
            product.is_multiple_of(before as u64).then_some((product / before as u64) as usize)
        };
        let network = scaled(self.network.map(|axes| axes[axis]))?;
        let [before, after] = self.extents(axis);
        let is_upsampling = [before, after] != [1, 1] && extent.is_multiple_of(before);
        (!is_upsampling || scaled([before, after]) == Some(network)).then_some(network)
    }

    /// Returns a range that means the same: one that reaches the end of its axis, and begins before its second
    /// element. `None` for another one.
    pub(super) fn range(&self, axis: usize, range: Range) -> Option<Range> {
        let [before, after] = self.extents(axis);
        let follows = range.end == before && range.start < range.step;
        match before == after {
            true => Some(range),
            false => follows.then_some(Range { end: after, ..range }),
        }
    }

    /// Checks that the padding of a window means the same. Padding of one side may have been chosen for the
    /// remainder of the extent and the stride.
    pub(super) fn window(&self, window: &Window) -> Result<(), &'static str> {
        let fits = |(axis, window): (usize, WindowAxis)| {
            let [before, after] = self.extents(axis);
            window.before == window.after || before % window.stride == after % window.stride
        };
        let fits = window.axes().into_iter().enumerate().all(fits);
        fits.then_some(()).ok_or("pads one side more than the other, as its input's size demands")
    }
}
