//! The facts about a model that `bayes8 inspect` shows.

use bayes8_core::draws::ChosenDraws;
use bayes8_core::format;
use bayes8_core::graph::Shape;
use bayes8_core::head::classes::Classes;
use bayes8_core::layer::{Bias, Layer};
use bayes8_core::limits::Cost;
use bayes8_core::model::{
    Calibration, PerMember, Preprocessing, Provenance, QuantizedModel, Values,
};
use bayes8_core::numerics::{ActivationBits, Quantization};
use bayes8_core::ops::Op;
use bayes8_core::posterior::Posterior;
use bayes8_core::posterior::variance::NoiseDistribution;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::output_report::OutputReport;
use crate::randomness::{DropoutNode, RandomnessReport};

/// What a model file holds.
#[derive(Debug, Serialize)]
pub struct ModelReport {
    /// Name of the model.
    pub model: String,
    /// Identifies the model, whatever its file.
    pub model_digest: String,
    /// Size of the file.
    pub file_bytes: usize,
    /// Format version of the file.
    pub format_version: u32,
    /// The input of the model.
    pub input: Input,
    /// The classes of the first output; `None` if it has none.
    #[serde(flatten)]
    pub classes: Option<ClassNames>,
    /// The outputs, in order.
    pub outputs: Vec<OutputReport>,
    /// What varies from sample to sample.
    #[serde(flatten)]
    pub randomness: RandomnessReport,
    /// The draws that the model chose, if it has any.
    pub chosen_draws: Option<ChosenDraws>,
    /// Number of weights and biases, of all members.
    pub parameters: usize,
    /// Number of weights and biases with a standard deviation, of all members.
    pub bayesian_parameters: usize,
    /// Multiply-accumulates per picture and sample.
    pub multiply_accumulates: u64,
    /// Memory per picture and sample, as `--max-memory` counts it.
    pub memory_bytes: u64,
    /// Steps per picture and sample, as `--max-steps` counts them.
    pub steps: u64,
    /// Bits of the activations.
    pub activation_bits: ActivationBits,
    /// How the activation grids were made, if the file says so.
    pub calibration: Option<Evidence>,
    /// One entry per operation, in order.
    pub nodes: Vec<Node>,
}

/// How many classes there are, and their names.
#[derive(Debug, Serialize)]
pub struct ClassNames {
    /// Number of classes.
    #[serde(rename = "classes")]
    pub count: usize,
    /// Names of the classes, or none.
    #[serde(rename = "class_names")]
    pub names: Vec<String>,
}

/// The input and its normalization: `x = (p / 255 - mean) / std` of bytes, `x = (v - mean) / std` of
/// numbers.
#[derive(Debug, Serialize)]
pub struct Input {
    /// Extents of the input.
    pub shape: Shape,
    /// Whether the model takes bytes or numbers.
    pub values: Values,
    /// Number of codes of each element: 2 for an input of 16 bits.
    pub planes: usize,
    /// Scale of the codes.
    pub scale: f32,
    /// The code of 0.
    pub zero_point: u8,
    /// Mean of the pixels or numbers of each channel.
    pub mean: Vec<f32>,
    /// Standard deviation of the pixels or numbers of each channel.
    pub std: Vec<f32>,
    /// The range of the input in calibration.
    pub observed_range: Option<[f32; 2]>,
    /// The input in the network's original file, if the model says so.
    pub source: Option<Provenance>,
}

/// How the activation grids were made.
#[derive(Debug, Serialize)]
pub struct Evidence {
    /// How ranges follow from the activations.
    pub method: String,
    /// Number of calibration pictures.
    pub pictures: u32,
    /// Draws of the weights per picture.
    pub weight_samples: u32,
}

/// One operation.
#[derive(Debug, Serialize)]
pub struct Node {
    /// Name of the node.
    pub name: String,
    /// Name of the operation.
    pub op: &'static str,
    /// Extents of the output.
    pub shape: Shape,
    /// Number of sets of weights: one per member, 1 if all members share them, 0 without weights.
    pub members: usize,
    /// Number of weights, in all sets.
    pub weights: usize,
    /// Bytes of its tensors in the file.
    pub bytes: usize,
    /// Whether any of its parameters has a standard deviation.
    pub bayesian: bool,
    /// What a dropout node drops.
    pub dropout: Option<DropoutNode>,
    /// Standard deviations of the weights in steps of their grid, over all members.
    pub sigma_over_step: Option<Quantiles>,
    /// Scale of the output; `None` where it makes an output of the model.
    pub scale: Option<f32>,
    /// The code of 0 in the output; `None` where it makes an output of the model.
    pub zero_point: Option<u8>,
    /// The range of the output in calibration.
    pub observed_range: Option<[f32; 2]>,
}

/// Quantiles over the weights of a layer.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Quantiles {
    /// 5 % lie below.
    pub q05: f64,
    /// Half lie below.
    pub median: f64,
    /// 95 % lie below.
    pub q95: f64,
}

impl ModelReport {
    /// Collects the facts of `model`, whose file has `file_bytes` bytes.
    pub fn new(model: &QuantizedModel, file_bytes: usize) -> Self {
        let graph = model.graph();
        let cost = Cost::new(model);
        let shape = graph.input();
        let range = |value: usize| model.calibration().map(|c| c.ranges[value]);
        let Preprocessing { values, mean, std } = model.preprocessing().clone();
        let Quantization { scale, zero_point } = model.input();
        let source = model.provenance().cloned();
        let (planes, observed_range) = (model.input_planes().count(), range(0));
        let input =
            Input { shape, values, planes, scale, zero_point, mean, std, observed_range, source };
        let classes = model.classes();
        let names =
            |classes: &Classes| ClassNames { count: classes.count, names: classes.names.clone() };

        let noise = NoiseDistribution::new();
        let layers = || model.layers().flat_map(PerMember::iter).map(Arc::as_ref);
        let randomness = RandomnessReport::new(&model.randomness());
        let mut dropout = randomness.dropout.iter();
        let nodes = graph.nodes().iter().enumerate();
        let nodes = nodes.map(|(index, node)| {
            let members = node.data.layer();
            let layers = || members.into_iter().flat_map(PerMember::iter).map(Arc::as_ref);
            let grid = node.data.output;
            let dropout = match node.op {
                Op::Dropout(_) => dropout.next().cloned(),
                _ => None,
            };
            Node {
                name: node.name.clone(),
                op: node.op.name(),
                shape: node.shape,
                members: members.map_or(0, PerMember::count),
                weights: layers().map(|layer| layer.mu.len()).sum(),
                bytes: layers().map(stored_bytes).sum(),
                bayesian: layers().any(Layer::is_bayesian),
                dropout,
                sigma_over_step: sigma_over_step(&noise, layers()),
                scale: grid.map(|grid| grid.scale),
                zero_point: grid.map(|grid| grid.zero_point),
                observed_range: range(index + 1),
            }
        });
        let nodes = nodes.collect();
        let parameters = |l: &Layer| l.mu.len() + l.bias.as_ref().map_or(0, |b| b.mu.len());
        let bayesian_parameters = |l: &Layer| {
            let biases = l.bias.as_ref().and_then(|b| b.sigma.as_ref()).map_or(0, Vec::len);
            l.posterior.as_ref().map_or(0, Posterior::weights) + biases
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
            classes: classes.map(names),
            outputs: OutputReport::all(model),
            randomness,
            chosen_draws: model.chosen_draws().map(|draws| ChosenDraws::clone(draws)),
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
    let posterior = posterior.map_or(0, Posterior::bytes);
    let bias = layer.bias.as_ref();
    let bias = bias.map_or(0, |Bias { mu, sigma }| {
        4 * mu.len() + sigma.as_ref().map_or(0, |sigma| 4 * sigma.len())
    });
    layer.mu.len() + 4 * layer.scale.len() + posterior + bias
}

/// Quantiles of the weights' standard deviations, in steps; `None` if no layer has any.
fn sigma_over_step<'l>(
    noise: &NoiseDistribution,
    layers: impl Iterator<Item = &'l Layer>,
) -> Option<Quantiles> {
    // Many weights share their code and multiplier, and so their standard deviation.
    let mut counts: BTreeMap<(i16, u8), usize> = BTreeMap::new();
    for layer in layers {
        let Some(Posterior::Gaussian(posterior)) = &layer.posterior else { continue };
        for (i, &code) in posterior.sigma.iter().enumerate() {
            let row_length = layer.row_length();
            let channel = layer.channel(i / row_length, i % row_length);
            *counts.entry((posterior.noise_multiplier[channel], code)).or_default() += 1;
        }
    }
    let weights: usize = counts.values().sum();
    let std = |((multiplier, code), count)| (noise.variance(code, multiplier).sqrt(), count);
    let mut stds: Vec<(f64, usize)> = counts.into_iter().map(std).collect();
    stds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let quantile = |share: f64| {
        let mut left = (share * weights.checked_sub(1)? as f64).round() as usize;
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
