//! The memory that the steps of one block of pictures work on. A step may read everything except
//! the part that it writes.

use crate::convolution::{Convolution, Output};
use crate::plan::{Place, Region, Step};
use core::ops::Range;

impl Place {
    /// Returns the byte range of the value for a batch.
    pub(super) fn range(&self, pictures: usize) -> Range<usize> {
        let start = self.offset * pictures;
        start..start + self.size * pictures
    }
}

/// The memory that the steps of one block work on.
pub(super) struct Memory<'a> {
    pub(super) pictures: usize,
    pub(super) kept: &'a mut [u8],
    pub(super) scratch: &'a mut [u8],
    /// Outputs of the model for this block only.
    pub(super) outputs: &'a mut [f32],
}

/// The memory that a step may read: everything except its output.
pub(super) struct Inputs<'a> {
    kept: Split<'a>,
    scratch: Split<'a>,
}

/// A region without the part that is being written.
struct Split<'a> {
    below: &'a [u8],
    above: &'a [u8],
    above_start: usize,
}

impl<'a> Split<'a> {
    fn whole(memory: &'a [u8]) -> Self {
        Self { below: memory, above: &[], above_start: memory.len() }
    }

    /// Splits `range` off `memory` for writing.
    fn around(memory: &'a mut [u8], range: Range<usize>) -> (Self, &'a mut [u8]) {
        let above_start = range.end;
        let (below, rest) = memory.split_at_mut(range.start);
        let (hole, above) = rest.split_at_mut(range.end - range.start);
        (Self { below, above, above_start }, hole)
    }

    fn get(&self, range: Range<usize>) -> &'a [u8] {
        if range.start < self.above_start {
            &self.below[range]
        } else {
            &self.above[range.start - self.above_start..range.end - self.above_start]
        }
    }
}

impl<'a> Inputs<'a> {
    pub(super) fn get(&self, place: Place, pictures: usize) -> &'a [u8] {
        let region = if place.region == Region::Kept { &self.kept } else { &self.scratch };
        region.get(place.range(pictures))
    }
}

impl Memory<'_> {
    /// Returns the memory that a step with output `output` may read, and its output.
    pub(super) fn operands(&mut self, output: Place) -> (Inputs<'_>, &mut [u8]) {
        let range = output.range(self.pictures);
        if output.region == Region::Kept {
            let (kept, output) = Split::around(self.kept, range);
            (Inputs { kept, scratch: Split::whole(self.scratch) }, output)
        } else {
            let (scratch, output) = Split::around(self.scratch, range);
            (Inputs { kept: Split::whole(self.kept), scratch }, output)
        }
    }

    /// Returns the input and the output of a weighted layer.
    pub(super) fn convolution_operands<L>(
        &mut self,
        step: &Step<L>,
        job: &Convolution,
    ) -> (&[u8], Output<'_>) {
        let pictures = self.pictures;
        if step.output.region != Region::Outputs {
            // Other places hold codes: nodes whose outputs have a grid.
            let planes = job.planes.as_ref().map(|planes| planes.target);
            let Some(target) = planes.unwrap_or(job.target) else { unreachable!("a grid") };
            let (inputs, codes) = self.operands(step.output);
            let output = match job.residual {
                None => Output::Codes(codes, target),
                Some(add) => Output::Sums(codes, target, add, inputs.get(step.inputs[1], pictures)),
            };
            (inputs.get(step.inputs[0], pictures), output)
        } else {
            let kept = Split::whole(self.kept);
            let inputs = Inputs { kept, scratch: Split::whole(self.scratch) };
            (
                inputs.get(step.inputs[0], pictures),
                Output::Logits(&mut self.outputs[step.output.range(pictures)]),
            )
        }
    }
}
