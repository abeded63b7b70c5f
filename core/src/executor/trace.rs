//! The output of every node, to find the first node on which two engines differ.

use super::memory::Memory;
use super::source::Made;
use super::{Executor, Workspace};
use crate::backend::Backend;
use crate::plan::{Place, Region};
use crate::posterior::Draw;
use alloc::vec::Vec;

/// The output of one node for a batch of pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOutput {
    /// Index of the node.
    pub node: usize,
    /// Its codes, NHWC, one picture after the other; for an output of the model, numbers as
    /// little-endian f32.
    pub bytes: Vec<u8>,
}

impl<B: Backend> Executor<B> {
    /// Runs the batch that [`Self::begin`] took with one sample, and returns the output of
    /// every step, in the order of the nodes.
    ///
    /// Two kinds of nodes have no step and are left out: a flattened value shares the memory of its
    /// input, and a convolution that ends in a residual addition ([`crate::plan`]) writes only the
    /// codes of the addition.
    pub fn trace(&self, draw: Draw, workspace: &mut Workspace<B>) -> Vec<NodeOutput> {
        let mut outputs: Vec<NodeOutput> = Vec::new();
        let mut keep = |node: usize, place: Place, memory: &Memory<'_>| {
            let at = outputs.partition_point(|output| output.node < node);
            if outputs.get(at).is_none_or(|output| output.node != node) {
                outputs.insert(at, NodeOutput { node, bytes: Vec::new() });
            }
            memory.copy(place, &mut outputs[at].bytes);
        };
        // Run the prefix again: the input codes of the batch are still there.
        for block in 0..workspace.pictures.div_ceil(workspace.capacity) {
            self.block(&self.plan.prefix, block, Made, workspace, &mut keep);
        }
        self.suffix(draw, None, workspace, &mut keep, &mut |_, _| {});
        outputs
    }
}

impl Memory<'_> {
    /// Appends the value at `place`.
    fn copy(&self, place: Place, bytes: &mut Vec<u8>) {
        let range = place.range(self.pictures);
        match place.region {
            Region::Kept => bytes.extend_from_slice(&self.kept[range]),
            Region::Scratch => bytes.extend_from_slice(&self.scratch[range]),
            Region::Outputs => {
                let numbers = &self.outputs[range];
                bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
        }
    }
}
