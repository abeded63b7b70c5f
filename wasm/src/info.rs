//! The description of a model for a page.

use bayes8_core::digest::ModelDigest;
use bayes8_core::graph::Shape;
use bayes8_core::limits::Cost;
use bayes8_core::model::{ActiveDropout, PerMember, QuantizedModel};
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
    /// One name per class; `class N` if the file names none.
    pub class_names: Vec<String>,
    /// Number of classes.
    pub classes: usize,
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
    /// How bytes become the network's input: `(byte / 255 - mean) / std`, channel by channel.
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
        let names = model.class_names();
        let class_name =
            |class| names.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
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
            class_names: (0..model.classes().map_or(0, |classes| classes.count))
                .map(class_name)
                .collect(),
            classes: model.classes().map_or(0, |classes| classes.count),
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
            preprocessing: Normalization {
                mean: preprocessing.mean.clone(),
                std: preprocessing.std.clone(),
            },
        }
    }
}
