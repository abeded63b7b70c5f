//! The cost of running a model, and limits on it.
//!
//! A file of a kilobyte can describe a network that takes hours or all of a machine's memory. Check
//! the [`Cost`] of a model from an untrusted file against [`Limits`] before running it. A model
//! that passes stays within them.

use crate::graph::Graph;
use crate::model::QuantizedModel;
use crate::plan::Plan;
use crate::quoted::Echo;
use alloc::{boxed::Box, format, string::String};
use thiserror::Error;

/// The most that a model may take for one picture and one weight sample.
///
/// # Examples
/// ```
/// use bayes8_core::limits::Limits;
///
/// let small = Limits::new().memory_bytes(64 << 20).steps(1 << 32);
/// assert!(small.memory_bytes < Limits::new().memory_bytes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of working memory ([`Cost::memory_bytes`]). By default 2 GiB: 32 of the largest values that a
    /// graph can have, all alive at once.
    pub memory_bytes: u64,
    /// Steps ([`Cost::steps`]). By default 2^42 (4.4 * 10^12): a thousand times those of ResNet-50.
    pub steps: u64,
}

impl Limits {
    /// Returns the defaults: 2 GiB and 2^42 steps.
    pub const fn new() -> Self {
        Self { memory_bytes: 2 << 30, steps: 1 << 42 }
    }

    /// Sets the bytes of working memory.
    #[must_use]
    pub const fn memory_bytes(self, memory_bytes: u64) -> Self {
        Self { memory_bytes, ..self }
    }

    /// Sets the number of steps.
    #[must_use]
    pub const fn steps(self, steps: u64) -> Self {
        Self { steps, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// The cost of one picture and one weight sample, besides the memory for weights.
///
/// # Examples
/// ```
/// use bayes8_core::format;
/// use bayes8_core::limits::{Cost, Limits};
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let model = format::read(&std::fs::read("models/mnist-cnn.safetensors")?)?;
/// let cost = Cost::new(&model);
/// println!("{} bytes, {} steps", cost.memory_bytes, cost.steps);
/// cost.check(&model, Limits::new())?;
/// assert!(cost.check(&model, Limits::new().steps(1000)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of working memory: all values that are alive at a time, the largest copy that an
    /// operation makes of its input, and the sums of the result.
    pub memory_bytes: u64,
    /// Steps of computation. An output element of a `conv2d` or `linear` node takes one step per
    /// product, but at least 64; of a pool, 64 steps per tap of its window; of `flatten`, which
    /// computes nothing, none; of any other node, 64.
    pub steps: u64,
    /// Index of the node with the largest part of the memory, and its bytes.
    most_memory: (usize, u64),
    /// Index of the node with the largest part of the steps, and their number.
    most_steps: (usize, u64),
}

/// Why a model exceeds [`Limits`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LimitError {
    /// Too much working memory.
    #[error(
        "a picture takes {} of working memory, more than the limit of {}; node {} has the largest \
         part, {}: raise the limit on memory if you trust the file",
        size(.0.needed), size(.0.limit), .0, size(.0.largest)
    )]
    Memory(Box<Excess>),
    /// Too many steps.
    #[error(
        "a picture takes {} steps for each weight sample, more than the limit of {}; node {} has the \
         largest part, {}: raise the limit on steps if you trust the file",
        .0.needed, .0.limit, .0, .0.largest
    )]
    Steps(Box<Excess>),
}

/// How a limit is exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// The amount that the model takes.
    pub needed: u64,
    /// The amount that is allowed.
    pub limit: u64,
    /// The node with the largest part.
    pub node: String,
    /// Its operation.
    pub op: &'static str,
    /// The part of this node.
    pub largest: u64,
}

/// Formats the node as `` `name` (operation) ``.
impl core::fmt::Display for Excess {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "`{}` ({})", Echo(&self.node), self.op)
    }
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0..100 => format!("{bytes} bytes"),
        mebibytes => format!("{mebibytes} MiB"),
    }
}

impl Cost {
    /// Computes the cost of `model` from its shapes, without running it.
    pub fn new(model: &QuantizedModel) -> Self {
        let graph = model.graph();
        let (mut copy, mut steps) = (0, 0u64);
        let (mut most_memory, mut most_steps) = ((0, 0), (0, 0));
        for (index, node) in graph.nodes().iter().enumerate() {
            let own_copy = copy_bytes(graph, index);
            copy = own_copy.max(copy);
            let memory = node.shape.elements() as u64 + own_copy;
            if memory > most_memory.1 {
                most_memory = (index, memory);
            }
            let own_steps = steps_of(graph, index);
            steps = steps.saturating_add(own_steps);
            if own_steps > most_steps.1 {
                most_steps = (index, own_steps);
            }
        }
        let result: usize = model.outputs().iter().map(|output| output.result_bytes()).sum();
        let Plan { kept_bytes, scratch_bytes, plane_sums, .. } = model.plan();
        let plane_sums = 2 * size_of::<f32>() as u64 * *plane_sums as u64;
        let values = (*kept_bytes as u64).saturating_add(*scratch_bytes as u64);
        let memory_bytes =
            values.saturating_add(copy).saturating_add(plane_sums).saturating_add(result as u64);
        Self { memory_bytes, steps, most_memory, most_steps }
    }

    /// Checks that the cost of `model` stays within `limits`.
    ///
    /// # Errors
    /// [`LimitError`], which names the node with the largest part.
    pub fn check(&self, model: &QuantizedModel, limits: Limits) -> Result<(), LimitError> {
        let excess = |needed, limit, (node, largest): (usize, u64)| {
            let node = &model.graph().nodes()[node];
            let (node, op) = (node.name.clone(), node.op.name());
            (needed > limit).then(|| Box::new(Excess { needed, limit, node, op, largest }))
        };
        // No allocator gives more. Saturated sums are above it too.
        let most = limits.memory_bytes.min(isize::MAX as u64);
        if let Some(excess) = excess(self.memory_bytes, most, self.most_memory) {
            return Err(LimitError::Memory(excess));
        }
        match excess(self.steps, limits.steps, self.most_steps) {
            Some(excess) => Err(LimitError::Steps(excess)),
            None => Ok(()),
        }
    }
}

/// Returns the bytes of the copy that an operation makes of its input, in the type of the widest
/// kernel.
fn copy_bytes<T>(graph: &Graph<T>, index: usize) -> u64 {
    match graph.filters(index) {
        Some(filters) if !filters.is_depthwise() => {
            let copy = filters.input.padded(&filters.window.padding);
            (size_of::<i16>() * copy.elements()) as u64
        }
        _ => 0,
    }
}

fn steps_of<T>(graph: &Graph<T>, index: usize) -> u64 {
    let node = &graph.nodes()[index];
    let of_element = node.op.operation().steps_per_element(graph.shape(node.inputs[0]));
    (node.shape.elements() as u64).saturating_mul(of_element)
}
