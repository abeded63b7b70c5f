//! Per-channel operations: BatchNormalization, arithmetic with constants, clamps.

use bayes8_core::graph::{Op, Window};
use bayes8_core::ops::Conv2d;

use super::{
    ImportError,
    activation::{Activation, Axis, Form, Pending},
    builder::Builder,
    node::OnnxNode,
    pointwise::{MAX_SIZE, is_sum},
    weighted::finite_floats,
};
use crate::{
    function::{Function, Unary},
    network::{Clamp, Gaussian, LayerParameters},
};

impl<'a> Builder<'a> {
    pub(super) fn batch_normalization(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Activation, ImportError> {
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
    fn per_channel(
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

    /// The layer that makes x, if nothing lies between and nothing else reads it.
    fn foldable(&self, x: &Activation) -> Option<usize> {
        let n = self.exclusive(x.value).filter(|_| x.is_plain())?;
        (self.clamps[n].is_none() && self.layers[n].is_some()).then_some(n)
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
        if let Some(n) = self.foldable(x)
            && let Some(layer) = &mut self.layers[n]
        {
            scale_layer(layer, &scale, shift);
            layer.require_finite(node, &self.graph.nodes()[n].name)?;
            return Ok(x.clone());
        }
        let channels = x.shape.channels;
        let op = Op::Conv2d(Conv2d {
            out_channels: channels,
            groups: channels,
            window: Window::new([1, 1]),
        });
        let layer = LayerParameters { weight: Gaussian::deterministic(scale), bias: Some(shift) };
        layer.require_finite(node, node.name)?;
        let value = self.push_layer(node.name, op, vec![x.value], Some(layer))?;
        Ok(Activation { value, ..x.clone() })
    }

    /// Add, Sub, Mul or Div: of two activations, or of one and a constant.
    pub(super) fn arithmetic(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        if is_sum(node.op) && node.proto.input.len() != 2 {
            return Err(node.refuse("only two inputs are supported"));
        }
        match (0..2).find(|&i| self.is_constant(node, i)) {
            Some(i) => self.with_constant(node, 1 - i, i),
            None => self.combine(node),
        }
    }

    /// Input `activation` and the constant input `constant`, one number or one per channel.
    fn with_constant(
        &mut self,
        node: &OnnxNode<'a>,
        activation: usize,
        constant: usize,
    ) -> Result<Activation, ImportError> {
        let mut x = self.function_of(node, activation)?;
        let number = self.number(node, constant, &x)?;
        let axes = x.form.axes();
        let shape = self.constant(node, constant)?.map_or(Vec::new(), |c| c.shape.clone());
        // Aligned at the last axis, as NumPy does, only the channels' axis may be longer than 1.
        let is_channel = |i: usize| axes.iter().rev().nth(i) == Some(&Axis::Channel);
        let fits = shape.len() <= axes.len() + 1
            && shape.iter().rev().enumerate().all(|(i, &d)| d == 1 || is_channel(i));
        if !fits && number.is_none() {
            return Err(node
                .refuse(format!("the constant of shape {shape:?} is not one number per channel")));
        }
        let channels = x.shape.channels;
        let numbers = match number {
            _ if fits && is_shift(node.op) => self.bias(node, constant, channels)?,
            _ if fits => self.factors(node, constant, channels)?,
            Some(number) => Some(Gaussian::deterministic(vec![number as f32; channels])),
            None => None,
        };
        let numbers = numbers.ok_or_else(|| node.refuse("it has no constant"))?;
        let Gaussian { mean, sigma } = numbers;
        let ones = |sign: f32| vec![sign; channels];
        let (scale, shift) = match (node.op, activation) {
            ("Add" | "Sum", _) => (ones(1.0), mean),
            ("Sub", 0) => (ones(1.0), mean.iter().map(|c| -c).collect()),
            ("Sub", _) => (ones(-1.0), mean),
            ("Div", 0) => {
                let inverse = mean.iter().map(|c| 1.0 / c);
                if let Some(i) = inverse.clone().position(|c| !c.is_finite()) {
                    return Err(node.refuse(format!("it divides by {} (index {i})", mean[i])));
                }
                (inverse.collect(), vec![0.0; channels])
            }
            _ => (mean, vec![0.0; channels]),
        };
        if (node.op, activation) == ("Div", 1) {
            let function = x.function().then(Unary::Reciprocal);
            x = self.bounded_function(node, x, function)?;
        }
        let uniform = |values: &[f32]| values.iter().all(|v| *v == values[0]);
        if sigma.is_none() && uniform(&scale) && uniform(&shift) && self.foldable(&x).is_none() {
            let (scale, shift) = (f64::from(scale[0]), f64::from(shift[0]));
            let next = Unary::Affine { scale, shift };
            let function = x.function().then(next);
            if function.size() <= MAX_SIZE {
                return Ok(x.with_function(node.name, function));
            }
        }
        if !x.is_plain() {
            x = self.settle(x)?;
        }
        self.affine(node, &x, &scale, Gaussian { mean: shift, sigma })
    }

    /// Constant input `i` as factors, one a channel; one number counts for all.
    fn factors(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        channels: usize,
    ) -> Result<Option<Gaussian>, ImportError> {
        let constant = self.constant(node, i)?;
        self.budget.charge(node.name, channels)?;
        let values = constant.as_ref().map(|c| finite_floats(node, i, c)).transpose()?;
        let factors = match values {
            Some([factor]) => vec![*factor; channels],
            Some(factors) if factors.len() == channels => factors.to_vec(),
            _ => {
                return Err(node.refuse(format!(
                    "input {i} must hold one float, or {channels}, one per channel"
                )));
            }
        };
        Ok(Some(Gaussian::deterministic(factors)))
    }

    /// Bounds of a Clip; left-out ones are infinite.
    pub(super) fn clip_bounds(&self, node: &OnnxNode<'a>) -> Result<Clamp, ImportError> {
        let bound = |i, name, default| match self.constant(node, i)? {
            None => node.bound(name, default),
            Some(c) => match c.floats() {
                Some([bound]) if bound.is_nan() => Err(node.refuse(format!("its {name} is NaN"))),
                Some(&[bound]) => Ok(bound),
                _ => Err(node.refuse(format!("input {i} must be one float"))),
            },
        };
        let clamp = Clamp {
            min: bound(1, "min", f32::NEG_INFINITY)?,
            max: bound(2, "max", f32::INFINITY)?,
        };
        if clamp.min <= clamp.max && clamp.min < f32::INFINITY && clamp.max > f32::NEG_INFINITY {
            return Ok(clamp);
        }
        Err(node.refuse(format!("its bounds {} and {} exclude every number", clamp.min, clamp.max)))
    }

    /// The Min or Max of an activation and numbers, which clamps it, or of functions of one value.
    pub(super) fn extremum(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let inputs = 0..node.proto.input.len();
        let (constants, activations): (Vec<_>, Vec<_>) =
            inputs.partition(|&i| self.is_constant(node, i));
        let &[i] = activations.as_slice() else { return self.choice(node) };
        let mut clamp = Clamp::NONE;
        for constant in constants {
            let x = self.activation(node, i)?;
            let bound = self.number(node, constant, &x)?.filter(|bound| !bound.is_nan());
            let bound = bound.ok_or_else(|| {
                node.refuse("only the bound of an activation by one number is supported")
            })? as f32;
            let next = match node.op {
                "Min" => Clamp { max: bound, ..Clamp::NONE },
                _ => Clamp { min: bound, ..Clamp::NONE },
            };
            clamp = clamp.then(next);
        }
        if clamp.min == f32::INFINITY || clamp.max == f32::NEG_INFINITY {
            return Err(node.refuse("its bound excludes every number"));
        }
        self.clamp(node, i, clamp)
    }

    /// Clamps input `i`, as part of the node that makes it where possible, or else as a pending
    /// function.
    pub(super) fn clamp(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        clamp: Clamp,
    ) -> Result<Activation, ImportError> {
        let mut x = self.activation(node, i)?;
        // A border of zeros may stay pending if the clamp leaves zeros alone.
        let keeps_zero = clamp.apply(0.0) == 0.0;
        if !(keeps_zero && matches!(x.pending, Pending::Border { .. })) {
            x = self.function_of(node, i)?;
        }
        if clamp.is_none() {
            return Ok(x);
        }
        if matches!(x.pending, Pending::Function { .. }) {
            return self.pointwise(node, i, |x| x.then(Unary::Clamp(clamp)));
        }
        match self.clampable(x.value) {
            Some(n) => match &mut self.functions[n] {
                Some(function) => *function = function.then(Unary::Clamp(clamp)),
                None => self.clamps[n] = self.clamps[n].then(clamp),
            },
            None if x.is_plain() => {
                return self.pointwise(node, i, |x| x.then(Unary::Clamp(clamp)));
            }
            None => {
                let function = Function::argument().then(Unary::Clamp(clamp));
                x.value = self.push_function(node.name, function, x.value)?;
            }
        }
        Ok(x)
    }
}

/// Whether the operator adds or subtracts.
fn is_shift(op: &str) -> bool {
    is_sum(op) || op == "Sub"
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
