//! The network as a graph of operations on one picture's activations.
//!
//! Values are `[height, width, channels]` in NHWC order; a vector is `[1, 1, channels]`, a sequence
//! `[1, length, channels]`, and a volume has a depth before its height. The graph knows shapes and
//! geometry; what else a node has is up to its owner: grids and codes in a quantized model, real numbers
//! in the converter's FP32 network.

pub use crate::geometry::{
    AxisPadding, Depth, MAX_ELEMENTS, Padding, Range, Shape, ShapeError, Window, WindowAxis,
};
pub use crate::ops::{GraphError, Op};

use crate::name;
use crate::ops::{Filters, Inputs};
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// A value of the graph: its input or a node's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// The network's input.
    Input,
    /// The output of the node with this index.
    Node(usize),
}

/// One operation of the graph, and what its owner keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<T = ()> {
    /// Unique, not empty.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// What it reads: values that precede the node.
    pub inputs: Vec<Value>,
    /// Shape of its output.
    pub shape: Shape,
    /// What the graph's owner keeps of it.
    pub data: T,
}

/// A directed acyclic graph in execution order; its output is the last node's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph<T = ()> {
    input: Shape,
    nodes: Vec<Node<T>>,
    /// Index of every node by its name.
    names: BTreeMap<String, usize>,
}

impl<T> Graph<T> {
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
    pub fn push(
        &mut self,
        name: String,
        op: impl Into<Op>,
        inputs: Vec<Value>,
        data: T,
    ) -> Result<Value, GraphError> {
        self.push_with(name, op.into(), inputs, |_, _| Ok(data))
    }

    /// Appends a node whose data depends on its shape, and on how it sees its input if it is weighted.
    ///
    /// # Errors
    /// A [`GraphError`] that names the node, and those of `data`; the graph is unchanged.
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

    /// Shape of the output of the node that comes next.
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

    /// The same graph with other data: `data` makes it of each node and its index, in order.
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

    /// The nodes, to make another graph of.
    pub fn into_nodes(self) -> Vec<Node<T>> {
        self.nodes
    }

    /// Name of node `index`, and what the owner keeps of it.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn node_mut(&mut self, index: usize) -> (&str, &mut T) {
        let Node { name, data, .. } = &mut self.nodes[index];
        (name, data)
    }

    /// What the owner keeps of each node.
    pub fn data_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.nodes.iter_mut().map(|node| &mut node.data)
    }

    /// Shape of the input.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The nodes in execution order.
    pub fn nodes(&self) -> &[Node<T>] {
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
        self.filters(index).map_or(0, |filters| filters.fan_in())
    }

    /// How the weighted node `index` sees its input; `None` for other nodes.
    pub fn filters(&self, index: usize) -> Option<Filters> {
        let node = &self.nodes[index];
        node.op.filters(self.shape(node.inputs[0]))
    }
}
