//! Random parameters for operations, for tests.

use crate::geometry::{Depth, Padding, Shape, Window};

/// The source of an invented operation's parameters: a function that returns any number below its
/// argument.
pub struct Dice<'a>(pub &'a mut dyn FnMut(usize) -> usize);

impl Dice<'_> {
    /// Returns a number from `low` to `high`, inclusive.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        low + (self.0)(high - low + 1)
    }

    /// Returns either value.
    pub(super) fn coin(&mut self) -> bool {
        self.between(0, 1) == 1
    }

    /// Invents a window that may be too large for `input`. It has a depth if `input` is a volume.
    pub(super) fn window(&mut self, input: Shape) -> Window {
        let mut axis = |most: usize| {
            let (kernel, dilation) = (self.between(1, most), self.between(1, 2));
            let reach = (kernel - 1) * dilation;
            let padding = [self.between(0, reach), self.between(0, reach)];
            (Depth { kernel, stride: self.between(1, 2), dilation }, padding)
        };
        let (rows, vertical) = axis(4);
        let (columns, horizontal) = axis(4);
        let (depth, planes) = if input.depth > 1 { axis(3) } else { Default::default() };
        Window {
            kernel: [rows.kernel, columns.kernel],
            stride: [rows.stride, columns.stride],
            dilation: [rows.dilation, columns.dilation],
            padding: Padding::from([planes, vertical, horizontal]),
            depth,
        }
    }
}
