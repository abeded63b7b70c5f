//! Constants as the weights and biases of layers.

use bayes8_core::ops::Conv2d;
use bayes8_core::{
    counts::counted,
    graph::{Op, Window},
    quoted::Echo,
};

use super::{
    activation::Activation,
    builder::Builder,
    constant::{Constant, Strided},
    node::OnnxNode,
};
use crate::{
    error::ImportError,
    network::{Gaussian, LayerParameters},
};

/// The floats of constant input `i`, all of them finite.
pub(super) fn finite_floats<'c>(
    node: &OnnxNode<'_>,
    i: usize,
    constant: &'c Constant,
) -> Result<&'c [f32], ImportError> {
    let name = node.input(i).map_or(String::new(), |name| Echo(name).to_string());
    let floats = constant
        .floats()
        .ok_or_else(|| node.refuse(format!("input {i} (`{name}`) holds integers, not floats")))?;
    let Some(index) = floats.iter().position(|v| !v.is_finite()) else { return Ok(floats) };
    let value = floats[index];
    Err(match &constant.source {
        Some(source) => ImportError::NotFinite { tensor: source.initializer.clone(), index, value },
        None => node.refuse(format!("input {i} (`{name}`) holds {value} at index {index}")),
    })
}

impl LayerParameters {
    /// Succeeds if everything is finite after `node` scaled or shifted it.
    ///
    /// # Errors
    /// Means that overflow blame the node, whose numbers are too large; standard deviations blame
    /// themselves.
    pub(super) fn require_finite(
        &self,
        node: &OnnxNode<'_>,
        layer: &str,
    ) -> Result<(), ImportError> {
        let parts = [Some(&self.weight), self.bias.as_ref()];
        let overflows = |values: &[f32]| values.iter().any(|v| !v.is_finite());
        for Gaussian { mean, sigma } in parts.into_iter().flatten() {
            if overflows(mean) {
                return Err(node.refuse(format!(
                    "its numbers are too large: with them, weights of layer `{}` overflow",
                    Echo(layer)
                )));
            }
            if sigma.as_deref().is_some_and(overflows) {
                return Err(ImportError::SigmaOverflow(layer.into()));
            }
        }
        Ok(())
    }
}

impl<'a> Builder<'a> {
    /// Appends a convolution with the weights at `layout`'s positions.
    pub(super) fn push_convolution(
        &mut self,
        node: &OnnxNode<'a>,
        weight: &Constant,
        layout: &Strided,
        (out_channels, groups, window): (usize, usize, Window),
        x: &Activation,
    ) -> Result<Activation, ImportError> {
        let layer = LayerParameters {
            weight: self.gaussian(node, 1, weight, layout, self.moped)?,
            bias: self.bias(node, 2, out_channels)?,
        };
        let op = Op::Conv2d(Conv2d { out_channels, groups, window });
        let name = layer_name(node, weight);
        let value = self.push_layer(&name, op, vec![x.value], layer)?;
        Ok(Activation::new(value, x.form, self.graph.shape(value)))
    }

    /// Constant input `i` as a bias of `outputs` numbers; a single number counts for all.
    pub(super) fn bias(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        outputs: usize,
    ) -> Result<Option<Gaussian>, ImportError> {
        let Some(constant) = self.constant(node, i)? else { return Ok(None) };
        let count = constant.data.len();
        let sigma = constant.source.as_ref().is_some_and(|s| s.sigma.is_some());
        if count != outputs && (count != 1 || sigma) {
            return Err(node.refuse(format!(
                "input {i} holds {count} numbers, but there are {outputs} outputs"
            )));
        }
        let stride = if count == outputs { 1 } else { 0 };
        let layout = Strided { shape: vec![outputs], strides: vec![stride], offset: 0 };
        self.gaussian(node, i, &constant, &layout, None).map(Some)
    }

    /// Mean and sigma of constant input `i` at `layout`'s positions; with `moped`, sigma follows
    /// from the mean.
    pub(super) fn gaussian(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
        constant: &Constant,
        layout: &Strided,
        moped: Option<f32>,
    ) -> Result<Gaussian, ImportError> {
        let initializer = constant.source.as_ref().map(|s| &s.initializer);
        let mean = finite_floats(node, i, constant)?;
        let own = constant.source.as_ref().and_then(|s| s.sigma.as_ref());
        let is_bayesian = own.is_some() || moped.is_some();
        let count: usize = layout.shape.iter().product();
        self.budget.charge(node.name, if is_bayesian { 2 * count } else { count })?;
        if is_bayesian
            && let Some(name) = initializer
            && !self.sampled.insert(name.clone())
        {
            return Err(ImportError::SigmaShared { name: name.clone(), node: node.name.into() });
        }
        let mean = layout.gather(mean);
        let sigma: Option<Vec<f32>> = match (own, moped) {
            (Some(sigma), _) => Some(layout.gather(sigma)),
            (None, Some(delta)) => Some(mean.iter().map(|w| delta * w.abs()).collect()),
            (None, None) => None,
        };
        if sigma.iter().flatten().any(|s| !s.is_finite()) {
            return Err(ImportError::SigmaOverflow(layer_name(node, constant)));
        }
        Ok(Gaussian { mean, sigma })
    }
}

impl Gaussian {
    /// Multiplies the random variable by a number.
    pub(super) fn scale(&mut self, factor: f32) {
        if factor != 1.0 {
            self.mean.iter_mut().for_each(|w| *w *= factor);
            self.sigma.iter_mut().flatten().for_each(|s| *s *= factor.abs());
        }
    }
}

/// The first two extents of a convolution's weights, and those of its kernel.
pub(super) fn kernel_extents<'w>(
    node: &OnnxNode<'_>,
    weight: &'w Constant,
    x: &Activation,
) -> Result<(&'w [usize; 2], &'w [usize]), ImportError> {
    let axes = x.spatial_axes(node)?;
    let extents = weight.shape.split_first_chunk();
    extents.filter(|(_, kernel)| kernel.len() == axes).ok_or_else(|| {
        let shape = &weight.shape;
        node.refuse(format!(
            "weights of shape {shape:?} do not fit an input of {} after its channels",
            counted(axes, "axis")
        ))
    })
}

/// A layer has the name of its weight's module, or otherwise of its node.
pub(super) fn layer_name(node: &OnnxNode<'_>, weight: &Constant) -> String {
    let module = weight.source.as_ref().map_or("", |source| &source.initializer);
    let module = module.strip_suffix(".weight").unwrap_or(module);
    if module.is_empty() { node.name.into() } else { module.into() }
}
