//! Why parts do not form a model.

use crate::conformal::PredictorError;
use crate::geometry::Shape;
use crate::name::NameFault;
use crate::quoted::Echo;
use alloc::boxed::Box;
use alloc::string::String;
use thiserror::Error;

/// Why parts do not form a model. Every message names the node, tensor or field.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No nodes.
    #[error("the graph has no nodes")]
    Empty,
    /// A map that is resized in an impossible way.
    #[error(
        "output `{output}` cannot be resized like this: extents are 1 to 65536, and `linear` takes no \
         `tf_half_pixel` coordinates, `align_corners` no steps", output = Echo(output))]
    OutputResize {
        /// The output.
        output: String,
    },
    /// A map that is too large.
    #[error(
        "output `{output}` has {positions:?} positions: a map has at most 65536 numbers at each, and 67108864 in all",
        output = Echo(output))]
    MapSize {
        /// The output.
        output: String,
        /// The numbers of planes, rows and columns.
        positions: [usize; 3],
    },
    /// An output that is neither a vector of f32 numbers nor a map of them.
    #[error(
        "node `{node}` ({op}, output {shape}) cannot make an output of the model: those are \
         conv2d and linear nodes that each make a vector, or a single one that makes a map", node = Echo(node))]
    Output {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// Shape of its output.
        shape: Shape,
    },
    /// An output of the model that has a grid, or another node without one.
    #[error(
        "node `{node}`: a node has a quantization grid unless it makes an output of the model, which \
         no node may read", node = Echo(node))]
    OutputQuantization {
        /// The node.
        node: String,
    },
    /// An output without a name, or with that of another.
    #[error("outputs need different names that are not empty, found `{}`", Echo(.0))]
    OutputName(String),
    /// An output that names a node that does not exist.
    #[error("output `{}` belongs to a node that does not exist", Echo(.0))]
    OutputNode(String),
    /// No output has this name.
    #[error("the model has no output `{}`", Echo(.0))]
    OutputUnknown(String),
    /// A node that makes two outputs.
    #[error("node `{node}` makes two outputs, expected one", node = Echo(node))]
    OutputTwice {
        /// The node.
        node: String,
    },
    /// A conformal predictor that does not fit its output, or has a wrong number.
    #[error("output `{output}`: {fault}", output = Echo(output))]
    Conformal {
        /// The output.
        output: String,
        /// What is wrong. Boxed to keep the error small; not a source, as the message has it already.
        fault: Box<PredictorError>,
    },
    /// A reader of an input with two planes that is not a layer.
    #[error(
        "node `{node}` ({op}) cannot read an input with two code planes: only conv2d, linear and \
         flatten nodes can", node = Echo(node))]
    Planes {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
    },
    /// The name of the model or of a class has control characters or is too long.
    #[error("`{what}` cannot be `{name}`: {fault}", name = Echo(name))]
    Name {
        /// What has the name.
        what: String,
        /// The name.
        name: String,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// A list with the wrong number of entries.
    #[error("`{what}` has {found} entries, expected {expected}", what = Echo(what))]
    Count {
        /// The list, with the node's name where it belongs to one.
        what: String,
        /// Entries needed.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// A scale, mean, deviation or multiplier that is not usable.
    #[error("`{what}` is {value}, expected {expected}", what = Echo(what))]
    Number {
        /// The number's name, with its node.
        what: String,
        /// Its value.
        value: f32,
        /// What is required.
        expected: &'static str,
    },
    /// Bounds in the wrong order, or on a node that only moves codes, is a table or returns logits.
    #[error("node `{node}`: the code range {low}..={high} is empty or not allowed here", node = Echo(node))]
    Range {
        /// The node.
        node: String,
        /// Smallest code.
        low: u8,
        /// Largest code.
        high: u8,
    },
    /// A zero point or a bound that needs more bits than the model's activations have.
    #[error("`{what}` is code {code}, but `activation_bits` ends codes at {largest}", what = Echo(what))]
    Code {
        /// The zero point or range, with its node.
        what: String,
        /// Its code.
        code: u8,
        /// The largest code of the model.
        largest: u8,
    },
    /// A node that only moves codes, but has another grid than its input.
    #[error("node `{node}` ({op}) only moves codes, so it must keep its input's quantization", node = Echo(node))]
    Moved {
        /// The node.
        node: String,
        /// Its operation.
        op: &'static str,
    },
    /// Parameters that do not suit the node: a layer of another geometry, for example, or a table
    /// without its codes.
    #[error("node `{node}`: its parameters are those of another operation", node = Echo(node))]
    Parameters {
        /// The node.
        node: String,
    },
    /// A noise multiplier or a bias sigma below zero.
    #[error("`{tensor}` holds a negative value at index {index}", tensor = Echo(tensor))]
    Negative {
        /// The tensor.
        tensor: String,
        /// Index in the tensor.
        index: usize,
    },
    /// A layer whose tensors would have the names of another layer's in a file.
    #[error(
        "layer `{layer}` would share the names of its tensors with another layer, whose name comes \
         before `.bias` or `.member`", layer = Echo(.0)
    )]
    TensorName(String),
    /// A layer that has another number of members than the first that has any, or too many.
    #[error("layer `{node}` has {found} members, expected {expected}", node = Echo(node))]
    Members {
        /// The node.
        node: String,
        /// Members expected.
        expected: usize,
        /// Members found.
        found: usize,
    },
    /// A mean whose sum might overflow i32.
    #[error("node `{node}`: a mean of {elements} elements might overflow its 32-bit sum", node = Echo(node))]
    Mean {
        /// The node.
        node: String,
        /// Elements in one sum.
        elements: usize,
    },
    /// Sums that might overflow i32.
    #[error(
        "layer `{layer}`: {fan_in} products and a bias of up to {bias} might overflow the 32-bit \
         accumulator", layer = Echo(layer))]
    Accumulator {
        /// The layer.
        layer: String,
        /// Products in one sum.
        fan_in: usize,
        /// Largest |bias|.
        bias: i64,
    },
}
