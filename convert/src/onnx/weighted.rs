//! Layers with weights: Conv, Gemm, MatMul.

use bayes8_core::ops::{Conv2d, Linear};
use bayes8_core::{
    echo::Echo,
    graph::{Op, Padding, Value, Window},
    words::counted,
};

use super::{
    ImportError,
    activation::{Activation, Form, Pending},
    builder::Builder,
    constant::{Constant, Strided, strides},
    node::OnnxNode,
};
use crate::network::{Gaussian, LayerParameters};

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
    /// Succeeds where everything is finite after `node` scaled or shifted it.
    ///
    /// # Errors
    /// Means blame the node, whose numbers are too large for them; standard deviations, themselves.
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

/// How a matrix operand becomes the weights of a linear layer.
struct Matrix<'c> {
    constant: &'c Constant,
    /// `[O][I]` rather than `[I][O]`.
    transposed: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn convolution(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
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
        let (&[out_channels, depth], kernel) = kernel_extents(node, &weight, &x)?;
        let mut window = self.window(node, &x, border, Some(kernel))?;
        if border != Padding::default() && window.sees_only_padding() {
            // More than a window may pad: the Pad becomes a node.
            x = self.settled(node, 0)?;
            window = self.window(node, &x, Padding::default(), Some(kernel))?;
        }
        if depth.checked_mul(groups) != Some(x.shape.channels) {
            return Err(node.refuse(format!(
                "weights for {depth} channels in {groups} groups do not fit an input of {}",
                x.shape
            )));
        }
        let steps = strides(&weight.shape);
        let layout = Strided {
            shape: [&[out_channels], kernel, &[depth]].concat(),
            strides: [&steps[..1], &steps[2..], &steps[1..2]].concat(),
            offset: 0,
        };
        let geometry = (out_channels, groups, window);
        let convolution = self.push_convolution(node, &weight, &layout, geometry, &x)?;
        if let Value::Node(n) = convolution.value
            && let Some(layer) = &mut self.layers[n]
        {
            layer.weight.scale(factor);
            layer.require_finite(node, &self.graph.nodes()[n].name)?;
        }
        Ok(convolution)
    }

    /// Input 0 without the factor that is pending on it, and that factor: weights take it up, exactly
    /// and with their sigma, as in a network that divides its pixels by 255.
    fn take_factor(&self, node: &OnnxNode<'a>) -> Result<Option<(Activation, f32)>, ImportError> {
        let x = self.activation(node, 0)?;
        let factor = match &x.pending {
            Pending::Function { function, .. } => function.as_factor(),
            _ => None,
        };
        Ok(factor.map(|factor| (Activation { pending: Pending::Nothing, ..x }, factor as f32)))
    }

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
        let value = self.push_layer(&name, op, vec![x.value], Some(layer))?;
        Ok(Activation::new(value, x.form, self.graph.shape(value)))
    }

    pub(super) fn gemm(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        if node.int("transA", 0)? != 0 {
            return Err(node.refuse("transA is not supported"));
        }
        let transposed = node.int("transB", 0)? != 0;
        self.linear(node, transposed, node.float("alpha", 1.0)?, node.float("beta", 1.0)?)
    }

    pub(super) fn matmul(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        self.linear(node, false, 1.0, 1.0)
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
        x.require_vector(node)?;
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
        let op = Op::Linear(Linear { out_features });
        let value = self.push_layer(&name, op, vec![x.value], Some(layer))?;
        Ok(Activation::new(value, Form::Vector, self.graph.shape(value)))
    }

    /// Constant input `i` as a bias of `outputs` numbers; one number counts for all.
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
    fn gaussian(
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

impl Matrix<'_> {
    /// Where the layer `[O][inputs of x in the graph's order]` finds its weights, and O.
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

impl Gaussian {
    /// Multiplies the random variable by a number.
    fn scale(&mut self, factor: f32) {
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

/// A layer is called like its weight's module, or else like its node.
fn layer_name(node: &OnnxNode<'_>, weight: &Constant) -> String {
    let module = weight.source.as_ref().map_or("", |source| &source.initializer);
    let module = module.strip_suffix(".weight").unwrap_or(module);
    if module.is_empty() { node.name.into() } else { module.into() }
}
