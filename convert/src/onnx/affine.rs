//! Per-channel operations: BatchNormalization, constant shifts, clamps.

use bayes8_core::graph::{Op, Value, Window};

use super::{
    ImportError,
    activation::{Activation, Pending},
    builder::Builder,
    node::OnnxNode,
    weighted::finite,
};
use crate::network::{Clamp, Gaussian, LayerParameters};

impl<'a> Builder<'a> {
    pub(super) fn batch_normalization(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Activation, ImportError> {
        if node.int("training_mode", 0)? != 0 {
            return Err(node.refuse("it is in training mode"));
        }
        let x = self.settled(node, 0)?;
        let epsilon = f64::from(node.float("epsilon", 1e-5)?);
        let parameter = |i| self.per_channel(node, i, x.shape.channels);
        let (gamma, beta) = (parameter(1)?, parameter(2)?);
        let (mean, variance) = (parameter(3)?, parameter(4)?);
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
    fn per_channel(
        &self,
        node: &OnnxNode<'a>,
        i: usize,
        channels: usize,
    ) -> Result<Vec<f32>, ImportError> {
        let constant = self.constant(node, i)?;
        let values = constant.as_ref().and_then(|c| c.floats());
        let values = values.filter(|v| v.len() == channels).ok_or_else(|| {
            node.refuse(format!("input {i} must hold {channels} floats, one per channel"))
        })?;
        let source = constant.as_ref().and_then(|c| c.source.as_ref());
        finite(source.map_or(node.name, |s| &s.initializer), values)?;
        Ok(values.to_vec())
    }

    /// y = scale * x + shift per channel, in ONNX's order of channels: folded into the layer that
    /// makes x when nothing else reads that, otherwise a depthwise 1x1 convolution.
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
        if let Some(n) = self.exclusive(x.value)
            && self.clamps[n].is_none()
            && let Some(layer) = &mut self.layers[n]
        {
            let name = &self.graph.nodes()[n].name;
            scale_layer(layer, &scale, shift);
            finite(name, &layer.weight.mean)?;
            finite(name, layer.weight.sigma.as_deref().unwrap_or(&[]))?;
            finite(name, layer.bias.as_ref().map_or(&[], |bias| &bias.mean))?;
            finite(name, layer.bias.as_ref().and_then(|b| b.sigma.as_deref()).unwrap_or(&[]))?;
            return Ok(x.clone());
        }
        finite(node.name, &scale)?;
        finite(node.name, &shift.mean)?;
        let channels = x.shape.channels;
        let op =
            Op::Conv2d { out_channels: channels, groups: channels, window: Window::new([1, 1]) };
        let layer = LayerParameters { weight: Gaussian::deterministic(scale), bias: Some(shift) };
        let value = self.push_layer(node.name, op, vec![x.value], Some(layer))?;
        Ok(Activation { value, ..x.clone() })
    }

    /// A sum of two activations, or a constant shift per channel.
    pub(super) fn add(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let constant = (0..2).find(|&i| matches!(self.constant(node, i), Ok(Some(_))));
        if let Some(i) = constant {
            return self.shift(node, 1 - i, i);
        }
        let (a, b) = (self.settled(node, 0)?, self.settled(node, 1)?);
        if a.form != b.form || a.flattened != b.flattened || a.shape != b.shape {
            return Err(node.refuse(format!(
                "adds values of different shapes, {:?} and {:?}",
                a.dimensions(self.batch),
                b.dimensions(self.batch)
            )));
        }
        let value = self.push(node.name, Op::Add, vec![a.value, b.value])?;
        Ok(Activation { value, ..a })
    }

    /// Adds the constant input `constant` to input `activation`.
    fn shift(
        &mut self,
        node: &OnnxNode<'a>,
        activation: usize,
        constant: usize,
    ) -> Result<Activation, ImportError> {
        let x = self.settled(node, activation)?;
        let rank = x.dimensions(self.batch).len();
        let shape = self.constant(node, constant)?.map_or(Vec::new(), |c| c.shape.clone());
        // Aligned at the last axis, as NumPy does, only the channels' axis may be longer than 1.
        let after_channels = rank - 2;
        let fits = shape.len() <= rank
            && shape.iter().rev().enumerate().all(|(i, &d)| d == 1 || i == after_channels);
        if !fits {
            return Err(node
                .refuse(format!("the constant of shape {shape:?} is not one number per channel")));
        }
        let shift = self.bias(node, constant, x.shape.channels)?;
        let shift = shift.ok_or_else(|| node.refuse("it has no constant"))?;
        self.affine(node, &x, &vec![1.0; x.shape.channels], shift)
    }

    /// Bounds of a Clip; left-out ones are infinite.
    pub(super) fn clip_bounds(&self, node: &OnnxNode<'a>) -> Result<Clamp, ImportError> {
        let bound = |i, name, default| match self.constant(node, i)? {
            None => node.float(name, default),
            Some(c) => match c.floats() {
                Some(&[bound]) => Ok(bound),
                _ => Err(node.refuse(format!("input {i} must be one float"))),
            },
        };
        let clamp = Clamp {
            min: bound(1, "min", f32::NEG_INFINITY)?,
            max: bound(2, "max", f32::INFINITY)?,
        };
        // Also false for NaN.
        if clamp.min <= clamp.max && clamp.min < f32::INFINITY && clamp.max > f32::NEG_INFINITY {
            return Ok(clamp);
        }
        Err(node.refuse(format!("its bounds {} and {} exclude every number", clamp.min, clamp.max)))
    }

    /// Clamps input 0, as part of the node that makes it where possible.
    pub(super) fn clamp(
        &mut self,
        node: &OnnxNode<'a>,
        clamp: Clamp,
    ) -> Result<Activation, ImportError> {
        let mut x = self.activation(node, 0)?;
        // A border of zeros may stay pending if the clamp leaves zeros alone.
        let keeps_zero = clamp.apply(0.0) == 0.0;
        if !(keeps_zero && matches!(x.pending, Pending::Border { .. })) {
            x = self.settled(node, 0)?;
        }
        if clamp.is_none() {
            return Ok(x);
        }
        let target = match self.clampable(x.value) {
            Some(n) => n,
            None => {
                x.value = self.push(node.name, Op::Requantize, vec![x.value])?;
                match x.value {
                    Value::Node(n) => n,
                    Value::Input => return Err(node.refuse("clamps nothing")),
                }
            }
        };
        self.clamps[target] = self.clamps[target].then(clamp);
        Ok(x)
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
