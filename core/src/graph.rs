//! The network as a graph of operations on one picture's activations.
//!
//! Values are `[height, width, channels]` in NHWC order. A vector is `[1, 1, channels]`, a sequence
//! `[1, length, channels]`, and a volume has a depth before its height. The graph itself knows only
//! shapes and geometry. Its owner attaches data of any type to each node: grids and codes in a
//! quantized model, real numbers in the converter's FP32 network.

pub use crate::geometry::{
    AxisPadding, Depth, MAX_ELEMENTS, Padding, Range, Shape, ShapeError, Window, WindowAxis,
};
pub use crate::name::NameFault;
pub use crate::ops::{
    AveragePool, Conv2d, Filters, GraphError, Linear, MaxPool, Op, Pad, PadChannels, Slice,
};

use crate::name;
use crate::ops::Inputs;
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// A value of the graph: the input, or a node's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// The network's input.
    Input,
    /// The output of the node with this index.
    Node(usize),
}

/// One operation of the graph, with data `T` that the graph's owner attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<T = ()> {
    /// A unique name, not empty.
    pub name: String,
    /// The operation.
    pub op: Op,
    /// The values that it reads, all of which precede the node.
    pub inputs: Vec<Value>,
    /// The shape of its output.
    pub shape: Shape,
    /// The data that the graph's owner attaches.
    pub data: T,
}

/// A directed acyclic graph of operations in execution order. Its output is the last node's.
///
/// # Examples
/// ```
/// use bayes8_core::graph::{Graph, GraphError, Op, Shape, Value, Window};
///
/// # fn main() -> Result<(), GraphError> {
/// let mut graph = Graph::new(Shape::new(8, 8, 3))?;
/// let sum = graph.push("double".into(), Op::Add, vec![Value::Input, Value::Input], ())?;
/// let mean = graph.push("mean".into(), Op::GlobalAveragePool, vec![sum], ())?;
/// assert_eq!(graph.shape(mean), Shape::vector(3));
/// assert_eq!(graph.value("double"), Some(sum));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph<T = ()> {
    input: Shape,
    nodes: Vec<Node<T>>,
    /// Index of every node by its name.
    names: BTreeMap<String, usize>,
}

impl<T> Graph<T> {
    /// Creates an empty graph over pictures of shape `input`.
    ///
    /// # Errors
    /// [`GraphError::InputShape`] if an axis is empty or the input has more than [`MAX_ELEMENTS`]
    /// elements.
    pub fn new(input: Shape) -> Result<Self, GraphError> {
        input.checked().ok_or(GraphError::InputShape(input))?;
        Ok(Self { input, nodes: Vec::new(), names: BTreeMap::new() })
    }

    /// Reserves memory for `nodes` more nodes.
    pub(crate) fn reserve(&mut self, nodes: usize) {
        self.nodes.reserve_exact(nodes);
    }

    /// Appends a node and returns its output. The shape of the output follows from the inputs.
    ///
    /// # Errors
    /// A [`GraphError`] that names the node; the graph is unchanged.
    pub fn push(
        &mut self,
        name: String,
        op: impl Into<Op>,
        inputs: Vec<Value>,
        data: T,
    ) -> Result<Value, GraphError> {
        self.push_with(name, op.into(), inputs, |_, _| Ok(data))
    }

    /// Appends a node whose data depends on its shape and, if it is weighted, on how it sees its
    /// input.
    ///
    /// # Errors
    /// A [`GraphError`] that names the node, or an error of `data`; the graph is unchanged.
    pub fn push_with<E: From<GraphError>>(
        &mut self,
        name: String,
        op: Op,
        inputs: Vec<Value>,
        data: impl FnOnce(&Node, Option<Filters>) -> Result<T, E>,
    ) -> Result<Value, E> {
        let (index, shape) = (self.nodes.len(), self.check(&name, &op, &inputs)?);
        let filters = op.filters(self.shape(inputs[0]));
        let node = Node { name, op, inputs, shape, data: () };
        let data = data(&node, filters)?;
        let Node { name, op, inputs, .. } = node;
        self.names.insert(name.clone(), index);
        self.nodes.push(Node { name, op, inputs, shape, data });
        Ok(Value::Node(index))
    }

    /// Returns the shape of the output of a node that is to be appended.
    fn check(&self, name: &str, op: &Op, inputs: &[Value]) -> Result<Shape, GraphError> {
        let index = self.nodes.len();
        if name.is_empty() {
            return Err(GraphError::EmptyName(index));
        }
        if let Some(fault) = name::fault(name) {
            return Err(GraphError::Name { index, name: name.into(), fault });
        }
        if self.value(name).is_some() {
            return Err(GraphError::DuplicateName(name.into()));
        }
        for (i, &value) in inputs.iter().enumerate() {
            if matches!(value, Value::Node(n) if n >= index) {
                return Err(GraphError::InputOrder { node: name.into(), input: i });
            }
        }
        let shapes: Vec<Shape> = inputs.iter().map(|&value| self.shape(value)).collect();
        let (operation, op) = (op.operation(), op.name());
        let arity = operation.arity();
        if !arity.admits(shapes.len()) {
            let (expected, found) = (arity.text(), shapes.len());
            return Err(GraphError::InputCount { node: name.into(), op, expected, found });
        }
        let inputs = Inputs { node: name, op, shapes: &shapes };
        operation.shape(&inputs)?.checked().ok_or_else(|| inputs.too_large())
    }

    /// Returns a graph of the same operations with other data, which `data` computes from each node
    /// and its index, in order.
    pub fn derive<U>(&self, mut data: impl FnMut(usize, &Node<T>) -> U) -> Graph<U> {
        let nodes = Vec::with_capacity(self.nodes.len());
        let mut graph = Graph { input: self.input, nodes, names: self.names.clone() };
        for (index, node) in self.nodes.iter().enumerate() {
            let data = data(index, node);
            let Node { name, op, inputs, shape, .. } = node;
            let (name, op, inputs) = (name.clone(), op.clone(), inputs.clone());
            graph.nodes.push(Node { name, op, inputs, shape: *shape, data });
        }
        graph
    }

    /// Returns the graph without its dropout nodes, whose readers read their inputs instead.
    #[must_use]
    pub fn without_dropout(self) -> Self {
        let mut graph = Self { input: self.input, nodes: Vec::new(), names: BTreeMap::new() };
        // What now stands for the output of each node.
        let mut values: Vec<Value> = Vec::new();
        for mut node in self.nodes {
            for value in &mut node.inputs {
                if let Value::Node(n) = *value {
                    *value = values[n];
                }
            }
            if matches!(node.op, Op::Dropout(_)) {
                values.push(node.inputs[0]);
                continue;
            }
            values.push(Value::Node(graph.nodes.len()));
            graph.names.insert(node.name.clone(), graph.nodes.len());
            graph.nodes.push(node);
        }
        graph
    }

    /// Returns the nodes, in execution order.
    pub fn into_nodes(self) -> Vec<Node<T>> {
        self.nodes
    }

    /// Returns the name of node `index` and its data.
    ///
    /// # Panics
    /// When the node does not exist.
    pub fn node_mut(&mut self, index: usize) -> (&str, &mut T) {
        let Node { name, data, .. } = &mut self.nodes[index];
        (name, data)
    }

    /// Iterates over the data of the nodes, in order.
    pub fn data_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.nodes.iter_mut().map(|node| &mut node.data)
    }

    /// Returns the shape of the input.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// Returns the nodes in execution order.
    pub fn nodes(&self) -> &[Node<T>] {
        &self.nodes
    }

    /// Returns the value of this name: the network's input for `input`, else the output of the
    /// node.
    pub fn value(&self, name: &str) -> Option<Value> {
        match name {
            "input" => Some(Value::Input),
            _ => self.names.get(name).map(|&n| Value::Node(n)),
        }
    }

    /// Returns the shape of a value of this graph.
    ///
    /// # Panics
    /// When the value is not in this graph.
    pub fn shape(&self, value: Value) -> Shape {
        match value {
            Value::Input => self.input,
            Value::Node(n) => self.nodes[n].shape,
        }
    }

    /// Returns for every node whether it reads the input of the network, flattened or not.
    pub fn input_readers(&self) -> Vec<bool> {
        let mut reads: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let is_input = |value: &Value| match *value {
                Value::Input => true,
                Value::Node(n) => reads[n] && self.nodes[n].op == Op::Flatten,
            };
            let any = node.inputs.iter().any(is_input);
            reads.push(any);
        }
        reads
    }

    /// Returns the number of multiply-accumulates that the weighted node `index` takes per picture;
    /// 0 for other nodes.
    ///
    /// # Panics
    /// When the node does not exist.
    pub fn multiply_accumulates(&self, index: usize) -> u64 {
        let node = &self.nodes[index];
        (node.shape.elements() as u64).saturating_mul(self.fan_in(index) as u64)
    }

    /// Returns the number of weights per output of the weighted node `index`; 0 for other nodes.
    ///
    /// # Panics
    /// When the node does not exist.
    pub fn fan_in(&self, index: usize) -> usize {
        self.filters(index).map_or(0, |filters| filters.fan_in())
    }

    /// Returns how the weighted node `index` sees its input; `None` for other nodes.
    ///
    /// # Panics
    /// When the node does not exist.
    pub fn filters(&self, index: usize) -> Option<Filters> {
        let node = &self.nodes[index];
        node.op.filters(self.shape(node.inputs[0]))
    }
}
