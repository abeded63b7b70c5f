//! A factor and a shift for each channel, folded into the layer before them if there is one.

use bayes8_core::graph::{Op, Window};
use bayes8_core::model::Affine;
use bayes8_core::ops::Conv2d;

use super::{activation::Activation, builder::Builder, node::OnnxNode};
use crate::{
    error::ImportError,
    network::{Gaussian, LayerParameters, RealParameters},
};

impl<'a> Builder<'a> {
    /// The layer or normalization that makes x, if nothing lies between and nothing else reads it.
    pub(super) fn foldable(&self, x: &Activation) -> Option<usize> {
        let n = self.exclusive(x.value).filter(|_| x.is_plain())?;
        let data = &self.graph.nodes()[n].data;
        let scales = data.layer().is_some() || data.affine().is_some();
        (data.clamp.is_none() && scales).then_some(n)
    }

    /// y = scale * x + shift per channel, in ONNX's order of channels: folded into the layer that
    /// or the normalization that makes x when nothing else reads that, otherwise a depthwise 1x1
    /// convolution.
    pub(super) fn affine(
        &mut self,
        node: &OnnxNode<'a>,
        x: &Activation,
        scale: &[f32],
        shift: Gaussian,
    ) -> Result<Activation, ImportError> {
        let scale = x.reorder(scale);
        let shift = Gaussian {
            mean: x.reorder(&shift.mean),
            sigma: shift.sigma.map(|sigma| x.reorder(&sigma)),
        };
        if let Some(n) = self.foldable(x) {
            match &mut self.graph.node_mut(n).1.parameters {
                RealParameters::Affine(affine) if shift.sigma.is_none() => {
                    scale_channels(affine, &scale, &shift.mean);
                    require_finite(node, affine)?;
                    return Ok(x.clone());
                }
                _ => {}
            }
            if let (name, Some(layer)) = self.layer_mut(n) {
                scale_layer(layer, &scale, shift);
                layer.require_finite(node, name)?;
                return Ok(x.clone());
            }
        }
        let channels = x.shape.channels;
        let op = Op::Conv2d(Conv2d {
            out_channels: channels,
            groups: channels,
            window: Window::new([1, 1]),
        });
        let layer = LayerParameters { weight: Gaussian::deterministic(scale), bias: Some(shift) };
        layer.require_finite(node, node.name)?;
        let value = self.push_layer(node.name, op, vec![x.value], layer)?;
        Ok(Activation { value, ..x.clone() })
    }
}

/// Scales and shifts the channels of a normalization.
fn scale_channels(affine: &mut Affine, scale: &[f32], shift: &[f32]) {
    affine.weight.iter_mut().zip(scale).for_each(|(weight, scale)| *weight *= scale);
    for ((bias, scale), shift) in affine.bias.iter_mut().zip(scale).zip(shift) {
        *bias = *bias * scale + shift;
    }
}

/// Succeeds if the numbers of a normalization are finite after `node` scaled or shifted them.
fn require_finite(node: &OnnxNode<'_>, affine: &Affine) -> Result<(), ImportError> {
    let mut numbers = affine.weight.iter().chain(&affine.bias);
    match numbers.all(|number| number.is_finite()) {
        true => Ok(()),
        false => {
            Err(node.refuse("its numbers are too large: with them, a normalization overflows"))
        }
    }
}

/// Scales every output of a layer and shifts its bias.
fn scale_layer(layer: &mut LayerParameters, scale: &[f32], shift: Gaussian) {
    let outputs = scale.len().max(1);
    let row = (layer.weight.mean.len() / outputs).max(1);
    for (weights, c) in layer.weight.mean.chunks_mut(row).zip(scale) {
        weights.iter_mut().for_each(|w| *w *= c);
    }
    if let Some(sigma) = &mut layer.weight.sigma {
        for (sigmas, c) in sigma.chunks_mut(row).zip(scale) {
            sigmas.iter_mut().for_each(|s| *s *= c.abs());
        }
    }
    layer.bias = Some(match layer.bias.take() {
        None => shift,
        Some(bias) => {
            let mean = bias.mean.iter().zip(scale).zip(&shift.mean).map(|((b, c), s)| b * c + s);
            let own = bias
                .sigma
                .map(|sigma| sigma.iter().zip(scale).map(|(s, c)| s * c.abs()).collect::<Vec<_>>());
            // Independent normals: variances add.
            let sigma = match (own, shift.sigma) {
                (Some(a), Some(b)) => Some(a.iter().zip(&b).map(|(a, b)| a.hypot(*b)).collect()),
                (a, b) => a.or(b),
            };
            Gaussian { mean: mean.collect(), sigma }
        }
    });
}
