//! Joint rounding of the mean weights of small networks. Error feedback
//! ([`error_feedback`](crate::error_feedback)) keeps the sums of each row near to those of FP32, but a row
//! of a few weights has little to feed errors back to. A network whose rows act together has: later weights,
//! of whatever row and layer, make up for what the rounding of earlier ones did to the outputs of the network.
//!
//! A change e of the mean weights, in steps, moves the mean outputs of example x by J(x) e, where J has the
//! products of slopes and inputs, averaged over draws of the weights. With diagonal L against
//! the chance of few draws and examples, each weight k is rounded to the code nearest to the one for which
//!
//! |J e|² + eᵀ L e
//!
//! is least if weights not yet rounded could follow exactly. That is error feedback with H = Jᵀ J + L over all
//! weights. As J has few rows, the inverse of I + J L⁻¹ Jᵀ over the weights that are left replaces the
//! decomposition of H. Codes of standard deviations have no part in it.

use std::sync::{Mutex, PoisonError};

use bayes8_core::graph::{Op, Value};
use bayes8_core::model::QuantizedModel;
use ndarray::{Array1, Array2, ArrayView, ArrayView2, Axis, Dimension, Slice};

use crate::bias_correction::InputMeans;
use crate::network::Network;
use crate::quantize::QuantizeError;
use crate::reference::{FloatWeights, draw, place, run};

/// Networks of more weights keep the codes of their rows.
const LARGEST: usize = 1 << 14;

/// The numbers that effects are measured by: outputs times examples.
const EFFECTS: usize = 256;

/// The fewest examples that tell effects apart.
const FEWEST: usize = 16;

/// Draws of the weights.
const DRAWS: u32 = 8;

/// This share of the mean square of all effects is added to that of each, against overfitting.
const DAMPING: f64 = 0.01;

/// Returns `model`, which was made from `network`, with mean codes rounded by their common effect on the
/// outputs of `pictures`, as [`run`] takes them. Networks other than small chains of linear layers keep their codes, as do
/// those for which these are better. `means` are the inputs by which biases are going to be
/// corrected, if they are.
///
/// # Errors
/// [`QuantizeError::Run`] when the pictures do not fit the network.
pub(crate) fn round_jointly<D: Dimension>(
    network: &Network,
    pictures: ArrayView<'_, f32, D>,
    means: Option<&InputMeans>,
    model: QuantizedModel,
) -> Result<QuantizedModel, QuantizeError> {
    let examples = (EFFECTS / network.numbers().max(1)).min(pictures.len_of(Axis(0)));
    if examples < FEWEST || !is_small_chain(network) {
        return Ok(model);
    }
    let stride = pictures.len_of(Axis(0)) / examples;
    let some = Slice::new(0, Some((stride * examples) as isize), stride as isize);
    let effects = Effects::new(network, pictures.slice_axis(Axis(0), some), means)?;
    let weights = effects.weights(network, &model);
    let codes = effects.codes(&weights);
    if effects.loss(&weights, |i| codes[i]) >= effects.loss(&weights, |i| weights[i].code) {
        return Ok(model);
    }
    let mut codes = codes.into_iter();
    Ok(model.map_layers(|_, _, layer| {
        layer.mu.iter_mut().zip(&mut codes).for_each(|(mu, code)| *mu = code);
    })?)
}

/// Whether the network is a chain of linear layers with few weights and one member.
fn is_small_chain(network: &Network) -> bool {
    let nodes = network.graph.nodes();
    let mut before = Value::Input;
    let is_chain = nodes.iter().enumerate().all(|(n, node)| {
        let reads = std::mem::replace(&mut before, Value::Node(n));
        matches!(node.op, Op::Linear(_)) && node.inputs == [reads]
    });
    let ends = network.outputs.iter().flat_map(|output| &output.nodes);
    let weights: usize = network.layers().map(|layer| layer.member(0).weight.mean.len()).sum();
    is_chain
        && ends.eq([&(nodes.len().wrapping_sub(1))])
        && network.members() == 1
        && weights <= LARGEST
}

/// What moves the outputs in one draw.
struct Draw {
    /// Of each layer, its inputs `[examples, fan-in]`, less their means where biases are corrected.
    inputs: Vec<Array2<f32>>,
    /// Of each layer, the slopes of the outputs over its sums, `[examples * outputs, rows]`.
    slopes: Vec<Array2<f32>>,
}

/// What each weight does to the outputs.
struct Effects {
    draws: Vec<Draw>,
    examples: usize,
    outputs: usize,
}

/// A mean weight.
struct Weight {
    layer: usize,
    row: usize,
    column: usize,
    /// The step of its codes.
    step: f64,
    /// Its exact value in steps.
    exact: f64,
    /// Its code so far.
    code: i8,
    /// Mean square of its effect over the draws.
    strength: f64,
    /// What stands for it in L.
    damping: f64,
}

impl Effects {
    fn new<D: Dimension>(
        network: &Network,
        pictures: ArrayView<'_, f32, D>,
        means: Option<&InputMeans>,
    ) -> Result<Self, QuantizeError> {
        let draws = match network.period() {
            Some(_) => vec![FloatWeights::mean(network, 0)],
            None => (0..DRAWS).map(|sample| draw(network, 0, sample)).collect(),
        };
        let draws = draws.iter().map(|weights| Draw::new(network, weights, pictures.view(), means));
        let draws = draws.collect::<Result<_, _>>()?;
        Ok(Self { draws, examples: pictures.len_of(Axis(0)), outputs: network.numbers() })
    }

    /// Returns all weights, in the order of the layers' codes.
    fn weights(&self, network: &Network, model: &QuantizedModel) -> Vec<Weight> {
        let mut weights = Vec::new();
        for (n, (real, layers)) in network.layers().zip(model.layers()).enumerate() {
            let layer = layers.member(0);
            let fan_in = layer.fan_in();
            for (i, (&mean, &code)) in real.member(0).weight.mean.iter().zip(&layer.mu).enumerate()
            {
                let (row, column) = (i / fan_in, i % fan_in);
                let step = f64::from(layer.scale[row]);
                let exact = f64::from(mean) / step;
                let (strength, damping) = (0.0, 0.0);
                let mut weight =
                    Weight { layer: n, row, column, step, exact, code, strength, damping };
                let square = |x: f64| x * x;
                let mean: f64 = self.effect(&weight).into_iter().map(square).sum();
                let each = self.draws.iter().flat_map(|draw| self.of(draw, &weight)).map(square);
                weight.strength = each.sum::<f64>() / self.draws.len() as f64;
                // The variance of the mean effect.
                weight.damping = (weight.strength - mean).max(0.0) / self.draws.len() as f64;
                weights.push(weight);
            }
        }
        let all: f64 = weights.iter().map(|weight| weight.strength).sum();
        let damping = DAMPING * all / weights.len().max(1) as f64;
        // Weights without any effect have none to feed back.
        let damping = if damping > 0.0 { damping } else { 1.0 };
        weights.iter_mut().for_each(|weight| weight.damping += damping);
        weights
    }

    /// What a step of `weight` does to the outputs in one draw: a column of J.
    fn of<'a>(&'a self, draw: &'a Draw, weight: &Weight) -> impl Iterator<Item = f64> + 'a {
        let unit = weight.step / (self.examples as f64).sqrt();
        let slopes = draw.slopes[weight.layer].column(weight.row).into_iter();
        let inputs = draw.inputs[weight.layer].column(weight.column).into_iter();
        let inputs = inputs.flat_map(|input| std::iter::repeat_n(input, self.outputs));
        slopes.zip(inputs).map(move |(slope, input)| unit * f64::from(slope * input))
    }

    /// The mean over the draws.
    fn effect(&self, weight: &Weight) -> Array1<f64> {
        let mut effect = Array1::zeros(self.examples * self.outputs);
        for draw in &self.draws {
            effect.iter_mut().zip(self.of(draw, weight)).for_each(|(sum, x)| *sum += x);
        }
        effect / self.draws.len() as f64
    }

    /// The codes of the weights, of which the strongest are rounded first.
    fn codes(&self, weights: &[Weight]) -> Vec<i8> {
        let size = self.examples * self.outputs;
        let mut inverse = Array2::eye(size);
        for weight in weights {
            update(&mut inverse, &self.effect(weight), weight.damping);
        }
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by(|&a, &b| weights[b].strength.total_cmp(&weights[a].strength).then(a.cmp(&b)));
        let mut moved = Array1::zeros(size);
        let mut codes = vec![0; weights.len()];
        for i in order {
            let weight = &weights[i];
            let effect = self.effect(weight);
            let fed = inverse.dot(&effect).dot(&moved) / weight.damping;
            let code = (weight.exact + fed).round().clamp(i8::MIN.into(), i8::MAX.into());
            codes[i] = code as i8;
            moved.scaled_add(weight.exact - code, &effect);
            update(&mut inverse, &effect, -weight.damping);
        }
        codes
    }

    /// |J e|² + eᵀ L e.
    fn loss(&self, weights: &[Weight], code: impl Fn(usize) -> i8) -> f64 {
        let mut moved = Array1::zeros(self.examples * self.outputs);
        let mut damped = 0.0;
        for (i, weight) in weights.iter().enumerate() {
            let error = weight.exact - f64::from(code(i));
            moved.scaled_add(error, &self.effect(weight));
            damped += weight.damping * error * error;
        }
        moved.dot(&moved) + damped
    }
}

impl Draw {
    fn new<D: Dimension>(
        network: &Network,
        weights: &FloatWeights<'_>,
        pictures: ArrayView<'_, f32, D>,
        means: Option<&InputMeans>,
    ) -> Result<Self, QuantizeError> {
        let (graph, outputs) = (&network.graph, network.numbers());
        let nodes = graph.nodes();
        let examples = pictures.len_of(Axis(0));
        let inputs = nodes.iter().map(|node| graph.shape(node.inputs[0]).elements());
        let inputs = inputs.map(|size| Mutex::new(Array2::zeros((examples, size))));
        let inputs: Vec<Mutex<Array2<f32>>> = inputs.collect();
        run(network, weights, pictures, |value, picture, numbers| {
            // Nothing reads the last value.
            let Some(inputs) = inputs.get(place(value)) else { return };
            let mut inputs = inputs.lock().unwrap_or_else(PoisonError::into_inner);
            inputs.row_mut(picture).iter_mut().zip(numbers).for_each(|(to, &x)| *to = x);
        })?;
        let inputs = inputs.into_iter();
        let inputs =
            inputs.map(|inputs| inputs.into_inner().unwrap_or_else(PoisonError::into_inner));
        let mut inputs: Vec<Array2<f32>> = inputs.collect();
        let unit = |(row, column): (usize, usize)| f32::from(row % outputs == column);
        let mut slope = Array2::from_shape_fn((examples * outputs, outputs), unit);
        let mut slopes = Vec::with_capacity(nodes.len());
        for n in (0..nodes.len()).rev() {
            let shape = (slope.ncols(), inputs[n].ncols());
            let rows = weights.layer(n).map(|layer| ArrayView2::from_shape(shape, &layer.weight));
            // Importing gives every linear layer its weights.
            let Some(Ok(rows)) = rows else { break };
            let mut before = slope.dot(&rows);
            if let Some(clamp) = n.checked_sub(1).map(|n| nodes[n].data.clamp) {
                for ((row, column), slope) in before.indexed_iter_mut() {
                    let x = inputs[n][(row / outputs, column)];
                    *slope = if clamp.min < x && x < clamp.max { *slope } else { 0.0 };
                }
            }
            if let Some(means) = means {
                for mut row in inputs[n].rows_mut() {
                    row.iter_mut().zip(&*means.inputs(n, None)).for_each(|(x, m)| *x -= *m as f32);
                }
            }
            slopes.push(std::mem::replace(&mut slope, before));
        }
        slopes.reverse();
        Ok(Self { inputs, slopes })
    }
}

/// Turns the inverse of a matrix S into that of S + v vᵀ / `divisor`.
fn update(inverse: &mut Array2<f64>, v: &Array1<f64>, divisor: f64) {
    let product = inverse.dot(v);
    let factor = -1.0 / (divisor + v.dot(&product));
    for (mut row, &x) in inverse.rows_mut().into_iter().zip(&product) {
        row.scaled_add(factor * x, &product);
    }
}

#[cfg(test)]
mod tests;
