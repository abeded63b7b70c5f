//! BatchNormalization with stored statistics: a factor and a shift for each channel.

use crate::error::ImportError;
use crate::network::Gaussian;
use crate::onnx::activation::{Activation, Form};
use crate::onnx::builder::Builder;
use crate::onnx::evidence::channels_first;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;
use crate::onnx::weights::finite_floats;

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new("BatchNormalization", &["epsilon", "momentum", "spatial", "training_mode"])
        .lower(|builder, node| builder.batch_normalization(node))
        .trace(channels_first)];

impl<'a> Builder<'a> {
    fn batch_normalization(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        // Before operator set 14, further outputs say so.
        let more_outputs = node.proto.output.iter().skip(1).any(|name| !name.is_empty());
        if node.int("training_mode", 0)? != 0 || (self.operator_set < 14 && more_outputs) {
            return Err(node.refuse("it is in training mode"));
        }
        let x = self.settled(node, 0)?;
        x.require_channels_first(node)?;
        if node.int("spatial", 1)? == 0 && x.form != Form::Vector {
            return Err(node.refuse("`spatial` = 0 (statistics of every element) is not supported"));
        }
        let epsilon = f64::from(node.float("epsilon", 1e-5)?);
        let parameter = |i| self.per_channel(node, i, x.shape.channels);
        let (gamma, beta) = (parameter(1)?, parameter(2)?);
        let (mean, variance) = (parameter(3)?, parameter(4)?);
        // Also false for NaN, which `parameter` has refused.
        if let Some(c) = variance.iter().position(|&v| f64::from(v) + epsilon <= 0.0) {
            return Err(node.refuse(format!(
                "the variance of channel {c} is {} and epsilon {epsilon:e}; their sum must be above 0",
                variance[c]
            )));
        }
        let mut scale = Vec::with_capacity(gamma.len());
        let mut shift = Vec::with_capacity(gamma.len());
        for (((g, b), m), v) in gamma.iter().zip(&beta).zip(&mean).zip(&variance) {
            let c = f64::from(*g) / (f64::from(*v) + epsilon).sqrt();
            scale.push(c as f32);
            shift.push((f64::from(*b) - f64::from(*m) * c) as f32);
        }
        self.affine(node, &x, &scale, Gaussian::deterministic(shift))
    }

    /// Finite numbers of constant input `i`, one per channel.
    pub(super) fn per_channel(
        &self,
        node: &OnnxNode<'a>,
        i: usize,
        channels: usize,
    ) -> Result<Vec<f32>, ImportError> {
        let constant = self.constant(node, i)?.filter(|c| c.data.len() == channels);
        let constant = constant.ok_or_else(|| {
            node.refuse(format!("input {i} must hold {channels} floats, one per channel"))
        })?;
        finite_floats(node, i, &constant).map(<[f32]>::to_vec)
    }
}
