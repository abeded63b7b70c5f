//! A strided part of the positions.

use super::{
    Dice, GraphError, GridRule, Inputs, Operation, Real, RealValue, Site, SizeChange, Weightless,
};
use crate::error::ModelError;
use crate::geometry::{Range, Shape};
use serde::{Deserialize, Serialize};

/// A strided part of the planes, rows and columns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Rows to keep.
    pub rows: Range,
    /// Columns to keep.
    pub columns: Range,
    /// Planes to keep; all if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planes: Option<Range>,
}

impl Slice {
    pub(super) fn invent(input: Shape, dice: &mut Dice<'_>) -> Self {
        let mut range = |extent: usize| Range {
            start: dice.between(0, 1),
            end: extent,
            step: dice.between(1, 3),
        };
        let planes = (input.depth > 1).then(|| range(input.depth));
        Self { rows: range(input.height), columns: range(input.width), planes }
    }

    fn slicing(&self, input: Shape) -> Slicing {
        let planes = self.planes.unwrap_or(Range::whole(input.depth));
        Slicing { input, ranges: [planes, self.rows, self.columns] }
    }
}

impl Operation for Slice {
    fn since(&self) -> u32 {
        if self.planes.is_some() { 2 } else { 1 }
    }

    fn shape(&self, inputs: &Inputs<'_>) -> Result<Shape, GraphError> {
        let input = inputs.first();
        let error = || GraphError::Slice { node: inputs.node.into(), input };
        let Slicing { ranges: [planes, rows, columns], .. } = self.slicing(input);
        Ok(Shape {
            depth: planes.count(input.depth).ok_or_else(error)?,
            height: rows.count(input.height).ok_or_else(error)?,
            width: columns.count(input.width).ok_or_else(error)?,
            ..input
        })
    }

    fn at_size(&self, change: &SizeChange) -> Result<Self, &'static str> {
        let fixed = "keeps a part of its input whose place depends on the size";
        let range = |axis, range| change.range(axis, range).ok_or(fixed);
        let planes = self.planes.map(|planes| range(0, planes)).transpose()?;
        let (rows, columns) = (range(1, self.rows)?, range(2, self.columns)?);
        Ok(Self { rows, columns, planes })
    }

    fn grid(&self) -> GridRule {
        GridRule::Kept
    }
}

impl Weightless for Slice {
    type Job = Slicing;

    fn job(&self, site: &Site<'_>) -> Result<Slicing, ModelError> {
        Ok(self.slicing(site.inputs[0].shape))
    }
}

impl Real for Slice {
    fn real(&self, inputs: &[RealValue<'_>], _: Shape, output: &mut [f32]) {
        self.slicing(inputs[0].shape).over(inputs[0].numbers, output);
    }
}

/// Copies the pixels of some planes, rows and columns.
#[derive(Clone, Debug)]
pub struct Slicing {
    input: Shape,
    /// Planes, rows and columns to keep.
    ranges: [Range; 3],
}

impl Slicing {
    pub(super) fn run<'a>(&self, input: impl Fn(usize) -> &'a [u8], output: &mut [u8]) {
        self.over(input(0), output);
    }

    fn over<T: Copy>(&self, input: &[T], output: &mut [T]) {
        let Self { input: shape, ranges } = self;
        let [planes, rows, columns] =
            ranges.map(|range| (range.start..range.end).step_by(range.step));
        let mut pixels = output.chunks_exact_mut(shape.channels);
        for picture in input.chunks_exact(shape.elements()) {
            for plane in planes.clone() {
                for row in rows.clone() {
                    for column in columns.clone() {
                        let pixel = (plane * shape.height + row) * shape.width + column;
                        let pixel = &picture[pixel * shape.channels..][..shape.channels];
                        if let Some(to) = pixels.next() {
                            to.copy_from_slice(pixel);
                        }
                    }
                }
            }
        }
    }
}
