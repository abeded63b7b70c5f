//! The FP32 reference, which runs a [`Network`] before quantization.
//!
//! Calibration observes its activations, and every quantized result is compared with its
//! predictions. Pictures run in parallel and in small groups, so that memory stays bounded by the
//! largest layers.

mod common_noise;
mod convolution;
mod predict;
mod typical_inputs;
mod weights;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bayes8_core::graph::{Node, Op, Shape, Value};
use bayes8_core::head::Output;
use bayes8_core::ops::RealValue;
use bayes8_core::session::{Estimate, OutOfMemory};
use ndarray::{Array2, ArrayView, Axis, Dimension};
use rayon::prelude::*;
use thiserror::Error;

pub use common_noise::CommonNoise;
pub use predict::{predict, predict_mean, predict_samples};
pub(crate) use typical_inputs::run_typical;
pub use weights::{FloatLayer, FloatWeights, draw};

use crate::network::{Clamp, Network, Real};
use convolution::Convolution;

/// Why a run is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RunError {
    /// Pictures whose shape differs from the network's input.
    #[error("inputs of shape {found:?} for an input of {expected} ({})", expected.axis_names())]
    PictureShape {
        /// Extents of a picture.
        found: Vec<usize>,
        /// The network's input.
        expected: Shape,
    },
    /// Weights that were not made for this network.
    #[error("the weights do not fit node `{0}`")]
    Weights(String),
    /// Outputs of another network.
    #[error("the outputs have {found} numbers, but the network has {expected}")]
    Outputs {
        /// The numbers that they have.
        found: usize,
        /// The numbers that the network has.
        expected: usize,
    },
    /// There is not enough memory for the sums of all pictures.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// A network without nodes.
    #[error("the network is empty")]
    Empty,
}

/// The most elements that the largest values of a group of pictures may have together: few enough
/// for a core's cache, enough to fill matrix products of small layers.
const GROUP_ELEMENTS: usize = 1 << 18;
const MAX_GROUP: usize = 16;

/// Runs a network on normalized pictures `[N, H, W, C]` (`[N, D, H, W, C]` for volumes; axes of
/// extent 1, except N, may be left out) with one draw of weights.
///
/// `observe(value, picture, elements)` sees every value of every picture in `[D][H][W][C]` order
/// after its clamp, the input too, in no particular order and from several threads. Returns the
/// numbers of the outputs, `[N, numbers]`, such as the logits of classes. Apart from rounding, a picture's result does not depend on the others.
///
/// # Errors
/// [`RunError`] when pictures or weights do not fit the network.
pub fn run<D, F>(
    network: &Network,
    weights: &FloatWeights<'_>,
    pictures: ArrayView<'_, f32, D>,
    observe: F,
) -> Result<Array2<f32>, RunError>
where
    D: Dimension,
    F: Fn(Value, usize, &[f32]) + Sync,
{
    let plan = Plan::new(network, weights)?;
    let expected = network.graph.input();
    let count = match pictures.shape() {
        [count, one @ ..] if expected.fits(one) => *count,
        other => {
            let found = other.get(1..).unwrap_or_default().to_vec();
            return Err(RunError::PictureShape { found, expected });
        }
    };
    let fair = count.div_ceil(rayon::current_num_threads());
    let group = (GROUP_ELEMENTS / plan.largest).clamp(1, MAX_GROUP).min(fair).max(1);
    let mut logits = Array2::zeros((count, network.numbers()));
    logits
        .axis_chunks_iter_mut(Axis(0), group)
        .enumerate()
        .collect::<Vec<_>>()
        .into_par_iter()
        .for_each_init(Vec::new, |free, (i, mut rows)| {
            let first = i * group;
            let members = pictures.slice_axis(Axis(0), (first..first + rows.nrows()).into());
            let result = plan.group(free, members, |value, member, elements| {
                observe(value, first + member, elements);
            });
            for (to, from) in rows.iter_mut().zip(&result) {
                *to = *from;
            }
            free.push(result);
        });
    Ok(logits)
}

/// Whether the mean weights, without dropout, keep every value finite on `pictures`, as [`run`] takes them. If so,
/// only the spread of the weights can make one overflow.
///
/// # Errors
/// [`RunError`] when the pictures do not fit the network.
pub fn stays_finite<D: Dimension>(
    network: &Network,
    pictures: ArrayView<'_, f32, D>,
) -> Result<bool, RunError> {
    let overflows = AtomicBool::new(false);
    for member in 0..network.members() {
        run(network, &FloatWeights::mean(network, member), pictures.view(), |_, _, numbers| {
            if numbers.iter().any(|x| !x.is_finite()) {
                overflows.store(true, Ordering::Relaxed);
            }
        })?;
    }
    Ok(!overflows.into_inner())
}

/// Returns `count` estimates without samples.
pub(crate) fn estimates(outputs: &Arc<[Output]>, count: usize) -> Result<Vec<Estimate>, RunError> {
    (0..count).map(|_| Ok(Estimate::new(outputs)?)).collect()
}

/// Adds the numbers of a run, `[N, numbers]`, to the estimates of the pictures.
pub(crate) fn add_sample(estimates: &mut [Estimate], numbers: &Array2<f32>) {
    for (estimate, numbers) in estimates.iter_mut().zip(numbers.rows()) {
        estimate.add(&numbers.to_vec(), false);
    }
}

/// The parts of a run that do not depend on the pictures.
struct Plan<'r> {
    network: &'r Network,
    /// Per node: weights in the order that its kernel needs.
    convolutions: Vec<Option<Convolution<'r>>>,
    /// Per node: the factor of every unit that dropout drops or keeps.
    masks: Vec<Option<Vec<f32>>>,
    /// Per value (0 is the input, n + 1 is node n): the last node that reads it.
    last_reader: Vec<usize>,
    /// Elements of the largest value.
    largest: usize,
}

impl<'r> Plan<'r> {
    fn new(network: &'r Network, weights: &'r FloatWeights<'_>) -> Result<Self, RunError> {
        let graph = &network.graph;
        let nodes = graph.nodes();
        if nodes.is_empty() {
            return Err(RunError::Empty);
        }
        let misfit = |node: &Node<Real>| RunError::Weights(node.name.clone());
        let mut convolutions = Vec::with_capacity(nodes.len());
        let mut last_reader = vec![0; nodes.len() + 1];
        for (n, node) in nodes.iter().enumerate() {
            for &input in &node.inputs {
                last_reader[place(input)] = n;
            }
            let input = graph.shape(node.inputs[0]);
            let layer = weights.layers.get(n).and_then(Option::as_ref);
            convolutions.push(match (node.op.filters(input), layer) {
                (None, _) => None,
                (Some(_), None) => return Err(misfit(node)),
                (Some(filters), Some(layer)) => {
                    Some(Convolution::new(filters, node.shape, layer).ok_or_else(|| misfit(node))?)
                }
            });
        }
        let mut random = 0..;
        let masks = nodes.iter().map(|node| {
            let Op::Dropout(dropout) = &node.op else { return None };
            let (number, draw) = (random.next()?, weights.masks?);
            let factor = (1.0 / (1.0 - dropout.probability.as_f64())) as f32;
            let kept = dropout.kept(number, draw, node.shape);
            Some(kept.map(|kept| if kept { factor } else { 0.0 }).collect())
        });
        let masks = masks.collect();
        let largest = nodes.iter().map(|node| node.shape.elements());
        let largest = largest.max().unwrap_or(1).max(graph.input().elements());
        Ok(Self { network, convolutions, masks, last_reader, largest })
    }

    /// The numbers of the outputs for a few pictures. `free` holds buffers for reuse.
    fn group<D: Dimension>(
        &self,
        free: &mut Vec<Vec<f32>>,
        pictures: ArrayView<'_, f32, D>,
        observe: impl Fn(Value, usize, &[f32]),
    ) -> Vec<f32> {
        let count = pictures.len_of(Axis(0));
        let graph = &self.network.graph;
        let nodes = graph.nodes();
        let show = |value, elements: &[f32]| {
            for (member, one) in elements.chunks(graph.shape(value).elements()).enumerate() {
                observe(value, member, one);
            }
        };
        let mut values: Vec<Vec<f32>> = vec![Vec::new(); nodes.len() + 1];
        let mut input = buffer(free, count * graph.input().elements());
        for (to, from) in input.iter_mut().zip(pictures.iter()) {
            *to = *from;
        }
        show(Value::Input, &input);
        values[0] = input;
        for (n, node) in nodes.iter().enumerate() {
            let mut out = buffer(free, count * node.shape.elements());
            self.node(n, node, &values, &mut out);
            clamp(node.data.clamp, &mut out);
            show(Value::Node(n), &out);
            values[n + 1] = out;
            for &input in &node.inputs {
                if self.last_reader[place(input)] == n {
                    free.push(std::mem::take(&mut values[place(input)]));
                }
            }
        }
        let mut numbers = buffer(free, count * self.network.numbers());
        let outputs = self.network.outputs.iter().flat_map(|output| &output.nodes);
        let mut rows = numbers.chunks_exact_mut(self.network.numbers().max(1));
        for picture in 0..count {
            let mut row = rows.next().unwrap_or_default();
            for &node in outputs.clone() {
                let elements = nodes[node].shape.elements();
                let (own, rest) = row.split_at_mut(elements);
                own.copy_from_slice(&values[node + 1][picture * elements..][..elements]);
                row = rest;
            }
        }
        free.extend(values.into_iter().filter(|value| !value.is_empty()));
        numbers
    }

    fn node(&self, n: usize, node: &Node<Real>, values: &[Vec<f32>], out: &mut [f32]) {
        let value = |&input: &Value| RealValue {
            shape: self.network.graph.shape(input),
            numbers: values[place(input)].as_slice(),
        };
        let inputs: Vec<RealValue<'_>> = node.inputs.iter().map(value).collect();
        if let (Op::Normalize(normalize), Some(affine)) = (&node.op, node.data.affine()) {
            return normalize.real(affine, inputs[0], out);
        }
        match (&self.convolutions[n], node.data.function(), node.op.real()) {
            (Some(convolution), ..) => convolution.run(inputs[0].numbers, out),
            (None, Some(function), _) => function.apply_all(inputs[0].numbers, out),
            (None, None, Some(operation)) => operation.real(&inputs, node.shape, out),
            (None, None, None) => match &self.masks[n] {
                Some(mask) => {
                    let numbers = inputs[0].numbers.chunks_exact(mask.len());
                    for (from, to) in numbers.zip(out.chunks_exact_mut(mask.len())) {
                        let products = from.iter().zip(mask).map(|(x, factor)| x * factor);
                        to.iter_mut().zip(products).for_each(|(to, x)| *to = x);
                    }
                }
                // Dropout is inactive. Importing gives every table a function.
                None => out.copy_from_slice(inputs[0].numbers),
            },
        }
    }
}

/// The index of a value in lists with one entry for the input, then one per node.
pub(crate) fn place(value: Value) -> usize {
    match value {
        Value::Input => 0,
        Value::Node(n) => n + 1,
    }
}

/// A buffer of this length, from `free` if there is one; its contents are arbitrary.
fn buffer(free: &mut Vec<Vec<f32>>, length: usize) -> Vec<f32> {
    let mut buffer = free.pop().unwrap_or_default();
    buffer.resize(length, 0.0);
    buffer
}

fn clamp(clamp: Clamp, values: &mut [f32]) {
    if !clamp.is_none() {
        values.iter_mut().for_each(|x| *x = clamp.apply(*x));
    }
}
