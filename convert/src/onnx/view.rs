//! Values whose axes a Reshape splits and joins, and a Transpose exchanges.
//!
//! An axis of such a value is a list of *digits*: parts of the axes of the value below, as hundreds, tens and
//! ones are parts of a number. A channel shuffle exchanges digits of the channels; a pixel shuffle makes digits
//! of the channels the last digits of rows and columns, and its inverse does the opposite.

use crate::form::Axis;

/// A part of an axis: `position / step % extent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digit {
    /// `None` for a digit that only repeats the numbers.
    pub(super) axis: Option<Axis>,
    pub(super) extent: usize,
    pub(super) step: usize,
}

/// The axes that ONNX sees after the batch, each with its digits, the highest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) axes: Vec<Vec<Digit>>,
    /// Whether a Transpose exchanged axes, so that the numbers may be in another order, or a number comes
    /// more than once.
    pub(super) moved: bool,
}

impl View {
    /// Whole axes of these extents.
    pub(super) fn of(axes: impl Iterator<Item = (Axis, usize)>) -> Self {
        let whole = |(axis, extent)| vec![Digit { axis: Some(axis), extent, step: 1 }];
        Self { axes: axes.map(whole).collect(), moved: false }
    }

    /// The extents of the axes.
    pub(super) fn extents(&self) -> Vec<usize> {
        let product = |digits: &Vec<Digit>| digits.iter().map(|digit| digit.extent).product();
        self.axes.iter().map(product).collect()
    }

    /// The numbers in the same order under axes of other extents; `None` if an axis would take a part of a
    /// digit that is not one.
    pub(super) fn reshaped(&self, extents: &[usize]) -> Option<Self> {
        let mut digits = self.axes.iter().flatten().copied().filter(|digit| digit.extent > 1);
        let mut next = digits.next();
        let mut axes = Vec::with_capacity(extents.len());
        for &extent in extents {
            let (mut axis, mut rest) = (Vec::new(), extent);
            while rest > 1 {
                let digit = next?;
                if rest.is_multiple_of(digit.extent) {
                    rest /= digit.extent;
                    axis.push(digit);
                    next = digits.next();
                } else if digit.extent.is_multiple_of(rest) {
                    let low = digit.extent / rest;
                    axis.push(Digit { extent: rest, step: digit.step * low, ..digit });
                    next = Some(Digit { extent: low, ..digit });
                    rest = 1;
                } else {
                    return None;
                }
            }
            axes.push(axis);
        }
        next.is_none().then_some(Self { axes, moved: self.moved })
    }

    /// Repeats each element along each axis, as often as `counts` says.
    pub(super) fn repeated(mut self, counts: &[usize]) -> Self {
        for (axis, &extent) in self.axes.iter_mut().zip(counts).filter(|(_, count)| **count > 1) {
            axis.insert(0, Digit { axis: None, extent, step: 1 });
            self.moved = true;
        }
        self
    }

    /// The axes in the order of a Transpose, which leaves the batch, axis 0, where it is.
    pub(super) fn transposed(&self, order: &[usize]) -> Option<Self> {
        let (0, order) = order.split_first().map(|(&first, rest)| (first, rest))? else {
            return None;
        };
        let axes = order.iter().map(|axis| self.axes.get(axis.checked_sub(1)?).cloned());
        Some(Self { axes: axes.collect::<Option<_>>()?, moved: true })
    }
}
