//! Why a node cannot be part of a graph.

use crate::geometry::Shape;
use crate::name::NameFault;
use crate::quoted::Echo;
use alloc::{boxed::Box, string::String};
use thiserror::Error;

/// Why a node cannot be part of a graph. Every variant names the node.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An input with an empty axis, or too large.
    #[error("the input shape {0} is empty or holds more than 2^26 elements")]
    InputShape(Shape),
    /// No name.
    #[error("node number {0} has an empty name")]
    EmptyName(usize),
    /// A name with control characters, or a very long one.
    #[error("node number {index} cannot be called `{name}`: {fault}", name = Echo(name))]
    Name {
        /// Which node.
        index: usize,
        /// The name.
        name: String,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// Two nodes of one name, or a node named `input`.
    #[error("the name `{}` is taken twice (`input` is the network's input)", Echo(.0))]
    DuplicateName(String),
    /// Reads a value that no earlier node makes: unknown, later, or the node itself (a cycle).
    #[error("node `{node}` reads value number {input}, which no earlier node makes", node = Echo(node))]
    InputOrder {
        /// The node.
        node: String,
        /// Position in its list of inputs.
        input: usize,
    },
    /// Wrong number of inputs.
    #[error("node `{node}` ({op}) takes {expected}, but has {found}", node = Echo(node))]
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
    #[error("node `{node}` ({op}) cannot combine inputs of shapes {} and {}", shapes[0], shapes[1], node = Echo(node))]
    InputShapes {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// Shape of the first input, and of the one that does not fit: on the heap, to keep what
        /// holds an error small.
        shapes: Box<[Shape; 2]>,
    },
    /// Groups that do not divide the channels.
    #[error(
        "node `{node}`: {groups} groups do not divide {in_channels} input and {out_channels} output channels",
        node = Echo(node)
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
        "node `{node}` ({op}): its window does not fit an input of {input}, has a zero extent, or has outputs that see only padding",
        node = Echo(node)
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
        "node `{node}` ({op}): its input of {input} with padding holds more than 2^26 elements",
        node = Echo(node)
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
    #[error("node `{node}`: the slice is empty or leaves the input of {input}", node = Echo(node))]
    Slice {
        /// The node.
        node: String,
        /// Shape of the input.
        input: Shape,
    },
    /// An output with an empty axis, or too large.
    #[error("node `{node}` ({op}): the output is empty or holds more than 2^26 elements", node = Echo(node))]
    OutputShape {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
    },
}
