//! The network as a graph of operations on one picture's activations.
//!
//! Values are `[height, width, channels]` in NHWC order; a vector is `[1, 1, channels]`. The graph
//! knows shapes and geometry but no numbers: the quantized model and the FP32 network of the
//! converter both hang their parameters on the same [`Graph`].

mod geometry;

pub use geometry::{MAX_ELEMENTS, Padding, Range, Shape, Window};

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a node computes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Two-dimensional convolution; weights `[out_channels][KH][KW][in_channels / groups]`.
    Conv2d {
        /// Channels of the output.
        out_channels: usize,
        /// Groups of channels that see only each other; divides both channel counts.
        groups: usize,
        /// Kernel, stride, dilation and padding.
        window: Window,
    },
    /// Fully connected layer over the whole input in `[H][W][C]` order; weights `[out][H * W * C]`.
    Linear {
        /// Length of the output vector.
        out_features: usize,
    },
    /// Maximum over a window; padding never wins.
    MaxPool(Window),
    /// Mean over a window.
    AveragePool {
        /// Kernel, stride, dilation and padding.
        window: Window,
        /// Whether padding counts, as zeros, in the divisor.
        count_include_pad: bool,
    },
    /// Mean over all rows and columns.
    GlobalAveragePool,
    /// Sum of two values of one shape.
    Add,
    /// Product of two values: of one shape, or the second `[1, 1, C]`, one factor for each channel
    /// of the first.
    Multiply,
    /// Channels of all inputs one after the other.
    Concat,
    /// `[H, W, C]` seen as a vector, in that order.
    Flatten,
    /// A strided part of the rows and columns.
    Slice {
        /// Which rows.
        rows: Range,
        /// Which columns.
        columns: Range,
    },
    /// Zero channels before and after the input's.
    PadChannels {
        /// Channels before the first.
        before: usize,
        /// Channels after the last.
        after: usize,
    },
    /// The same numbers, clamped or on another quantization grid: an activation that no other
    /// operation could take up.
    Requantize,
    /// A function of each element, as a table from codes to codes: sigmoid, SiLU, tanh.
    Table,
}

impl Op {
    /// Whether the node owns weights, and thus may be Bayesian.
    pub fn is_weighted(&self) -> bool {
        matches!(self, Op::Conv2d { .. } | Op::Linear { .. })
    }

    /// Whether the node only moves codes: its output shares its input's quantization.
    pub fn only_moves(&self) -> bool {
        matches!(self, Op::MaxPool(_) | Op::Flatten | Op::Slice { .. } | Op::PadChannels { .. })
    }

    /// Name of the operation, as in the model file.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Conv2d { .. } => "conv2d",
            Op::Linear { .. } => "linear",
            Op::MaxPool(_) => "max_pool",
            Op::AveragePool { .. } => "average_pool",
            Op::GlobalAveragePool => "global_average_pool",
            Op::Add => "add",
            Op::Multiply => "multiply",
            Op::Concat => "concat",
            Op::Flatten => "flatten",
            Op::Slice { .. } => "slice",
            Op::PadChannels { .. } => "pad_channels",
            Op::Requantize => "requantize",
            Op::Table => "table",
        }
    }
}

/// A value of the graph: its input or a node's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// The network's input.
    Input,
    /// The output of the node with this index.
    Node(usize),
}

/// One operation of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Unique, not empty.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// What it reads: values that precede the node.
    pub inputs: Vec<Value>,
    /// Shape of its output.
    pub shape: Shape,
}

/// A directed acyclic graph in execution order; its output is the last node's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    input: Shape,
    nodes: Vec<Node>,
    /// Index of every node by its name.
    names: BTreeMap<String, usize>,
}

/// Why a node cannot be part of a graph. Every variant names the node.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GraphError {
    /// An input with an empty axis, or too large.
    #[error("the input shape {0} is empty or holds more than 2^26 elements")]
    InputShape(Shape),
    /// No name.
    #[error("node number {0} has an empty name")]
    EmptyName(usize),
    /// Two nodes of one name, or a node named `input`.
    #[error("the name `{0}` is taken twice (`input` is the network's input)")]
    DuplicateName(String),
    /// Reads a value that no earlier node makes: unknown, later, or the node itself (a cycle).
    #[error("node `{node}` reads value number {input}, which no earlier node makes")]
    InputOrder {
        /// The node.
        node: String,
        /// Position in its list of inputs.
        input: usize,
    },
    /// Wrong number of inputs.
    #[error("node `{node}` ({op}) takes {expected}, but has {found}")]
    InputCount {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// What it takes.
        expected: &'static str,
        /// How many it has.
        found: usize,
    },
    /// Inputs whose shapes do not go together.
    #[error("node `{node}` ({op}) cannot combine inputs of shapes {first} and {other}")]
    InputShapes {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// Shape of the first input.
        first: Shape,
        /// Shape of the one that does not fit.
        other: Shape,
    },
    /// Groups that do not divide the channels.
    #[error(
        "node `{node}`: {groups} groups do not divide {in_channels} input and {out_channels} output channels"
    )]
    Groups {
        /// The node.
        node: String,
        /// Number of groups.
        groups: usize,
        /// Channels of the input.
        in_channels: usize,
        /// Channels of the output.
        out_channels: usize,
    },
    /// A window that does not fit, or whose padding is at least as large as its reach.
    #[error(
        "node `{node}` ({op}): its window does not fit an input of {input}, has a zero extent, or pads by its whole reach"
    )]
    Window {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// Shape of the input.
        input: Shape,
    },
    /// An input that is too large with its padding around it, which kernels may copy.
    #[error(
        "node `{node}` ({op}): its input of {input} with padding holds more than 2^26 elements"
    )]
    PaddedInput {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// Shape of the input.
        input: Shape,
    },
    /// A slice outside of the input or empty.
    #[error("node `{node}`: the slice is empty or leaves the input of {input}")]
    Slice {
        /// The node.
        node: String,
        /// Shape of the input.
        input: Shape,
    },
    /// An output with an empty axis, or too large.
    #[error("node `{node}` ({op}): the output is empty or holds more than 2^26 elements")]
    OutputShape {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
    },
}

impl Graph {
    /// An empty graph over pictures of shape `input`.
    ///
    /// # Errors
    /// [`GraphError::InputShape`].
    pub fn new(input: Shape) -> Result<Self, GraphError> {
        input.checked().ok_or(GraphError::InputShape(input))?;
        Ok(Self { input, nodes: Vec::new(), names: BTreeMap::new() })
    }

    /// Appends a node and returns the value that it makes. The shape of the output follows from
    /// the inputs.
    ///
    /// # Errors
    /// A [`GraphError`] that names the node; the graph is unchanged.
    pub fn push(&mut self, name: String, op: Op, inputs: Vec<Value>) -> Result<Value, GraphError> {
        let index = self.nodes.len();
        if name.is_empty() {
            return Err(GraphError::EmptyName(index));
        }
        if self.value(&name).is_some() {
            return Err(GraphError::DuplicateName(name));
        }
        for (i, &value) in inputs.iter().enumerate() {
            if matches!(value, Value::Node(n) if n >= index) {
                return Err(GraphError::InputOrder { node: name, input: i });
            }
        }
        let shapes: Vec<Shape> = inputs.iter().map(|&v| self.shape(v)).collect();
        let shape = infer_shape(&name, &op, &shapes)?;
        self.names.insert(name.clone(), index);
        self.nodes.push(Node { name, op, inputs, shape });
        Ok(Value::Node(index))
    }

    /// Shape of the input.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The nodes in execution order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The value of this name: `input`, or the node's output.
    pub fn value(&self, name: &str) -> Option<Value> {
        match name {
            "input" => Some(Value::Input),
            _ => self.names.get(name).map(|&n| Value::Node(n)),
        }
    }

    /// Shape of a value of this graph.
    ///
    /// # Panics
    /// When the value is of another graph.
    pub fn shape(&self, value: Value) -> Shape {
        match value {
            Value::Input => self.input,
            Value::Node(n) => self.nodes[n].shape,
        }
    }

    /// Multiply-accumulates of one picture in the weighted node `index`; 0 for other nodes.
    pub fn multiply_accumulates(&self, index: usize) -> u64 {
        let node = &self.nodes[index];
        (node.shape.elements() as u64).saturating_mul(self.fan_in(index) as u64)
    }

    /// Number of weights that make one output of the weighted node `index`; 0 for other nodes.
    pub fn fan_in(&self, index: usize) -> usize {
        let node = &self.nodes[index];
        match node.op {
            Op::Conv2d { groups, window, .. } => {
                window.taps().saturating_mul(self.shape(node.inputs[0]).channels / groups)
            }
            Op::Linear { .. } => self.shape(node.inputs[0]).elements(),
            _ => 0,
        }
    }
}

fn infer_shape(node: &str, op: &Op, inputs: &[Shape]) -> Result<Shape, GraphError> {
    let name = op.name();
    let count = |ok: bool, expected| {
        if ok {
            Ok(())
        } else {
            Err(GraphError::InputCount {
                node: node.into(),
                op: name,
                expected,
                found: inputs.len(),
            })
        }
    };
    match op {
        Op::Add | Op::Multiply => count(inputs.len() == 2, "two inputs")?,
        Op::Concat => count(inputs.len() >= 2, "at least two inputs")?,
        _ => count(inputs.len() == 1, "one input")?,
    }
    let first = inputs[0];
    let slide = |window: &Window| {
        let error = || GraphError::Window { node: node.into(), op: name, input: first };
        let Padding { top, left, bottom, right } = window.padding;
        let [rows, columns] = window.output(first.height, first.width).ok_or_else(error)?;
        let reach = |i: usize| (window.kernel[i] - 1) * window.dilation[i];
        // Otherwise an output would see nothing but padding.
        if top.max(bottom) > reach(0) || left.max(right) > reach(1) {
            return Err(error());
        }
        // No axis overflows: padding is below the window's reach, which fits the input.
        first.padded(&window.padding).checked().ok_or_else(|| GraphError::PaddedInput {
            node: node.into(),
            op: name,
            input: first,
        })?;
        Ok((rows, columns))
    };
    let mismatch = |other| GraphError::InputShapes { node: node.into(), op: name, first, other };
    let shape = match *op {
        Op::Conv2d { out_channels, groups, ref window } => {
            let divides = |n: usize| groups > 0 && n.is_multiple_of(groups);
            if !divides(first.channels) || !divides(out_channels) {
                return Err(GraphError::Groups {
                    node: node.into(),
                    groups,
                    in_channels: first.channels,
                    out_channels,
                });
            }
            let (rows, columns) = slide(window)?;
            Shape::new(rows, columns, out_channels)
        }
        Op::Linear { out_features } => Shape::vector(out_features),
        Op::MaxPool(ref window) | Op::AveragePool { ref window, .. } => {
            let (rows, columns) = slide(window)?;
            Shape::new(rows, columns, first.channels)
        }
        Op::GlobalAveragePool => Shape::vector(first.channels),
        Op::Add => match inputs.iter().find(|&&s| s != first) {
            Some(&other) => return Err(mismatch(other)),
            None => first,
        },
        Op::Multiply => match inputs[1] {
            other if other != first && other != Shape::vector(first.channels) => {
                return Err(mismatch(other));
            }
            _ => first,
        },
        Op::Concat => {
            let mut channels = 0;
            for &s in inputs {
                if (s.height, s.width) != (first.height, first.width) {
                    return Err(mismatch(s));
                }
                channels += s.channels;
            }
            Shape { channels, ..first }
        }
        Op::Flatten => Shape::vector(first.elements()),
        Op::Slice { ref rows, ref columns } => {
            match (rows.count(first.height), columns.count(first.width)) {
                (Some(height), Some(width)) => Shape { height, width, ..first },
                _ => return Err(GraphError::Slice { node: node.into(), input: first }),
            }
        }
        Op::PadChannels { before, after } => {
            let channels = first.channels.saturating_add(before).saturating_add(after);
            Shape { channels, ..first }
        }
        Op::Requantize | Op::Table => first,
    };
    shape.checked().ok_or_else(|| GraphError::OutputShape { node: node.into(), op: name })
}
