//! Gemm and MatMul: of features, or of the channels of each position, by a constant matrix.

use bayes8_core::graph::{Op, Window};
use bayes8_core::ops::{Conv2d, Linear};

use crate::error::ImportError;
use crate::network::LayerParameters;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Constant, Strided};
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;
use crate::onnx::weights::layer_name;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new("Gemm", &["alpha", "beta", "transA", "transB"])
        .lower(|builder, node| builder.gemm(node)),
    Operator::new("MatMul", &[]).lower(|builder, node| builder.linear(node, false, 1.0, 1.0)),
];

/// How a matrix operand becomes the weights of a linear layer.
struct Matrix<'c> {
    constant: &'c Constant,
    /// `[O][I]` rather than `[I][O]`.
    transposed: bool,
}

impl Matrix<'_> {
    /// The layout in which the layer `[O][inputs of x in the graph's order]` finds its weights, and
    /// O.
    fn layout(&self, node: &OnnxNode<'_>, x: &Activation) -> Result<(Strided, usize), ImportError> {
        let (rows, columns) = match *self.constant.shape.as_slice() {
            [rows, columns] => (rows, columns),
            _ => {
                let shape = &self.constant.shape;
                return Err(node.refuse(format!("its weights must be a matrix, not {shape:?}")));
            }
        };
        let (inputs, outputs) = if self.transposed { (columns, rows) } else { (rows, columns) };
        if inputs != x.shape.channels {
            return Err(node.refuse(format!(
                "weights for {inputs} features do not fit an input of {}",
                x.shape.channels
            )));
        }
        let (per_input, per_output) =
            if self.transposed { (1, columns as isize) } else { (columns as isize, 1) };
        // A flattened picture's columns go from ONNX's (c, d, h, w) to the graph's (d, h, w, c).
        let mut layout = x.feature_order();
        layout.strides.iter_mut().for_each(|s| *s *= per_input);
        layout.shape.insert(0, outputs);
        layout.strides.insert(0, per_output);
        Ok((layout, outputs))
    }
}

impl<'a> Builder<'a> {
    fn gemm(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        if node.int("transA", 0)? != 0 {
            return Err(node.refuse("transA is not supported"));
        }
        let transposed = node.int("transB", 0)? != 0;
        self.linear(node, transposed, node.float("alpha", 1.0)?, node.float("beta", 1.0)?)
    }

    fn linear(
        &mut self,
        node: &OnnxNode<'a>,
        transposed: bool,
        alpha: f32,
        beta: f32,
    ) -> Result<Activation, ImportError> {
        let constant = self.constant(node, 1)?.ok_or_else(|| node.refuse("it has no weights"))?;
        let features = if transposed { 1 } else { 0 };
        let (x, constant) = match self.take_order(node, &constant, features)? {
            Some(ordered) => ordered,
            None => (self.settled(node, 0)?, constant),
        };
        // Over the channels of each position: a convolution.
        let is_positions = node.op == "MatMul" && x.form.is_channels_last();
        if !is_positions {
            x.require_vector(node)?;
        }
        let (layout, out_features) = Matrix { constant: &constant, transposed }.layout(node, &x)?;
        let mut weight = self.gaussian(node, 1, &constant, &layout, self.moped)?;
        weight.scale(alpha);
        let mut bias = self.bias(node, 2, out_features)?;
        if let Some(bias) = &mut bias {
            bias.scale(beta);
        }
        let name = layer_name(node, &constant);
        let layer = LayerParameters { weight, bias };
        layer.require_finite(node, &name)?;
        let op = match is_positions {
            true => {
                let window = Window::new([1, 1]);
                Op::Conv2d(Conv2d { out_channels: out_features, groups: 1, window })
            }
            false => Op::Linear(Linear { out_features }),
        };
        let value = self.push_layer(&name, op, vec![x.value], layer)?;
        Ok(Activation::new(value, x.form, self.graph.shape(value)))
    }
}
