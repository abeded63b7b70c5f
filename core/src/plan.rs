//! The order of execution and the place of every value in memory.
//!
//! Nodes that do not depend on the sample form the *prefix* and run once per picture. The
//! others form the *suffix* and run once per picture and sample. A residual addition is done in the
//! epilogue of a convolution whose output nothing else reads. Values of the prefix that the suffix
//! reads, and the input itself, are in the *kept* memory. All others share one *scratch* arena,
//! where values that are never alive together may overlap. Offsets are for one picture; a batch of
//! `n` pictures has its values at `n` times the offset.

mod convolution;
mod places;
mod work;

pub use places::{Place, Region};

use crate::convolution::Convolution;
use crate::error::ModelError;
use crate::graph::Value;
use crate::layer::Layer;
use crate::model::Parts;
use crate::ops::Job;
use crate::posterior::PerMember;
use alloc::{sync::Arc, vec::Vec};
use places::Places;
use work::{NodeWork, fuse, sampled_nodes, work};

/// The work of a step, with all parameters derived. `L` is the form in which it holds its layers.
#[derive(Clone, Debug)]
pub enum Action<L> {
    /// A weighted layer: a convolution per member and its layer, or one that all members share.
    Convolution(PerMember<(Convolution, L)>),
    /// A loop over codes.
    Loop(Job),
}

/// One operation to run.
#[derive(Clone, Debug)]
pub struct Step<L> {
    /// Index of the node.
    pub node: usize,
    /// The work.
    pub action: Action<L>,
    /// Places of its inputs.
    pub inputs: Vec<Place>,
    /// Place of its output.
    pub output: Place,
}

impl<L> Step<L> {
    /// Returns the number of sums of one code plane that a layer over two planes makes for one
    /// picture; `None` for other steps.
    fn plane_sums(&self) -> Option<usize> {
        let Action::Convolution(members) = &self.action else { return None };
        let (convolution, _) = members.member(0);
        convolution.planes.as_ref().map(|_| convolution.output.elements())
    }

    /// Returns the number of multiply-accumulates per picture.
    pub(crate) fn multiply_accumulates(&self) -> u64 {
        match &self.action {
            Action::Convolution(members) => {
                // Those of the members are of the same size.
                let (Convolution { output, filters, planes, .. }, _) = members.member(0);
                let planes = if planes.is_some() { 2 } else { 1 };
                (planes * output.elements() as u64).saturating_mul(filters.fan_in() as u64)
            }
            Action::Loop(_) => 0,
        }
    }

    /// Returns the step with its layers in another form.
    pub(crate) fn with_layers<M>(&self, mut change: impl FnMut(&Convolution, &L) -> M) -> Step<M> {
        let action = match &self.action {
            Action::Convolution(members) => {
                Action::Convolution(members.clone_map(|(convolution, layer)| {
                    (convolution.clone(), change(convolution, layer))
                }))
            }
            Action::Loop(job) => Action::Loop(job.clone()),
        };
        Step { node: self.node, action, inputs: self.inputs.clone(), output: self.output }
    }
}

/// A model that is ready to be executed. `P` and `L` are the forms in which steps hold their
/// layers.
#[derive(Clone, Debug)]
pub struct Plan<P, L = P> {
    /// Steps that depend on the picture only. Their layers are deterministic, and all members share
    /// them.
    pub prefix: Vec<Step<P>>,
    /// Steps that also depend on the sample.
    pub suffix: Vec<Step<L>>,
    /// Bytes of kept memory per picture.
    pub kept_bytes: usize,
    /// Bytes of scratch memory per picture.
    pub scratch_bytes: usize,
    /// Place of the input.
    pub input: Place,
    /// Places of the outputs of the model, in their order.
    pub outputs: Vec<Place>,
    /// The most sums of a code plane that a step makes for one picture; 0 if the input has a single plane.
    pub plane_sums: usize,
}

impl Plan<Arc<Layer>> {
    /// Plans the execution of a model whose nodes and outputs have been checked.
    ///
    /// # Errors
    /// A [`ModelError`] if a layer does not fit its node or a derived number is not usable.
    pub(crate) fn new(parts: &Parts) -> Result<Self, ModelError> {
        let nodes = parts.graph.nodes();
        let sampled = sampled_nodes(nodes);
        let (mut order, after): (Vec<_>, Vec<_>) =
            (0..nodes.len()).partition(|&node| !sampled[node]);
        order.extend(after);
        let reads_input = parts.graph.input_readers();
        let mut random = 0;
        let works = (0..nodes.len()).map(|index| {
            let number = random;
            random += u32::from(nodes[index].op.is_random());
            work(parts, index, number, reads_input[index])
        });
        let mut works = works.collect::<Result<Vec<_>, _>>()?;
        fuse(nodes, &sampled, &mut works);
        let places = Places::assign(parts, &order, &sampled, &works);
        let (mut prefix, mut suffix) = (Vec::new(), Vec::new());
        for &node in &order {
            let inputs = &nodes[node].inputs;
            let (action, inputs) = match core::mem::replace(&mut works[node], NodeWork::View) {
                NodeWork::View | NodeWork::Fused { .. } => continue,
                NodeWork::Loop(job) => (Action::Loop(job), inputs.clone()),
                NodeWork::Convolution(members) => (Action::Convolution(members), inputs.clone()),
                NodeWork::Residual { members, inputs } => {
                    (Action::Convolution(members), inputs.to_vec())
                }
            };
            let inputs = inputs.into_iter().map(|value| places.of(value)).collect();
            let output = places.of(Value::Node(node));
            let steps = if sampled[node] { &mut suffix } else { &mut prefix };
            steps.push(Step { node, action, inputs, output });
        }
        let outputs = parts.outputs.iter().flat_map(|output| &output.nodes);
        let plane_sums = prefix.iter().chain(&suffix).filter_map(Step::plane_sums).max();
        let plane_sums = plane_sums.unwrap_or(0);
        Ok(Self {
            prefix,
            suffix,
            kept_bytes: places.kept_bytes,
            scratch_bytes: places.scratch_bytes,
            input: places.of(Value::Input),
            outputs: outputs.map(|&node| places.of(Value::Node(node))).collect(),
            plane_sums,
        })
    }
}
