//! The effect of quantization on every value of the network, apart from sampling: FP32 and INT8 run
//! the mean weights on the same pictures.

use std::sync::{Arc, Mutex, PoisonError};

use bayes8_core::draws::Draws;
use bayes8_core::graph::Value;
use bayes8_core::layer::Layer;
use bayes8_core::model::{Quantized, QuantizedModel};
use bayes8_core::numerics::Quantization;
use bayes8_core::posterior::PerMember;
use bayes8_native::{ModelOptions, Pictures};
use ndarray::{ArrayView, Axis, Dimension, Slice};
use serde::Serialize;

use crate::calibrate::Observations;
use crate::mean_weights;
use crate::network::{LayerParameters, Network};
use crate::quantize::QuantizeError;
use crate::reference::{FloatWeights, place, run};

/// One value of the network.
#[derive(Clone, Debug, Serialize)]
pub struct ValueFidelity {
    /// Name of the node that computes it; `input` for the pictures.
    pub value: String,
    /// Operation of the node; empty for the pictures.
    pub operation: &'static str,
    /// Smallest number that its codes stand for; `None` for logits, which have no codes.
    pub low: Option<f32>,
    /// Largest number that its codes stand for.
    pub high: Option<f32>,
    /// Share of the calibration's numbers that lay more than half a step beyond these two, and so
    /// lost more than by rounding; `None` for logits.
    pub clipped: Option<f64>,
    /// Signal-to-quantization-noise ratio in dB: 10 log10 of the mean square of FP32 over that of
    /// the difference. `None` for values that INT8 does not compute separately (flattened values,
    /// and convolutions that end in an addition), and if nothing differs.
    pub sqnr_db: Option<f64>,
    /// Mean squared error of the rounded mean weights, if the node has weights.
    pub weight_mse: Option<f64>,
    /// Signal-to-quantization-noise ratio of the mean weights in dB: 10 log10 of their mean square
    /// over `weight_mse`.
    pub weight_sqnr_db: Option<f64>,
}

/// The number of pictures to compare.
const PICTURES: usize = 16;

/// The number of pictures to compare at a time: all their values are in memory.
const GROUP: usize = 4;

/// Compares all values on the first of the normalized `pictures`.
///
/// # Errors
/// [`QuantizeError`] when the pictures do not fit.
pub(super) fn compare<D: Dimension>(
    network: &Network,
    model: &QuantizedModel,
    observations: &Observations,
    pictures: ArrayView<'_, f32, D>,
) -> Result<Vec<ValueFidelity>, QuantizeError> {
    let nodes = network.graph.nodes();
    let noise = noise(network, model, pictures)?;
    let mut values = Vec::with_capacity(nodes.len() + 1);
    for n in 0..=nodes.len() {
        let (value, node) = match n.checked_sub(1) {
            None => (Value::Input, None),
            Some(n) => (Value::Node(n), Some(&nodes[n])),
        };
        let grid = model.grid(value);
        let quantized = n.checked_sub(1).map(|n| &model.graph().nodes()[n].data);
        let parameters = node.and_then(|node| node.data.layer());
        let weights = parameters.zip(quantized.and_then(Quantized::layer));
        let weights = weights.map(|(parameters, layer)| weight_noise(parameters, layer));
        let ends = grid.map(|grid| ends(grid, model.activation_bits().largest_code()));
        // The outermost codes round like all others: half a step to either side.
        let half_step = grid.map_or(0.0, |grid| grid.scale / 2.0);
        let clips = ends.map(|[low, high]| [low - half_step, high + half_step]);
        values.push(ValueFidelity {
            value: node.map_or("input", |node| &node.name).to_string(),
            operation: node.map_or("", |node| node.op.name()),
            low: ends.map(|[low, _]| low),
            high: ends.map(|[_, high]| high),
            clipped: clips.map(|ends| observations.clipped(value, ends)),
            sqnr_db: noise[n].decibels(),
            weight_mse: weights.as_ref().map(|noise| noise.noise / noise.count),
            weight_sqnr_db: weights.as_ref().and_then(Noise::decibels),
        });
    }
    Ok(values)
}

/// The numbers that the smallest and the largest code stand for.
fn ends(grid: Quantization, largest: u8) -> [f32; 2] {
    [0, largest].map(|code| number(grid, code))
}

fn number(grid: Quantization, code: u8) -> f32 {
    grid.scale * (f32::from(code) - f32::from(grid.zero_point))
}

/// Sums of squares.
#[derive(Clone, Copy, Default)]
struct Noise {
    signal: f64,
    noise: f64,
    count: f64,
}

impl Noise {
    fn add(&mut self, exact: f32, rounded: f32) {
        let (exact, rounded) = (f64::from(exact), f64::from(rounded));
        self.signal += exact * exact;
        self.noise += (exact - rounded).powi(2);
        self.count += 1.0;
    }

    fn decibels(&self) -> Option<f64> {
        let ratio = 10.0 * (self.signal / self.noise).log10();
        ratio.is_finite().then_some(ratio)
    }
}

/// The sums of the mean weights of a layer, over all members.
fn weight_noise(parameters: &PerMember<LayerParameters>, layers: &PerMember<Arc<Layer>>) -> Noise {
    let mut noise = Noise::default();
    for (parameters, layer) in parameters.iter().zip(layers.iter()) {
        let rows = parameters.weight.mean.chunks_exact(layer.fan_in());
        for (channel, row) in rows.enumerate() {
            for (i, &weight) in row.iter().enumerate() {
                let code = layer.mu[layer.position(channel, i)];
                noise.add(weight, layer.scale[channel] * f32::from(code));
            }
        }
    }
    noise
}

/// One entry for the input, then one per node, over all members.
fn noise<D: Dimension>(
    network: &Network,
    model: &QuantizedModel,
    pictures: ArrayView<'_, f32, D>,
) -> Result<Vec<Noise>, QuantizeError> {
    let nodes = network.graph.nodes();
    let plain = mean_weights::of(model)?;
    let int8 = bayes8_native::Model::new(plain.clone(), ModelOptions::default())?;
    let mut noise = vec![Noise::default(); nodes.len() + 1];
    let count = pictures.len_of(Axis(0)).min(PICTURES);
    let groups = (0..count).step_by(GROUP);
    let members = 0..network.members();
    for (first, member) in groups.flat_map(|first| members.clone().map(move |m| (first, m))) {
        let weights = FloatWeights::mean(network, member);
        let group = pictures.slice_axis(Axis(0), Slice::from(first..count.min(first + GROUP)));
        let seen = Mutex::new(vec![vec![Vec::new(); group.len_of(Axis(0))]; nodes.len() + 1]);
        run(network, &weights, group.view(), |value, picture, numbers| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen[place(value)][picture] = numbers.to_vec();
        })?;
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut compare = |index: usize, int8: &mut dyn Iterator<Item = f32>| {
            let fp32 = seen[index].iter().flatten();
            fp32.zip(int8).for_each(|(&exact, rounded)| noise[index].add(exact, rounded));
        };
        let seed_0 = Some(Draws::Random { seed: 0 });
        for trace in int8.trace(Pictures::Normalized(group), seed_0, member as u32)? {
            let Some(Value::Node(n)) = network.graph.value(&trace.node) else { continue };
            match plain.graph().value(&trace.node).and_then(|value| plain.grid(value)) {
                Some(grid) => {
                    compare(n + 1, &mut trace.bytes.iter().map(|&code| number(grid, code)));
                }
                None => {
                    let logits = trace.bytes.as_chunks().0.iter();
                    compare(n + 1, &mut logits.map(|&bytes| f32::from_le_bytes(bytes)));
                }
            }
        }
    }
    Ok(noise)
}
