//! The order of execution and the place of every value in memory.
//!
//! Nodes that no draw of the weights can reach form the *prefix*: they run once a picture. The
//! others run once a picture and sample. A residual addition is done in the epilogue of a
//! convolution that nothing else reads. A value that crosses from one to the other (the input
//! itself, at least) lies in the *kept* memory; all others share one *scratch* arena, where values
//! that are never alive together may overlap. Offsets are for one picture; a batch of `n` has them
//! at `n` times the offset.

mod places;

use crate::backend::{Add, AveragePool, Convolution, Multiply, Pool, Rescale};
use crate::graph::{AxisPadding, Graph, Node, Op, Padding, Range, Shape, Value, Window};
use crate::model::Model;
use crate::numerics::{
    Quantization, Table, Target, mean_multiplier, requantize_multiplier, rescale_multiplier,
};
use alloc::{boxed::Box, vec, vec::Vec};
use places::Places;

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
    /// Product of two values.
    Multiply(Multiply),
    /// Channels of all inputs, each brought to the output's grid.
    Concat(Vec<(Rescale, Shape)>, Target),
    /// Strided planes, rows and columns of an input of this shape.
    Slice(Shape, [Range; 3]),
    /// Zeros around and between planes, rows and columns.
    Pad {
        /// Shape of the input.
        input: Shape,
        /// Shape of the output.
        output: Shape,
        /// Zeros of each axis.
        axes: [AxisPadding; 3],
        /// Code of x = 0.
        zero_point: u8,
    },
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
    /// A function of each code.
    Table(Box<Table>),
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

impl Plan {
    /// Plans the execution of `model`.
    pub fn new(model: &Model) -> Self {
        let graph = model.graph();
        let Layout { sampled, order, fused, places } = Layout::new(model);
        let numbers = numbers(graph);
        let (mut prefix, mut suffix) = (Vec::new(), Vec::new());
        for &node in &order {
            let inputs = &graph.nodes()[node].inputs;
            let (action, inputs) = if fused.addition[node].is_some() {
                continue;
            } else if let Some(branch) = fused.branch[node] {
                let action = residual_convolution(model, branch, numbers[branch], node);
                (action, vec![graph.nodes()[branch].inputs[0], other_input(inputs, branch)])
            } else if let Some(action) = action(model, node, numbers[node]) {
                (action, inputs.clone())
            } else {
                continue;
            };
            let inputs = inputs.into_iter().map(|value| places.of(value)).collect();
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
            classes: model.outputs(),
        }
    }
}

/// Where the steps of a model run and where its values lie: what follows from its shapes alone.
struct Layout {
    /// For every node, whether it runs once for each sample.
    sampled: Vec<bool>,
    /// The nodes as they run.
    order: Vec<usize>,
    fused: Fused,
    places: Places,
}

impl Layout {
    fn new(model: &Model) -> Self {
        let graph = model.graph();
        let sampled = sampled_nodes(model);
        let mut order: Vec<usize> = (0..sampled.len()).collect();
        order.sort_by_key(|&node| sampled[node]);
        let fused = Fused::find(graph, &sampled);
        let places = Places::assign(graph, &order, &sampled, &fused.addition);
        Self { sampled, order, fused, places }
    }
}

/// Bytes of all values of a picture; `usize::MAX` or less where there are more.
pub(crate) fn value_bytes(model: &Model) -> usize {
    let Layout { places, .. } = Layout::new(model);
    places.kept_bytes.saturating_add(places.scratch_bytes)
}

/// For every weighted node and every table, its number among those of its kind.
fn numbers(graph: &Graph) -> Vec<usize> {
    let (mut layers, mut tables) = (0.., 0..);
    let number = |node: &Node| match node.op {
        Op::Table => tables.next(),
        ref op if op.is_weighted() => layers.next(),
        _ => None,
    };
    graph.nodes().iter().map(number).map(Option::unwrap_or_default).collect()
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

/// Residual additions that are done in the epilogue of a convolution.
struct Fused {
    /// For every convolution that ends in one, the node of the addition.
    addition: Vec<Option<usize>>,
    /// The reverse.
    branch: Vec<Option<usize>>,
}

impl Fused {
    /// An addition fuses with the later of its two inputs that is a convolution which nothing else
    /// reads and that belongs to the same phase.
    fn find(graph: &Graph, sampled: &[bool]) -> Self {
        let nodes = graph.nodes();
        let mut readers = vec![0; nodes.len()];
        for input in nodes.iter().flat_map(|node| &node.inputs) {
            if let Value::Node(n) = *input {
                readers[n] += 1;
            }
        }
        let none = vec![None; nodes.len()];
        let mut fused = Self { addition: none.clone(), branch: none };
        for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.op == Op::Add) {
            let fits = |&value: &Value| match value {
                Value::Node(n) => {
                    let fits = nodes[n].op.is_weighted() && readers[n] == 1;
                    (fits && sampled[n] == sampled[index]).then_some(n)
                }
                Value::Input => None,
            };
            if let Some(branch) = node.inputs.iter().filter_map(fits).max() {
                fused.addition[branch] = Some(index);
                fused.branch[index] = Some(branch);
            }
        }
        fused
    }
}

/// The input of an addition that is not the node `branch`.
fn other_input(inputs: &[Value], branch: usize) -> Value {
    if inputs[0] == Value::Node(branch) { inputs[1] } else { inputs[0] }
}

/// The operation of a convolution and the addition `add` that it ends in.
fn residual_convolution(model: &Model, index: usize, layer: usize, add: usize) -> Action {
    let inputs = &model.graph().nodes()[add].inputs;
    let other = other_input(inputs, index);
    // All nodes but `Flatten` have an action.
    let action = [index, add].map(|node| action(model, node, layer));
    let [Some(Action::Convolution(_, convolution)), Some(Action::Add(mut addition))] = action
    else {
        unreachable!("a weighted node and an addition")
    };
    if inputs[0] == other {
        addition.inputs.swap(0, 1);
    }
    Action::Convolution(layer, Convolution { residual: Some(addition), ..convolution })
}

/// The operation of a node, which is number `number` of its kind ([`numbers`]); `None` where it
/// costs nothing.
fn action(model: &Model, index: usize, number: usize) -> Option<Action> {
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
            Action::Convolution(number, convolution(model, index, number, input, window, groups))
        }
        Op::Linear { .. } => {
            let vector = Shape::vector(input.elements());
            let window = Window::new([1, 1]);
            Action::Convolution(number, convolution(model, index, number, vector, window, 1))
        }
        Op::MaxPool(window) => Action::MaxPool(Pool { input, output: node.shape, window }),
        Op::AveragePool { window, count_include_pad } => {
            average_pool(node, input, x, y, target, window, count_include_pad)
        }
        Op::GlobalAveragePool => {
            let window = Window::whole(input);
            average_pool(node, input, x, y, target, window, false)
        }
        Op::Add => {
            let inputs = [rescale(x), rescale(grid(node.inputs[1]))];
            Action::Add(Add { inputs, target })
        }
        Op::Multiply => {
            let second = node.inputs[1];
            let other = grid(second);
            Action::Multiply(Multiply {
                elements: [input.elements(), graph.shape(second).elements()],
                zero_points: [x.zero_point, other.zero_point],
                multiplier: requantize_multiplier(x.scale, other.scale, y.scale),
                target,
            })
        }
        Op::Concat => {
            let part = |&v: &Value| (rescale(grid(v)), graph.shape(v));
            Action::Concat(node.inputs.iter().map(part).collect(), target)
        }
        Op::Slice { rows, columns, planes } => {
            let planes = planes.unwrap_or(Range::whole(input.depth));
            Action::Slice(input, [planes, rows, columns])
        }
        Op::Pad { rows, columns, planes } => Action::Pad {
            input,
            output: node.shape,
            axes: [planes, rows, columns],
            zero_point: x.zero_point,
        },
        Op::PadChannels { before, after } => Action::PadChannels {
            channels: input.channels,
            before,
            after,
            zero_point: x.zero_point,
        },
        Op::Requantize => Action::Requantize(rescale(x), target),
        Op::Table => Action::Table(Box::new(model.tables()[number])),
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
        residual: None,
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
