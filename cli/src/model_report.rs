//! The facts of a model in the form that `bayes8 inspect` shows.

use bayes8_native::core::format;
use bayes8_native::core::graph::Shape;
use bayes8_native::core::layer::{Bias, Layer, Posterior};
use bayes8_native::core::limits::Cost;
use bayes8_native::core::model::{Calibration, Model, Preprocessing, Provenance};
use bayes8_native::core::numerics::{ActivationBits, Quantization};
use bayes8_native::core::variance::NoiseDistribution;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a model file holds.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) model: String,
    pub(crate) model_digest: String,
    pub(crate) file_bytes: usize,
    pub(crate) format_version: u32,
    pub(crate) input: Input,
    pub(crate) classes: usize,
    pub(crate) class_names: Vec<String>,
    pub(crate) parameters: usize,
    pub(crate) bayesian_parameters: usize,
    pub(crate) multiply_accumulates: u64,
    /// What a picture and sample take, as `--max-memory` and `--max-steps` count it.
    pub(crate) memory_bytes: u64,
    pub(crate) steps: u64,
    pub(crate) activation_bits: ActivationBits,
    pub(crate) calibration: Option<Evidence>,
    pub(crate) nodes: Vec<Node>,
}

/// The input and its normalization: `x = (p / 255 - mean) / std`.
#[derive(Serialize)]
pub(crate) struct Input {
    pub(crate) shape: Shape,
    pub(crate) scale: f32,
    pub(crate) zero_point: u8,
    pub(crate) mean: Vec<f32>,
    pub(crate) std: Vec<f32>,
    pub(crate) observed_range: Option<[f32; 2]>,
    /// The input in the network's own file, if the model says so.
    pub(crate) source: Option<Provenance>,
}

/// Where the activation grids come from.
#[derive(Serialize)]
pub(crate) struct Evidence {
    pub(crate) method: String,
    pub(crate) pictures: u32,
    pub(crate) weight_samples: u32,
}

/// One operation.
#[derive(Serialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) op: &'static str,
    pub(crate) shape: Shape,
    pub(crate) weights: usize,
    pub(crate) bytes: usize,
    pub(crate) bayesian: bool,
    pub(crate) sigma_over_step: Option<Quantiles>,
    pub(crate) scale: Option<f32>,
    pub(crate) zero_point: Option<u8>,
    pub(crate) observed_range: Option<[f32; 2]>,
}

/// Quantiles over the weights of a layer.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) q05: f64,
    pub(crate) median: f64,
    pub(crate) q95: f64,
}

impl Report {
    /// The facts of `model`, whose file has `file_bytes` bytes.
    pub(crate) fn new(model: &Model, file_bytes: usize) -> Self {
        let graph = model.graph();
        let cost = Cost::new(model);
        let shape = graph.input();
        let range = |value: usize| model.calibration().map(|c| c.ranges[value]);
        let Preprocessing { mean, std } = model.preprocessing().clone();
        let Quantization { scale, zero_point } = model.input();
        let source = model.provenance().cloned();
        let input = Input { shape, scale, zero_point, mean, std, observed_range: range(0), source };

        let noise = NoiseDistribution::new();
        let layers = || model.layers().map(Arc::as_ref);
        let nodes = graph.nodes().iter().enumerate();
        let nodes = nodes.map(|(index, node)| {
            let (layer, grid) = (node.data.layer(), node.data.output);
            let posterior = layer.and_then(|layer| layer.posterior.as_ref().map(|p| (layer, p)));
            Node {
                name: node.name.clone(),
                op: node.op.name(),
                shape: node.shape,
                weights: layer.map_or(0, |layer| layer.mu.len()),
                bytes: layer.map_or(0, |layer| stored_bytes(layer)),
                bayesian: layer.is_some_and(|layer| layer.is_bayesian()),
                sigma_over_step: posterior.and_then(|(l, p)| sigma_over_step(&noise, l, p)),
                scale: grid.map(|grid| grid.scale),
                zero_point: grid.map(|grid| grid.zero_point),
                observed_range: range(index + 1),
            }
        });
        let nodes = nodes.collect();

        let parameters = |l: &Layer| l.mu.len() + l.bias.as_ref().map_or(0, |b| b.mu.len());
        let bayesian_parameters = |l: &Layer| {
            let biases = l.bias.as_ref().and_then(|b| b.sigma.as_ref()).map_or(0, Vec::len);
            l.posterior.as_ref().map_or(0, |p| p.sigma.len()) + biases
        };
        let evidence = |c: &Calibration| Evidence {
            method: c.method.clone(),
            pictures: c.pictures,
            weight_samples: c.weight_samples,
        };
        Self {
            model: model.name().to_string(),
            model_digest: format::digest(model).to_string(),
            file_bytes,
            format_version: format::version(model),
            input,
            classes: model.classes(),
            class_names: model.class_names().to_vec(),
            parameters: layers().map(parameters).sum(),
            bayesian_parameters: layers().map(bayesian_parameters).sum(),
            multiply_accumulates: model.multiply_accumulates(),
            memory_bytes: cost.memory_bytes,
            steps: cost.steps,
            activation_bits: model.activation_bits(),
            calibration: model.calibration().map(evidence),
            nodes,
        }
    }
}

/// Bytes of a layer's tensors in the file.
fn stored_bytes(layer: &Layer) -> usize {
    let posterior = layer.posterior.as_ref();
    let posterior = posterior.map_or(0, |p| p.sigma.len() + 2 * p.noise_multiplier.len());
    let bias = layer.bias.as_ref();
    let bias = bias.map_or(0, |Bias { mu, sigma }| {
        4 * mu.len() + sigma.as_ref().map_or(0, |sigma| 4 * sigma.len())
    });
    layer.mu.len() + 4 * layer.scale.len() + posterior + bias
}

/// Quantiles of the weights' standard deviations, in steps.
fn sigma_over_step(
    noise: &NoiseDistribution,
    layer: &Layer,
    posterior: &Posterior,
) -> Option<Quantiles> {
    // Many weights share code and multiplier, and thus their standard deviation.
    let mut counts: BTreeMap<(i16, u8), usize> = BTreeMap::new();
    for (i, &code) in posterior.sigma.iter().enumerate() {
        let row_length = layer.row_length();
        let channel = layer.channel(i / row_length, i % row_length);
        *counts.entry((posterior.noise_multiplier[channel], code)).or_default() += 1;
    }
    let std = |((multiplier, code), count)| (noise.variance(code, multiplier).sqrt(), count);
    let mut stds: Vec<(f64, usize)> = counts.into_iter().map(std).collect();
    stds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let quantile = |share: f64| {
        let mut left = (share * posterior.sigma.len().checked_sub(1)? as f64).round() as usize;
        for &(std, count) in &stds {
            match left.checked_sub(count) {
                Some(less) => left = less,
                None => return Some(std),
            }
        }
        None
    };
    Some(Quantiles { q05: quantile(0.05)?, median: quantile(0.5)?, q95: quantile(0.95)? })
}
