//! Why a node cannot be part of a graph.

use crate::geometry::Shape;
use crate::name::NameFault;
use crate::quoted::Echo;
use alloc::{boxed::Box, string::String};
use thiserror::Error;

/// Why a node cannot be part of a graph. Every message names the node.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The network's input has an empty axis, or is too large.
    #[error("the input shape {0} is empty or holds more than 2^26 elements")]
    InputShape(Shape),
    /// A node has no name.
    #[error("node number {0} has an empty name")]
    EmptyName(usize),
    /// A name has control characters or is too long.
    #[error("node number {index} cannot be called `{name}`: {fault}", name = Echo(name))]
    Name {
        /// Index of the node.
        index: usize,
        /// The name.
        name: String,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// Two nodes have the same name, or a node is named `input`.
    #[error("the name `{}` is taken twice (`input` is the network's input)", Echo(.0))]
    DuplicateName(String),
    /// A node reads a value that no earlier node makes: an unknown or later one, or its own.
    #[error("node `{node}`: no earlier node makes its input number {input}", node = Echo(node))]
    InputOrder {
        /// The node.
        node: String,
        /// Index in its list of inputs.
        input: usize,
    },
    /// A node has the wrong number of inputs.
    #[error("node `{node}` ({op}) takes {expected}, but has {found}", node = Echo(node))]
    InputCount {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// The number that it takes, in words.
        expected: &'static str,
        /// The number that it has.
        found: usize,
    },
    /// The shapes of the inputs do not fit together.
    #[error("node `{node}` ({op}) cannot combine inputs of shapes {} and {}", shapes[0], shapes[1], node = Echo(node))]
    InputShapes {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// Shape of the first input, and of the one that does not fit. Boxed to keep the error
        /// small.
        shapes: Box<[Shape; 2]>,
    },
    /// A resize to a size that is not possible.
    #[error(
        "node `{node}`: a resize needs extents from 1 to 65536 and steps above 0, cannot interpolate \
         linearly between `tf_half_pixel` coordinates, and takes no steps with `align_corners`",
        node = Echo(node)
    )]
    Resize {
        /// The node.
        node: String,
    },
    /// The groups do not divide the channels.
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
    /// A group has too many elements to be normalized.
    #[error(
        "node `{node}`: groups of {elements} elements are too large to normalize; at most 2^24 are \
         possible",
        node = Echo(node)
    )]
    GroupElements {
        /// The node.
        node: String,
        /// Elements of a group.
        elements: usize,
    },
    /// A window does not fit, has a zero parameter, or has outputs that see only padding.
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
    /// An input is too large with its padding, which kernels may copy.
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
    /// A slice is empty or extends beyond the input.
    #[error("node `{node}`: the slice is empty or extends beyond the input of {input}", node = Echo(node))]
    Slice {
        /// The node.
        node: String,
        /// Shape of the input.
        input: Shape,
    },
    /// The output has an empty axis, or is too large.
    #[error("node `{node}` ({op}): the output is empty or holds more than 2^26 elements", node = Echo(node))]
    OutputShape {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
    },
}
