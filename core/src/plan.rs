//! The order of execution and the place of every value in memory.
//!
//! Nodes that no draw of the weights can reach form the *prefix*: they run once a picture. The
//! others run once a picture and sample. A value that crosses from one to the other (the input
//! itself, at least) lies in the *kept* memory; all others share one *scratch* arena, where values
//! that are never alive together may overlap. Offsets are for one picture; a batch of `n` has them
//! at `n` times the offset.

use crate::backend::{Add, AveragePool, Convolution, Pool, Rescale};
use crate::graph::{Graph, Node, Op, Padding, Range, Shape, Value, Window};
use crate::model::Model;
use crate::numerics::{
    Quantization, Target, mean_multiplier, requantize_multiplier, rescale_multiplier,
};
use alloc::{vec, vec::Vec};

/// What a step runs, with all parameters derived.
#[derive(Clone, Debug)]
pub enum Action {
    /// A weighted layer, by its number.
    Convolution(usize, Convolution),
    /// Maximum over a window.
    MaxPool(Pool),
    /// Mean over a window.
    AveragePool(AveragePool),
    /// Residual addition.
    Add(Add),
    /// Channels of all inputs, each brought to the output's grid.
    Concat(Vec<(Rescale, Shape)>, Target),
    /// Strided rows and columns.
    Slice(Shape, Range, Range),
    /// Channels of x = 0 around an input of this many channels.
    PadChannels {
        /// Channels of the input.
        channels: usize,
        /// Channels before them.
        before: usize,
        /// Channels after them.
        after: usize,
        /// Code of x = 0.
        zero_point: u8,
    },
    /// Change of grid or range.
    Requantize(Rescale, Target),
}

/// Which memory a value lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// Outlives the samples: the input and results of the prefix.
    Kept,
    /// The arena that steps share.
    Scratch,
    /// The f32 logits.
    Logits,
}

/// The place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which memory.
    pub region: Region,
    /// Bytes before it, for one picture.
    pub offset: usize,
    /// Bytes of one picture.
    pub size: usize,
}

/// One operation to run.
#[derive(Clone, Debug)]
pub struct Step {
    /// Index of the node.
    pub node: usize,
    /// What to run.
    pub action: Action,
    /// Where it reads.
    pub inputs: Vec<Place>,
    /// Where it writes.
    pub output: Place,
}

/// A model, ready to be executed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Steps that depend on the picture only.
    pub prefix: Vec<Step>,
    /// Steps that depend on the weight sample too.
    pub suffix: Vec<Step>,
    /// Bytes of kept memory a picture.
    pub kept_bytes: usize,
    /// Bytes of scratch memory a picture.
    pub scratch_bytes: usize,
    /// Place of the input.
    pub input: Place,
    /// Number of logits a picture.
    pub classes: usize,
}

/// Values begin at multiples of this, a cache line.
const ALIGNMENT: usize = 64;

impl Plan {
    /// Plans the execution of `model`.
    pub fn new(model: &Model) -> Self {
        let graph = model.graph();
        let sampled = sampled_nodes(model);
        let mut order: Vec<usize> = (0..sampled.len()).collect();
        order.sort_by_key(|&node| sampled[node]);
        let places = Places::assign(graph, &order, &sampled);

        let mut layer = 0;
        let mut layers = vec![0; graph.nodes().len()];
        for (index, node) in graph.nodes().iter().enumerate() {
            layers[index] = layer;
            layer += usize::from(node.op.is_weighted());
        }
        let (mut prefix, mut suffix) = (Vec::new(), Vec::new());
        for &node in &order {
            let Some(action) = action(model, node, layers[node]) else { continue };
            let inputs = graph.nodes()[node].inputs.iter().map(|&v| places.of(v)).collect();
            let output = places.of(Value::Node(node));
            let steps = if sampled[node] { &mut suffix } else { &mut prefix };
            steps.push(Step { node, action, inputs, output });
        }
        Self {
            prefix,
            suffix,
            kept_bytes: places.kept_bytes,
            scratch_bytes: places.scratch_bytes,
            input: places.of(Value::Input),
            classes: model.classes(),
        }
    }
}

/// For every node, whether its output depends on the draw of the weights. The last node counts as
/// if it did, so that every sample has logits.
fn sampled_nodes(model: &Model) -> Vec<bool> {
    let nodes = model.graph().nodes();
    let mut sampled = vec![false; nodes.len()];
    let mut layers = model.layers().iter();
    for (index, node) in nodes.iter().enumerate() {
        let own = node.op.is_weighted() && layers.next().is_some_and(|l| l.is_bayesian());
        let inherited = node.inputs.iter().any(|&v| matches!(v, Value::Node(n) if sampled[n]));
        sampled[index] = own || inherited || index + 1 == nodes.len();
    }
    sampled
}

/// The operation of a node; `None` where it costs nothing.
fn action(model: &Model, index: usize, layer: usize) -> Option<Action> {
    let graph = model.graph();
    let node = &graph.nodes()[index];
    let value = node.inputs[0];
    let input = graph.shape(value);
    // A validated model has a grid for every value that is read, and for all outputs but logits.
    let grid = |value| model.value_quantization(value).unwrap_or(Quantization::LOGITS);
    let x = grid(value);
    let y = grid(Value::Node(index));
    let range = model.quantization()[index].range;
    let target = Target::new(y, range);
    let rescale = |from: Quantization| Rescale {
        zero_point: from.zero_point,
        multiplier: rescale_multiplier(from.scale, y.scale),
    };
    Some(match node.op {
        Op::Conv2d { window, groups, .. } => {
            Action::Convolution(layer, convolution(model, index, layer, input, window, groups))
        }
        Op::Linear { .. } => {
            let vector = Shape::vector(input.elements());
            let window = Window::new([1, 1]);
            Action::Convolution(layer, convolution(model, index, layer, vector, window, 1))
        }
        Op::MaxPool(window) => Action::MaxPool(Pool { input, output: node.shape, window }),
        Op::AveragePool { window, count_include_pad } => {
            average_pool(node, input, x, y, target, window, count_include_pad)
        }
        Op::GlobalAveragePool => {
            let window = Window::new([input.height, input.width]);
            average_pool(node, input, x, y, target, window, false)
        }
        Op::Add => {
            let inputs = [rescale(x), rescale(grid(node.inputs[1]))];
            Action::Add(Add { inputs, target })
        }
        Op::Concat => {
            let part = |&v: &Value| (rescale(grid(v)), graph.shape(v));
            Action::Concat(node.inputs.iter().map(part).collect(), target)
        }
        Op::Slice { rows, columns } => Action::Slice(input, rows, columns),
        Op::PadChannels { before, after } => Action::PadChannels {
            channels: input.channels,
            before,
            after,
            zero_point: x.zero_point,
        },
        Op::Requantize => Action::Requantize(rescale(x), target),
        // The output is the input, see `Places`.
        Op::Flatten => return None,
    })
}

fn convolution(
    model: &Model,
    index: usize,
    layer: usize,
    input: Shape,
    window: Window,
    groups: usize,
) -> Convolution {
    let node = &model.graph().nodes()[index];
    let x = model.value_quantization(node.inputs[0]).unwrap_or(Quantization::LOGITS);
    let quantization = model.quantization()[index];
    let y = quantization.output.unwrap_or(Quantization::LOGITS);
    let multiplier = |&scale: &f32| requantize_multiplier(x.scale, scale, y.scale);
    Convolution {
        input,
        output: node.shape,
        window,
        groups,
        zero_point: x.zero_point,
        multipliers: model.layers()[layer].scale.iter().map(multiplier).collect(),
        target: quantization.output.map(|y| Target::new(y, quantization.range)),
    }
}

fn average_pool(
    node: &Node,
    input: Shape,
    x: Quantization,
    y: Quantization,
    target: Target,
    window: Window,
    count_include_pad: bool,
) -> Action {
    let taps = window.taps();
    let all_full = count_include_pad || window.padding == Padding::default();
    let counts = if all_full { taps..=taps } else { 1..=taps.min(input.spatial()) };
    Action::AveragePool(AveragePool {
        pool: Pool { input, output: node.shape, window },
        zero_point: x.zero_point,
        multipliers: counts.map(|n| mean_multiplier(x.scale, y.scale, n)).collect(),
        target,
    })
}

/// Where every value lies.
struct Places {
    input: Place,
    nodes: Vec<Place>,
    kept_bytes: usize,
    scratch_bytes: usize,
}

/// A scratch value while places are being found: alive from step `first` to step `last`.
struct Tenant {
    node: usize,
    size: usize,
    first: usize,
    last: usize,
}

impl Places {
    fn of(&self, value: Value) -> Place {
        match value {
            Value::Input => self.input,
            Value::Node(n) => self.nodes[n],
        }
    }

    /// Finds a place for every value. The largest values choose first, each takes the lowest gap
    /// that is free during its life.
    fn assign(graph: &Graph, order: &[usize], sampled: &[bool]) -> Self {
        let nodes = graph.nodes();
        let mut time = vec![0; nodes.len()];
        for (step, &node) in order.iter().enumerate() {
            time[node] = step;
        }
        // The node whose memory a value uses: a flattened value lies where its input lies.
        let mut owner: Vec<Value> = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            owner.push(match (&node.op, node.inputs[0]) {
                (Op::Flatten, Value::Node(n)) => owner[n],
                (Op::Flatten, Value::Input) => Value::Input,
                _ => Value::Node(index),
            });
        }
        let mut last: Vec<usize> = time.clone();
        let mut kept = vec![false; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            for &input in &node.inputs {
                let Value::Node(input) = input else { continue };
                let Value::Node(source) = owner[input] else { continue };
                last[source] = last[source].max(time[index]);
                kept[source] |= sampled[index] && !sampled[source];
            }
        }

        let size = |shape: Shape| shape.elements();
        let place = |region, offset, size| Place { region, offset, size };
        let input = place(Region::Kept, 0, size(graph.input()));
        let mut kept_bytes = round_up(input.size);
        let mut places = vec![place(Region::Logits, 0, 0); nodes.len()];
        let mut tenants = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let size = size(node.shape);
            if owner[index] != Value::Node(index) || index + 1 == nodes.len() {
                continue;
            } else if kept[index] {
                places[index] = place(Region::Kept, kept_bytes, size);
                kept_bytes += round_up(size);
            } else {
                tenants.push(Tenant { node: index, size, first: time[index], last: last[index] });
            }
        }
        tenants.sort_by_key(|t| (core::cmp::Reverse(t.size), t.node));

        let mut settled: Vec<(usize, Tenant)> = Vec::new();
        let mut scratch_bytes = 0;
        for tenant in tenants {
            let offset = lowest_gap(&settled, &tenant);
            scratch_bytes = scratch_bytes.max(offset + round_up(tenant.size));
            places[tenant.node] = place(Region::Scratch, offset, tenant.size);
            let at = settled.partition_point(|(o, _)| *o < offset);
            settled.insert(at, (offset, tenant));
        }
        for index in 0..nodes.len() {
            match owner[index] {
                Value::Input => places[index] = input,
                Value::Node(n) => places[index] = places[n],
            }
        }
        Self { input, nodes: places, kept_bytes, scratch_bytes }
    }
}

/// The lowest offset at which `tenant` meets none of the `settled` (in order of their offsets)
/// that live at the same time.
fn lowest_gap(settled: &[(usize, Tenant)], tenant: &Tenant) -> usize {
    let mut offset = 0;
    for (start, other) in settled {
        if other.last < tenant.first || tenant.last < other.first {
            continue;
        }
        if offset + round_up(tenant.size) <= *start {
            break;
        }
        offset = offset.max(start + round_up(other.size));
    }
    offset
}

fn round_up(size: usize) -> usize {
    size.next_multiple_of(ALIGNMENT)
}
