//! Pow: with a constant exponent, or of a constant base.

use crate::error::ImportError;
use crate::function::Unary;
use crate::onnx::activation::Activation;
use crate::onnx::builder::Builder;
use crate::onnx::evidence::kept;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;
use crate::onnx::pointwise::chain;

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new("Pow", &[]).lower(|builder, node| builder.power(node)).trace(kept)];

impl<'a> Builder<'a> {
    fn power(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        if let Some(exponent) = self.number_beside(node, 1, 0)? {
            return self.pointwise(node, 0, |x| match exponent {
                2.0 => x.times(&x),
                0.5 => x.then(Unary::Sqrt),
                // The reciprocal first: it has its pole where its argument is zero.
                _ if exponent < 0.0 => {
                    chain(&x, &[Unary::Reciprocal, Unary::Power { exponent: -exponent }])
                }
                _ => x.then(Unary::Power { exponent }),
            });
        }
        match self.number_beside(node, 0, 1)? {
            Some(base) if base > 0.0 => {
                let steps = [Unary::scaling(libm::log(base)), Unary::Exp];
                self.pointwise(node, 1, |x| chain(&x, &steps))
            }
            _ => Err(node.refuse(
                "only a power with one number as its exponent, or of a positive number, is supported",
            )),
        }
    }

    /// The constant input `i` of a node whose input `beside` is an activation, if it is one number
    /// for every element; `None` if it is not constant or holds several numbers.
    fn number_beside(
        &self,
        node: &OnnxNode<'_>,
        i: usize,
        beside: usize,
    ) -> Result<Option<f64>, ImportError> {
        if !self.is_constant(node, i) {
            return Ok(None);
        }
        let x = self.activation(node, beside)?;
        self.number(node, i, &x)
    }
}
