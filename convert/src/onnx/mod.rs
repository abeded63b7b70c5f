//! ONNX to [`Network`]: parse, fold constants, normalize.
//!
//! One pass in execution order. Every ONNX value becomes a *slot*: a constant, which folds, or an
//! activation, which is a value of the graph plus what is still pending on it (a slice or a zero
//! border that a later node takes up). Nodes that the output does not depend on are never seen.

mod activation;
mod affine;
mod arithmetic;
mod budget;
mod builder;
mod constant;
mod fold;
mod model;
mod movement;
mod node;
mod shapes;
mod transposed;
mod weighted;
mod window;
mod wire;

use crate::{error::ImportError, network::Network, posterior::Posterior};
use builder::Builder;

/// Imports an ONNX network (the bytes of a `.onnx` file) with its posterior.
///
/// Accepted: operator sets 11 to 20 of the default domain, with all data inside the file; one
/// float input `[n, C, H, W]`, `[n, C, D, H, W]`, `[n, C, L]` or `[n, C]` whose extents but n are
/// fixed; one output, `[n,
/// classes]`, made by a Conv, Gemm or MatMul, of which a final Softmax or LogSoftmax is dropped.
/// Operators: Conv and ConvTranspose (of one to three axes), Gemm, MatMul, BatchNormalization, Add, Relu, Clip, MaxPool, AveragePool,
/// GlobalAveragePool, ReduceMean (spatial), Concat (channels), Slice (spatial), Pad (zeros),
/// Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout, and shape arithmetic on constants.
///
/// BatchNormalization and clamps are folded into the node before them when nothing else reads it:
/// for c = gamma / sqrt(var + eps), mu becomes c mu, sigma becomes |c| sigma, and the bias
/// follows.
///
/// # Errors
/// An [`ImportError`] that names the node or tensor. Bytes of any kind are refused, not trusted.
pub fn import(onnx: &[u8], posterior: &Posterior) -> Result<Network, ImportError> {
    wire::check(onnx)?;
    let model = rten_onnx::onnx::ModelProto::parse_buf(onnx)
        .map_err(|e| ImportError::NotOnnx(e.to_string()))?;
    let model = model::Model::new(&model)?;
    let mut builder = Builder::new(&model, posterior)?;
    for node in &model.nodes {
        builder.lower(node)?;
    }
    builder.finish(model.output)
}
