//! The network as a graph of operations on one picture's activations.
//!
//! Values are `[height, width, channels]` in NHWC order; a vector is `[1, 1, channels]`, a sequence
//! `[1, length, channels]`, and a volume has a depth before its height. The graph knows shapes and
//! geometry but no numbers: the quantized model and the FP32 network of the converter both hang
//! their parameters on the same [`Graph`].

mod error;
mod geometry;

pub use error::GraphError;
pub use geometry::{
    AxisPadding, Depth, MAX_ELEMENTS, Padding, Range, Shape, ShapeError, Window, WindowAxis,
};

use crate::name;
use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// What a node computes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Convolution over rows and columns, and over planes where its window has a depth; weights
    /// `[out_channels][KD][KH][KW][in_channels / groups]`.
    Conv2d {
        /// Channels of the output.
        out_channels: usize,
        /// Groups of channels that see only each other; divides both channel counts.
        groups: usize,
        /// Kernel, stride, dilation and padding.
        window: Window,
    },
    /// Fully connected layer over the whole input in `[D][H][W][C]` order; weights
    /// `[out][D * H * W * C]`.
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
    /// Mean over all planes, rows and columns.
    GlobalAveragePool,
    /// Sum of two values of one shape.
    Add,
    /// Product of two values: of one shape, or the second `[1, 1, C]`, one factor for each channel
    /// of the first.
    Multiply,
    /// Channels of all inputs one after the other.
    Concat,
    /// `[D, H, W, C]` seen as a vector, in that order.
    Flatten,
    /// A strided part of the planes, rows and columns.
    Slice {
        /// Which rows.
        rows: Range,
        /// Which columns.
        columns: Range,
        /// Which planes; all if `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planes: Option<Range>,
    },
    /// Zeros around and between the planes, rows and columns. A transposed convolution is this, with
    /// as many zeros between neighbours as make its stride, and a convolution.
    Pad {
        /// Zero rows.
        rows: AxisPadding,
        /// Zero columns.
        columns: AxisPadding,
        /// Zero planes.
        #[serde(default, skip_serializing_if = "AxisPadding::is_none")]
        planes: AxisPadding,
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
        matches!(
            self,
            Op::MaxPool(_)
                | Op::Flatten
                | Op::Slice { .. }
                | Op::Pad { .. }
                | Op::PadChannels { .. }
        )
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
            Op::Pad { .. } => "pad",
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

impl Graph {
    /// An empty graph over pictures of shape `input`.
    ///
    /// # Errors
    /// [`GraphError::InputShape`].
    pub fn new(input: Shape) -> Result<Self, GraphError> {
        input.checked().ok_or(GraphError::InputShape(input))?;
        Ok(Self { input, nodes: Vec::new(), names: BTreeMap::new() })
    }

    /// Makes room for `nodes` more.
    pub(crate) fn reserve(&mut self, nodes: usize) {
        self.nodes.reserve_exact(nodes);
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
        if let Some(fault) = name::fault(&name) {
            return Err(GraphError::Name { index, name, fault });
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
        let output = window.output(first).ok_or_else(error)?;
        if window.sees_only_padding() {
            return Err(error());
        }
        // No axis overflows: padding is below the window's reach, which fits the input.
        first.padded(&window.padding).checked().ok_or_else(|| GraphError::PaddedInput {
            node: node.into(),
            op: name,
            input: first,
        })?;
        Ok(output)
    };
    let mismatch = |other| {
        let shapes = Box::new([first, other]);
        GraphError::InputShapes { node: node.into(), op: name, shapes }
    };
    let too_large = || GraphError::OutputShape { node: node.into(), op: name };
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
            Shape { channels: out_channels, ..slide(window)? }
        }
        Op::Linear { out_features } => Shape::vector(out_features),
        Op::MaxPool(ref window) | Op::AveragePool { ref window, .. } => slide(window)?,
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
                if s.axes() != first.axes() {
                    return Err(mismatch(s));
                }
                channels += s.channels;
            }
            Shape { channels, ..first }
        }
        Op::Flatten => Shape::vector(first.elements()),
        Op::Slice { rows, columns, planes } => {
            let error = || GraphError::Slice { node: node.into(), input: first };
            let planes = planes.unwrap_or(Range::whole(first.depth));
            Shape {
                depth: planes.count(first.depth).ok_or_else(error)?,
                height: rows.count(first.height).ok_or_else(error)?,
                width: columns.count(first.width).ok_or_else(error)?,
                ..first
            }
        }
        Op::Pad { rows, columns, planes } => {
            let padded =
                |padding: AxisPadding, extent| padding.output(extent).ok_or_else(too_large);
            Shape {
                depth: padded(planes, first.depth)?,
                height: padded(rows, first.height)?,
                width: padded(columns, first.width)?,
                ..first
            }
        }
        Op::PadChannels { before, after } => {
            let channels = first.channels.saturating_add(before).saturating_add(after);
            Shape { channels, ..first }
        }
        Op::Requantize | Op::Table => first,
    };
    shape.checked().ok_or_else(too_large)
}
