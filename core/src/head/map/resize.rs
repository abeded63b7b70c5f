//! Numbers that are interpolated to the positions of a map.

use crate::ops::Resize;
use alloc::{vec, vec::Vec};

/// How an output's numbers become those of the positions of a map: a [`Resize`] in f32, so that a network
/// may end in a map that is smaller than the input.
#[derive(Clone, Debug, PartialEq)]
pub struct MapResize {
    from: [usize; 3],
    by: Resize,
    /// For each plane, row and column of the map, the elements before and after it, and the share of
    /// the latter.
    axes: [Vec<([usize; 2], f32)>; 3],
}

impl MapResize {
    /// Returns the interpolation of a map of `from` planes, rows and columns; `None` if the operation
    /// is not possible ([`GraphError::Resize`](crate::ops::GraphError::Resize)).
    pub fn new(from: [usize; 3], by: Resize) -> Option<Self> {
        let axis = |axis: usize| by.shares(axis, from[axis]);
        Some(Self { axes: [axis(0)?, axis(1)?, axis(2)?], from, by })
    }

    /// Returns the numbers of planes, rows and columns before.
    pub fn from(&self) -> [usize; 3] {
        self.from
    }

    /// Returns the operation.
    pub fn by(&self) -> &Resize {
        &self.by
    }

    /// Begins to interpolate `numbers`, of which each position has `channels`.
    pub(super) fn lines<'a>(&'a self, numbers: &'a [f32], channels: usize) -> Lines<'a> {
        let [planes, rows, columns] = self.from;
        assert_eq!(numbers.len(), planes * rows * columns * channels, "a number per channel");
        let line = vec![0.0; columns * channels];
        Lines { resize: self, numbers, channels, line, index: None }
    }
}

/// An interpolation under way, line by line.
pub(super) struct Lines<'a> {
    resize: &'a MapResize,
    numbers: &'a [f32],
    channels: usize,
    /// A row of the map before its columns are interpolated.
    line: Vec<f32>,
    /// Which row that is.
    index: Option<usize>,
}

impl Lines<'_> {
    /// Fills `numbers` with those of the positions from `first` on.
    #[inline(always)]
    pub(super) fn fill(&mut self, first: usize, numbers: &mut [f32]) {
        let columns = &self.resize.axes[2];
        let channels = self.channels;
        for (position, numbers) in (first..).zip(numbers.chunks_exact_mut(channels)) {
            let (index, column) = (position / columns.len(), position % columns.len());
            if self.index != Some(index) {
                self.load(index);
            }
            let (elements, share) = columns[column];
            let [before, after] =
                elements.map(|element| &self.line[element * channels..][..channels]);
            for ((number, &before), &after) in numbers.iter_mut().zip(before).zip(after) {
                *number = between(before, after, share);
            }
        }
    }

    /// Interpolates between planes, then between rows.
    #[inline(always)]
    fn load(&mut self, index: usize) {
        let [planes, rows, _] = &self.resize.axes;
        let ([front, back], depth) = planes[index / rows.len()];
        let ([above, below], height) = rows[index % rows.len()];
        let [_, extent, _] = self.resize.from;
        let line = |plane: usize, row: usize| {
            &self.numbers[(plane * extent + row) * self.line.len()..][..self.line.len()]
        };
        let (a, b) = (line(front, above), line(back, above));
        let (c, d) = (line(front, below), line(back, below));
        for (place, number) in self.line.iter_mut().enumerate() {
            let upper = between(a[place], b[place], depth);
            let lower = between(c[place], d[place], depth);
            *number = between(upper, lower, height);
        }
        self.index = Some(index);
    }
}

/// a + (b - a) share; a if the share is 0, whatever b is.
#[inline(always)]
fn between(a: f32, b: f32, share: f32) -> f32 {
    if share == 0.0 { a } else { a + (b - a) * share }
}
