//! `bayes8 inspect`: what a model file holds.

use crate::model_file;
use crate::output;
use crate::style::{Style, bytes, printable, shorten, thousands};
use crate::table::{Align, Table};
use bayes8_native::core::format::FORMAT_VERSION;
use bayes8_native::core::layer::{Bias, Layer, Posterior};
use bayes8_native::core::model::{Calibration, Model, Preprocessing};
use bayes8_native::core::numerics::Quantization;
use bayes8_native::core::variance::NoiseDistribution;
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Show what a model file holds: layers, shapes, sizes, spread and calibration
///
/// `sigma/step` is the standard deviation of a weight in steps of its INT8 grid, exactly as the
/// integer sampler produces it: the 5, 50 and 95 % quantiles over the layer's weights.
#[derive(Args)]
#[command(after_help = "\
Examples:
  bayes8 inspect models/fashion-resnet14.safetensors
  bayes8 inspect model.safetensors --json | jq '.nodes[] | select(.bayesian) | .name'")]
pub(crate) struct Arguments {
    /// Model file
    model: PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    model: String,
    file_bytes: usize,
    format_version: u32,
    input: Input,
    classes: usize,
    class_names: Vec<String>,
    parameters: usize,
    bayesian_parameters: usize,
    multiply_accumulates: u64,
    calibration: Option<Evidence>,
    nodes: Vec<Node>,
}

#[derive(Serialize)]
struct Input {
    shape: [usize; 3],
    scale: f32,
    zero_point: u8,
    mean: Vec<f32>,
    std: Vec<f32>,
    observed_range: Option<[f32; 2]>,
}

#[derive(Serialize)]
struct Evidence {
    method: String,
    pictures: u32,
    weight_samples: u32,
}

#[derive(Serialize)]
struct Node {
    name: String,
    op: &'static str,
    shape: [usize; 3],
    weights: usize,
    bytes: usize,
    bayesian: bool,
    sigma_over_step: Option<Quantiles>,
    scale: Option<f32>,
    zero_point: Option<u8>,
    observed_range: Option<[f32; 2]>,
}

#[derive(Clone, Copy, Serialize)]
struct Quantiles {
    q05: f64,
    median: f64,
    q95: f64,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (model, file_bytes) = model_file::describe(&arguments.model)?;
    let report = Report::new(&model, file_bytes);
    match arguments.json {
        true => output::print_json(&report),
        false => output::print(&report.text(Style::detect())),
    }
}

impl Report {
    fn new(model: &Model, file_bytes: usize) -> Self {
        let graph = model.graph();
        let shape = graph.input();
        let range = |value: usize| model.calibration().map(|c| c.ranges[value]);
        let Preprocessing { mean, std } = model.preprocessing().clone();
        let Quantization { scale, zero_point } = model.input();
        let input = Input {
            shape: [shape.height, shape.width, shape.channels],
            scale,
            zero_point,
            mean,
            std,
            observed_range: range(0),
        };

        let noise = NoiseDistribution::new();
        let mut layers = model.layers().iter();
        let nodes = graph.nodes().iter().zip(model.quantization()).enumerate();
        let nodes = nodes.map(|(index, (node, quantization))| {
            let layer = if node.op.is_weighted() { layers.next() } else { None };
            let posterior = layer.and_then(|layer| layer.posterior.as_ref().map(|p| (layer, p)));
            Node {
                name: node.name.clone(),
                op: node.op.name(),
                shape: [node.shape.height, node.shape.width, node.shape.channels],
                weights: layer.map_or(0, |layer| layer.mu.len()),
                bytes: layer.map_or(0, stored_bytes),
                bayesian: layer.is_some_and(Layer::is_bayesian),
                sigma_over_step: posterior.and_then(|(l, p)| sigma_over_step(&noise, l, p)),
                scale: quantization.output.map(|q| q.scale),
                zero_point: quantization.output.map(|q| q.zero_point),
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
            file_bytes,
            format_version: FORMAT_VERSION,
            input,
            classes: model.classes(),
            class_names: model.class_names().to_vec(),
            parameters: model.layers().iter().map(parameters).sum(),
            bayesian_parameters: model.layers().iter().map(bayesian_parameters).sum(),
            multiply_accumulates: model.multiply_accumulates(),
            calibration: model.calibration().map(evidence),
            nodes,
        }
    }

    fn text(&self, style: Style) -> String {
        let mut text = format!("{}\n", style.bold(&printable(&self.model)));
        for (label, value) in self.facts() {
            text.push_str(&format!("  {}  {value}\n", style.dim(&format!("{label:11}"))));
        }
        text.push('\n');
        let (header, rows) = self.table().lines();
        text.push_str(&style.dim(&header));
        for row in rows {
            text.push('\n');
            text.push_str(&row);
        }
        text.push('\n');
        text
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let input = &self.input;
        let range = match input.observed_range {
            Some(range) => format!(", observed {}", self::range(range)),
            None => String::new(),
        };
        let numbers = |numbers: &[f32]| {
            let numbers: Vec<String> = numbers.iter().map(|x| format!("{x}")).collect();
            numbers.join(", ")
        };
        let share = 100.0 * self.bayesian_parameters as f64 / self.parameters.max(1) as f64;
        let calibration = match &self.calibration {
            Some(Evidence { method, pictures, weight_samples }) => format!(
                "{}; {} pictures, {weight_samples} weight samples each",
                printable(method),
                thousands(u64::from(*pictures))
            ),
            None => "no evidence in the file".to_string(),
        };
        vec![
            (
                "file",
                format!(
                    "{}, format version {}",
                    bytes(self.file_bytes as u64),
                    self.format_version
                ),
            ),
            (
                "input",
                format!(
                    "{}, scale {:.5}, zero point {}{range}",
                    shape(input.shape),
                    input.scale,
                    input.zero_point
                ),
            ),
            ("pixels", format!("mean {}; std {}", numbers(&input.mean), numbers(&input.std))),
            ("classes", self.classes_text()),
            ("parameters", format!("{}, {share:.1} % Bayesian", thousands(self.parameters as u64))),
            (
                "work",
                format!(
                    "{:.1} M multiply-accumulates a picture and sample",
                    self.multiply_accumulates as f64 / 1e6
                ),
            ),
            ("calibration", calibration),
        ]
    }

    /// The number of classes and the first few names.
    fn classes_text(&self) -> String {
        const SHOWN: usize = 10;
        let count = thousands(self.classes as u64);
        if self.class_names.is_empty() {
            return count;
        }
        let names: Vec<String> = self.class_names.iter().map(|n| shorten(n, 24)).collect();
        let shown = names[..names.len().min(SHOWN)].join(", ");
        match names.len().checked_sub(SHOWN) {
            None | Some(0) => format!("{count}: {shown}"),
            Some(_) => format!("{count}: {shown}, ..."),
        }
    }

    fn table(&self) -> Table {
        use Align::{Left, Right};
        let mut table = Table::new(&[
            ("node", Left),
            ("operation", Left),
            ("output", Left),
            ("weights", Right),
            ("bytes", Right),
            ("posterior", Left),
            ("sigma/step 5%", Right),
            ("50%", Right),
            ("95%", Right),
            ("scale", Right),
            ("zero", Right),
            ("observed", Left),
        ]);
        for node in &self.nodes {
            let count = |n: usize| if n > 0 { thousands(n as u64) } else { String::new() };
            let kind = match (node.weights, node.bayesian) {
                (0, _) => "",
                (_, true) => "Bayesian",
                (_, false) => "fixed",
            };
            let quantile = |of: fn(Quantiles) -> f64| {
                node.sigma_over_step.map_or(String::new(), |q| format!("{:.3}", of(q)))
            };
            table.push(vec![
                shorten(&node.name, 40),
                node.op.to_string(),
                shape(node.shape),
                count(node.weights),
                count(node.bytes),
                kind.to_string(),
                quantile(|q| q.q05),
                quantile(|q| q.median),
                quantile(|q| q.q95),
                node.scale.map_or("logits".to_string(), |scale| format!("{scale:.5}")),
                node.zero_point.map_or(String::new(), |zero| zero.to_string()),
                node.observed_range.map_or(String::new(), range),
            ]);
        }
        table
    }
}

fn shape([height, width, channels]: [usize; 3]) -> String {
    match (height, width) {
        (1, 1) => channels.to_string(),
        _ => format!("{height}x{width}x{channels}"),
    }
}

fn range([low, high]: [f32; 2]) -> String {
    format!("{low:.3} .. {high:.3}")
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
