//! The normalized FP32 Bayesian network: what calibration and quantization start from.

use std::{collections::BTreeMap, path::Path};

use bayes8_core::graph::{Graph, Op, Window};

use crate::{
    error::LoadError,
    function::Function,
    onnx::import_file,
    posterior::{Posterior, PosteriorSource},
};

/// Independent normal distributions, one per element.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    /// Means mu.
    pub mean: Vec<f32>,
    /// Standard deviations sigma, as many as means, finite and not negative. `None`:
    /// deterministic.
    pub sigma: Option<Vec<f32>>,
}

impl Gaussian {
    /// Elements without spread.
    pub fn deterministic(mean: Vec<f32>) -> Self {
        Self { mean, sigma: None }
    }
}

/// Posterior of one weighted node.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerParameters {
    /// `[O][KH][KW][I / groups]`; for a linear layer `[O][H][W][C]` of the value that it flattens.
    pub weight: Gaussian,
    /// `[O]`.
    pub bias: Option<Gaussian>,
}

/// Bounds that a node's output is clamped to, in real units; infinite = no bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clamp {
    /// Lower bound.
    pub min: f32,
    /// Upper bound, at least `min`.
    pub max: f32,
}

impl Clamp {
    /// No bound.
    pub const NONE: Self = Self { min: f32::NEG_INFINITY, max: f32::INFINITY };
    /// Rectified linear unit: nothing below zero.
    pub const RELU: Self = Self { min: 0.0, max: f32::INFINITY };

    /// Whether it changes nothing.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// This clamp followed by `next`, as one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let bound = |x: f32| x.max(next.min).min(next.max);
        Self { min: bound(self.min), max: bound(self.max) }
    }

    /// Clamps one number.
    pub fn apply(self, x: f32) -> f32 {
        x.max(self.min).min(self.max)
    }
}

/// A Bayesian network in FP32: a graph, and parallel to `graph.nodes()` what each node needs.
///
/// Importing establishes: `clamps`, `layers` and `functions` are as long as the nodes; exactly the
/// weighted nodes have parameters, of the sizes that the graph implies, and exactly the tables have
/// functions; clamps never sit on tables nor on nodes that only move codes ([`Op::only_moves`]); all numbers but clamps are finite; the last node is a `Conv2d`
/// with a 1x1 output or a `Linear`, unclamped: the logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The operations and their geometry.
    pub graph: Graph,
    /// Per node: bounds of its output.
    pub clamps: Vec<Clamp>,
    /// Per node: its posterior, for weighted nodes.
    pub layers: Vec<Option<LayerParameters>>,
    /// Per node: its function, for [`Op::Table`] nodes.
    pub functions: Vec<Option<Function>>,
}

impl Network {
    /// Reads `mean.onnx`, with files of its folder that hold data of its tensors, and its posterior;
    /// see [`crate::import`] for what is accepted.
    ///
    /// # Errors
    /// [`LoadError`], which names the file and wraps what is wrong with it.
    pub fn load(mean: &Path, posterior: &PosteriorSource) -> Result<Self, LoadError> {
        let parsed = match posterior {
            PosteriorSource::File(path) => Posterior::parse(&LoadError::read(path)?)
                .map_err(|source| LoadError::Posterior { path: path.clone(), source })?,
            &PosteriorSource::Moped { delta } => Posterior::Moped { delta },
            PosteriorSource::Deterministic => Posterior::Tensors(BTreeMap::new()),
        };
        let folder = mean.parent().unwrap_or(Path::new(""));
        import_file(LoadError::read(mean)?, parsed, folder).map_err(|source| {
            let path = match posterior {
                PosteriorSource::File(path) if source.is_of_posterior() => path,
                _ => mean,
            };
            LoadError::Import { path: path.into(), source }
        })
    }

    /// Whether any weight has a spread.
    pub fn is_bayesian(&self) -> bool {
        let spreads = |gaussian: &Gaussian| gaussian.sigma.is_some();
        let mut layers = self.layers.iter().flatten();
        layers.any(|layer| spreads(&layer.weight) || layer.bias.as_ref().is_some_and(spreads))
    }

    /// Whether node `index` is a 1x1 convolution that copies channels: without a bias, and each row
    /// with a 1 among zeros. On its input's grid it passes INT8 codes as they are.
    pub fn is_selection(&self, index: usize) -> bool {
        let node = &self.graph.nodes()[index];
        let copies = matches!(node.op, Op::Conv2d { window, .. } if window == Window::new([1, 1]));
        let Some(LayerParameters { weight, bias: None }) = &self.layers[index] else {
            return false;
        };
        let row = (weight.mean.len() / node.shape.channels).max(1);
        let one = |row: &[f32]| {
            let ones = row.iter().filter(|&&w| w == 1.0).count();
            ones == 1 && row.iter().filter(|&&w| w == 0.0).count() + 1 == row.len()
        };
        copies && weight.sigma.is_none() && weight.mean.chunks(row).all(one)
    }

    /// Number of classes: the length of the logits.
    pub fn classes(&self) -> usize {
        self.graph.nodes().last().map_or(0, |node| node.shape.channels)
    }
}

/// Whether a node can carry a clamp: it computes new numbers instead of moving codes.
pub(crate) fn carries_clamp(op: &Op) -> bool {
    !op.only_moves()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamps_compose() {
        let relu6 = Clamp { min: 0.0, max: 6.0 };
        let wide = Clamp { min: -1.0, max: 9.0 };
        let above = Clamp { min: 7.0, max: 8.0 };
        for x in [-3.0f32, -0.5, 0.5, 6.5, 7.5, 10.0] {
            for (a, b) in [(relu6, wide), (wide, relu6), (relu6, above), (Clamp::RELU, wide)] {
                assert_eq!(a.then(b).apply(x), b.apply(a.apply(x)), "{a:?} {b:?} {x}");
            }
        }
        assert!(Clamp::NONE.then(Clamp::NONE).is_none());
        assert_eq!(Clamp::NONE.then(Clamp::RELU), Clamp::RELU);
    }
}
