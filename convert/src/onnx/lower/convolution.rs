//! Conv.

use bayes8_core::graph::{Padding, Value};

use crate::error::ImportError;
use crate::onnx::activation::{Activation, Pending};
use crate::onnx::builder::Builder;
use crate::onnx::constant::{Strided, strides};
use crate::onnx::evidence::channels_first;
use crate::onnx::node::OnnxNode;
use crate::onnx::operator::Operator;
use crate::onnx::weights::kernel_extents;

pub(super) const OPERATORS: &[Operator] = &[Operator::new(
    "Conv",
    &["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"],
)
.lower(|builder, node| builder.convolution(node))
.trace(channels_first)];

impl<'a> Builder<'a> {
    fn convolution(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let weight = self.constant(node, 1)?.ok_or_else(|| node.refuse("it has no weights"))?;
        let groups = usize::try_from(node.int("group", 1)?).unwrap_or(0);
        let ordered = if groups == 1 { self.take_order(node, &weight, 1)? } else { None };
        let (mut x, border, factor, weight) = if let Some((x, weight)) = ordered {
            (x, Padding::default(), 1.0, weight)
        } else if let Some((x, factor)) = self.take_factor(node)? {
            (x, Padding::default(), factor, weight)
        } else {
            let (x, border) = self.bordered(node, 0)?;
            (x, border, 1.0, weight)
        };
        x.require_channels_first(node)?;
        let (&[out_channels, group_channels], kernel) = kernel_extents(node, &weight, &x)?;
        let mut window = self.window(node, &x, border, Some(kernel))?;
        if border != Padding::default() && window.sees_only_padding() {
            // More than a window may pad: the Pad becomes a node.
            x = self.settled(node, 0)?;
            window = self.window(node, &x, Padding::default(), Some(kernel))?;
        }
        if group_channels.checked_mul(groups) != Some(x.shape.channels) {
            return Err(node.refuse(format!(
                "weights for {group_channels} channels in {groups} groups do not fit an input of {}",
                x.shape
            )));
        }
        let steps = strides(&weight.shape);
        let layout = Strided {
            shape: [&[out_channels], kernel, &[group_channels]].concat(),
            strides: [&steps[..1], &steps[2..], &steps[1..2]].concat(),
            offset: 0,
        };
        let geometry = (out_channels, groups, window);
        let convolution = self.push_convolution(node, &weight, &layout, geometry, &x)?;
        if let Value::Node(n) = convolution.value
            && let (name, Some(layer)) = self.layer_mut(n)
        {
            layer.weight.scale(factor);
            layer.require_finite(node, name)?;
        }
        Ok(convolution)
    }

    /// Input 0 without its pending factor, and that factor: the weights and their sigma take it up
    /// exactly, as in a network that divides its pixels by 255.
    fn take_factor(&self, node: &OnnxNode<'a>) -> Result<Option<(Activation, f32)>, ImportError> {
        let x = self.activation(node, 0)?;
        let factor = match &x.pending {
            Pending::Function { function, .. } => function.as_factor(),
            _ => None,
        };
        Ok(factor.map(|factor| (Activation { pending: Pending::Nothing, ..x }, factor as f32)))
    }
}
