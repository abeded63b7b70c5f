//! The known parts of a graph's values before anything is lowered.

use std::collections::HashMap;

use rten_onnx::onnx::TensorProto;

use super::{constant::Constant, external::External, node::OnnxNode};

/// The batch, initializers and Constant nodes, before the import takes their bytes.
pub(super) struct Known<'m, 'a> {
    /// Extent of the batch.
    pub(super) batch: usize,
    initializers: &'m HashMap<&'a str, &'a TensorProto>,
    nodes: HashMap<&'a str, &'m OnnxNode<'a>>,
}

impl<'m, 'a> Known<'m, 'a> {
    /// `constants` are the Constant nodes.
    pub(super) fn new(
        batch: usize,
        initializers: &'m HashMap<&'a str, &'a TensorProto>,
        constants: impl Iterator<Item = &'m OnnxNode<'a>>,
    ) -> Self {
        let made = |node: &'m OnnxNode<'a>| Some((node.proto.output.first()?.as_str(), node));
        Self { batch, initializers, nodes: constants.filter_map(made).collect() }
    }

    fn tensor(&self, name: &str) -> Option<&'a TensorProto> {
        let made = || self.nodes.get(name)?.attribute("value")?.t.as_ref();
        self.initializers.get(name).copied().or_else(made)
    }

    /// The extents of a constant.
    pub(super) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        match self.tensor(name) {
            Some(tensor) => tensor.dims.iter().map(|&d| usize::try_from(d).ok()).collect(),
            None => self.nodes.get(name)?.floats("value_floats").ok()?.map(|list| vec![list.len()]),
        }
    }

    /// Integers of a node's input `i` or, as in older operator sets, of its attribute `name`.
    pub(super) fn operand(&self, node: &OnnxNode<'_>, i: usize, name: &str) -> Option<Vec<i64>> {
        let Some(input) = node.input(i) else { return Some(node.ints(name).ok()??.to_vec()) };
        let Some(tensor) = self.tensor(input) else {
            return Some(self.nodes.get(input)?.ints("value_ints").ok()??.to_vec());
        };
        // Copied, since decoding frees the bytes.
        let constant = Constant::decode(&tensor.clone(), input, &mut External::refused()).ok()?;
        Some(constant.as_integers()?.to_vec())
    }
}
