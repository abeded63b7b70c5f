//! The description of a model for a page.

use crate::conformal::ConformalInfo;
use bayes8_core::digest::ModelDigest;
use bayes8_core::graph::Shape;
use bayes8_core::head::classes::Classes;
use bayes8_core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_core::head::labels::Labels;
use bayes8_core::head::{Head, Output};
use bayes8_core::limits::Cost;
use bayes8_core::model::{ActiveDropout, PerMember, QuantizedModel, Values};
use serde::Serialize;
use tsify::Tsify;

/// The description of a model.
#[derive(Clone, Debug, Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInfo {
    /// Name of the model.
    pub name: String,
    /// Identifies the model in a record of its predictions: `blake3:` and 64 hexadecimal digits.
    pub digest: String,
    /// Shape of a picture.
    pub input: InputShape,
    /// What the model takes.
    #[tsify(type = "\"bytes\" | \"numbers\"")]
    pub values: &'static str,
    /// The outputs, at least one.
    pub outputs: Vec<OutputInfo>,
    /// Number of layers with weights.
    pub layers: usize,
    /// Number of layers whose weights or biases have a posterior.
    pub bayesian_layers: usize,
    /// Number of members, which samples take in turn; 1 if all samples take the same network.
    pub members: usize,
    /// The dropout nodes, which are active, in execution order.
    pub dropout: Vec<DropoutNode>,
    /// Number of weights and biases, of all members.
    pub parameters: usize,
    /// Multiply-accumulates for one picture and one weight sample.
    // JavaScript numbers are exact up to 2^53.
    pub multiply_accumulates: f64,
    /// Bytes of working memory for one picture, as `maxMemoryBytes` counts them.
    pub memory_bytes: f64,
    /// Steps for one picture and one weight sample, as `maxSteps` counts them.
    pub steps: f64,
    /// Bytes for one draw of the weights.
    pub weight_bytes: usize,
    /// Number of samples of a prediction for which none is given.
    pub default_samples: u32,
    /// Number of chosen draws; absent if the model has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen_draws: Option<usize>,
    /// How bytes become the network's input: `(byte / 255 - mean) / std`, channel by channel; numbers become
    /// `(number - mean) / std`.
    pub preprocessing: Normalization,
}

/// Shape of a picture.
#[derive(Clone, Debug, Serialize, Tsify)]
pub struct InputShape {
    /// Planes of a volume; 1 for a picture.
    pub depth: usize,
    /// Rows; 1 for a sequence.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 for gray, 3 for RGB.
    pub channels: usize,
}

/// An output. The package makes a separate type of each head.
#[derive(Clone, Debug, Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct OutputInfo {
    /// Name of the output.
    pub name: String,
    /// What the numbers mean.
    #[tsify(type = "\"classes\" | \"labels\" | \"gaussian\"")]
    pub head: &'static str,
    /// Names of the classes, labels or targets.
    pub names: Vec<String>,
    /// The two outcomes of each label; empty for other heads.
    pub outcomes: Vec<String>,
    /// The unit of each target; empty for other heads.
    pub units: Vec<String>,
    /// The numbers of planes, rows and columns of a map; 1 each unless the output is a map.
    pub positions: [usize; 3],
    /// Numbers of a sample.
    pub numbers: usize,
    /// Integers in the sums of a picture.
    pub sum_words: usize,
    /// The head as numbers: `[0, classes]`, `[1, labels]`, or 2, the variance (0 none, 1 log, 2 softplus), and
    /// the scale, offset, noise and exponent of each target.
    pub parameters: Vec<f64>,
    /// What gives its prediction sets or intervals.
    #[tsify(optional)]
    pub conformal: Option<ConformalInfo>,
}

impl OutputInfo {
    fn new(output: &Output) -> Self {
        let Output { name, head, positions, conformal, .. } = output;
        let outcomes = head.labels().map(|labels| labels.outcomes().map(String::from));
        let units = head.gaussian().into_iter().flat_map(|gaussian| &gaussian.targets);
        Self {
            name: name.clone(),
            head: head.name(),
            names: (0..head.count()).map(|index| head.name_of(index)).collect(),
            outcomes: outcomes.map_or_else(Vec::new, Vec::from),
            units: units.map(|target| target.unit.clone()).collect(),
            positions: *positions,
            numbers: output.numbers(),
            sum_words: output.sum_words(),
            parameters: parameters(head),
            conformal: conformal.as_ref().map(ConformalInfo::new),
        }
    }
}

/// [`OutputInfo::parameters`] of a head.
fn parameters(head: &Head) -> Vec<f64> {
    match head {
        Head::Classes(_) => vec![0.0, head.count() as f64],
        Head::Labels(_) => vec![1.0, head.count() as f64],
        Head::Gaussian(gaussian) => {
            let variance = match gaussian.variance {
                Variance::None => 0.0,
                Variance::Log => 1.0,
                Variance::Softplus => 2.0,
            };
            let targets = gaussian.targets.iter().flat_map(|target| {
                let Target { scale, offset, noise, exponent, .. } = *target;
                [scale.into(), offset.into(), noise.into(), exponent.into()]
            });
            [2.0, variance].into_iter().chain(targets).collect()
        }
    }
}

/// The output that has these [`OutputInfo::parameters`] and [`OutputInfo::positions`], without names and
/// nodes.
pub(crate) fn output_of(parameters: &[f64], positions: &[usize]) -> Output {
    let positions = positions.try_into().unwrap_or([1; 3]);
    Output { positions, head: head_of(parameters), ..Output::of_classes(0, 0, Vec::new()) }
}

/// The head that has these [`OutputInfo::parameters`], without names.
fn head_of(parameters: &[f64]) -> Head {
    let (names, second) = (Vec::new(), parameters.get(1).copied().unwrap_or(0.0));
    match parameters.first() {
        Some(2.0) => {
            let variance = match second {
                0.0 => Variance::None,
                1.0 => Variance::Log,
                _ => Variance::Softplus,
            };
            let target = |numbers: &[f64]| Target {
                name: String::new(),
                unit: String::new(),
                // They were of these types before.
                scale: numbers[0] as f32,
                offset: numbers[1] as f32,
                noise: numbers[2] as f32,
                exponent: numbers[3] as i8,
            };
            let targets =
                parameters.get(2..).unwrap_or_default().chunks_exact(4).map(target).collect();
            Head::Gaussian(Gaussian { variance, targets }.into())
        }
        Some(1.0) => Head::Labels(Labels { count: second as usize, names }.into()),
        _ => Head::Classes(Classes { count: second as usize, names }.into()),
    }
}

/// A dropout node.
#[derive(Clone, Debug, Serialize, Tsify)]
pub struct DropoutNode {
    /// Name of the node.
    pub node: String,
    /// The probability that a unit is dropped.
    pub probability: f64,
    /// What is dropped as a whole: `element`, `channel` or `value`.
    #[tsify(type = "\"element\" | \"channel\" | \"value\"")]
    pub kind: &'static str,
}

impl DropoutNode {
    fn new(ActiveDropout { node, dropout, .. }: &ActiveDropout) -> Self {
        let (probability, kind) = (dropout.probability.as_f64(), dropout.kind.name());
        Self { node: node.clone(), probability, kind }
    }
}

/// Mean and standard deviation of each channel, for pixels in 0 to 1.
#[derive(Clone, Debug, Serialize, Tsify)]
pub struct Normalization {
    /// Means.
    pub mean: Vec<f32>,
    /// Standard deviations.
    pub std: Vec<f32>,
}

impl NetworkInfo {
    pub(crate) fn new(
        model: &QuantizedModel,
        digest: ModelDigest,
        cost: &Cost,
        weight_bytes: usize,
    ) -> Self {
        let Shape { depth, height, width, channels } = model.graph().input();
        let parameters = model
            .layers()
            .flat_map(PerMember::iter)
            .map(|layer| layer.mu.len() + layer.bias.as_ref().map_or(0, |bias| bias.mu.len()));
        let randomness = model.randomness();
        let preprocessing = model.preprocessing();
        Self {
            name: model.name().into(),
            digest: digest.to_string(),
            input: InputShape { depth, height, width, channels },
            values: match preprocessing.values {
                Values::Bytes => "bytes",
                Values::Numbers => "numbers",
            },
            outputs: model.outputs().iter().map(OutputInfo::new).collect(),
            layers: model.layers().count(),
            bayesian_layers: randomness.bayesian_layers,
            members: randomness.members,
            dropout: randomness.dropout.iter().map(DropoutNode::new).collect(),
            parameters: parameters.sum(),
            multiply_accumulates: model.multiply_accumulates() as f64,
            memory_bytes: cost.memory_bytes as f64,
            steps: cost.steps as f64,
            weight_bytes,
            default_samples: randomness.default_samples(),
            chosen_draws: model.chosen_draws().map(|draws| draws.samples().len()),
            preprocessing: Normalization {
                mean: preprocessing.mean.clone(),
                std: preprocessing.std.clone(),
            },
        }
    }
}
