//! Zeros around and between positions.

use super::{Dice, GraphError, GridRule, Inputs, Operation, Real, RealValue, Site, Weightless};
use crate::error::ModelError;
use crate::geometry::{AxisPadding, Shape};
use serde::{Deserialize, Serialize};

/// Zeros around and between the planes, rows and columns. A transposed convolution of stride `s` is
/// this, with `s - 1` zeros between neighbours, followed by a convolution.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    /// Zero rows.
    pub rows: AxisPadding,
    /// Zero columns.
    pub columns: AxisPadding,
    /// Zero planes.
    #[serde(default, skip_serializing_if = "AxisPadding::is_none")]
    pub planes: AxisPadding,
}

impl Pad {
    pub(super) fn invent(_: Shape, dice: &mut Dice<'_>) -> Self {
        let mut zeros = || AxisPadding {
            before: dice.between(0, 1),
            between: dice.between(0, 2),
            after: dice.between(0, 1),
        };
        Self { rows: zeros(), columns: zeros(), planes: AxisPadding::default() }
    }

    fn padding<T>(&self, input: Shape, output: Shape, zero: T) -> ZeroPadding<T> {
        let Self { rows, columns, planes } = *self;
        ZeroPadding { input, output, axes: [planes, rows, columns], zero }
    }
}

impl Operation for Pad {
    fn since(&self) -> u32 {
        2
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        let input = inputs.first();
        let padded =
            |padding: AxisPadding, extent| padding.output(extent).ok_or_else(|| inputs.too_large());
        Ok(Shape {
            depth: padded(self.planes, input.depth)?,
            height: padded(self.rows, input.height)?,
            width: padded(self.columns, input.width)?,
            ..input
        })
    }

    fn grid(&self) -> GridRule {
        GridRule::Kept
    }
}

impl Weightless for Pad {
    type Job = ZeroPadding;

    fn job(&self, site: &Site<'_>) -> Result<ZeroPadding, ModelError> {
        let input = site.inputs[0];
        let padding = self.padding(input.shape, site.output, input.grid.zero_point);
        Ok(padding)
    }
}

impl Real for Pad {
    fn real(&self, inputs: &[RealValue<'_>], shape: Shape, output: &mut [f32]) {
        self.padding(inputs[0].shape, shape, 0.0).over(inputs[0].numbers, output);
    }
}

/// Fills the output with zeros and copies pixels to their places.
#[derive(Clone, Debug)]
pub struct ZeroPadding<T = u8> {
    input: Shape,
    output: Shape,
    /// Padding of planes, rows and columns.
    axes: [AxisPadding; 3],
    /// The value that stands for x = 0.
    zero: T,
}

impl ZeroPadding {
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        self.over(input(0), output);
    }
}

impl<T: Copy> ZeroPadding<T> {
    fn over(&self, input: &[T], output: &mut [T]) {
        let Self { input: from, output: to, axes: [planes, rows, columns], zero } = self;
        output.fill(*zero);
        let lines = input.chunks_exact(from.width * from.channels);
        for (i, line) in lines.enumerate() {
            let (row, plane) = (i % from.height, i / from.height % from.depth);
            let picture = i / from.height / from.depth;
            let plane = picture * to.depth + planes.position(plane);
            let first = (plane * to.height + rows.position(row)) * to.width;
            for (column, pixel) in line.chunks_exact(from.channels).enumerate() {
                let at = (first + columns.position(column)) * to.channels;
                output[at..][..to.channels].copy_from_slice(pixel);
            }
        }
    }
}
