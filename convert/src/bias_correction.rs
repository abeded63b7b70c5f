//! Bias correction: rounding a row of mean weights shifts the mean of its outputs, since inputs
//! after a ReLU have a mean other than zero. The shift is known, and goes into the bias:
//!
//! E\[y\] - E\[y'\] = (w - w') E\[x\]
//!
//! (M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV
//! 2019, section 4.2, with E\[x\] from the calibration pictures.) E\[x\] is that of the FP32
//! network, so a layer's correction does not depend on those of others.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use bayes8_core::graph::Value;
use bayes8_core::head::{Head, Output};
use bayes8_core::layer::{Bias, Layer};
use bayes8_core::model::{ModelError, QuantizedModel};
use ndarray::{Array2, ArrayView, Axis, Dimension};
use serde::Serialize;

use crate::network::Network;
use crate::quantize::QuantizeError;
use crate::quantized_logits;
use crate::reference::{FloatWeights, RunError, run, run_typical};
use crate::weight_inputs::WeightInputs;

/// Whether to correct biases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BiasCorrection {
    /// Only if it brings the logits of the calibration pictures nearer to those of FP32.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// The outcome of the bias correction. Errors are those of the logits of the mean weights: the
/// squared difference from FP32, summed over the classes and averaged over the calibration
/// pictures, of maps also over the positions. From each picture's logits, or those of each position, their
/// mean over the classes is subtracted first, since no probability depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CorrectionReport {
    /// Whether the model's biases are corrected.
    pub corrected: bool,
    /// Squared error without correction.
    pub error_without: f64,
    /// Squared error with correction.
    pub error_with: f64,
    /// The mean gain divided by its standard error. [`BiasCorrection::Auto`] corrects if this is at
    /// least [`CLEAR_GAIN`].
    pub gain_over_standard_error: f64,
}

/// The number of standard errors from which a gain counts: another choice of pictures is then
/// unlikely to reverse it.
pub const CLEAR_GAIN: f64 = 3.0;

impl CorrectionReport {
    /// Compares the squared errors of the calibration pictures, one per picture and member.
    pub(crate) fn new(without: &[f64], with: &[f64]) -> Self {
        let count = without.len() as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
        let gains: Vec<f64> = without.iter().zip(with).map(|(a, b)| a - b).collect();
        let gain = mean(&gains);
        let squares: f64 = gains.iter().map(|g| (g - gain).powi(2)).sum();
        let standard_error = (squares / (count - 1.0) / count).sqrt();
        Self {
            corrected: false,
            error_without: mean(without),
            error_with: mean(with),
            // Without any error there is nothing to gain.
            gain_over_standard_error: if gain == 0.0 { 0.0 } else { gain / standard_error },
        }
    }

    /// Whether the gain is more than chance.
    pub(crate) fn is_clear(&self) -> bool {
        self.gain_over_standard_error >= CLEAR_GAIN
    }
}

/// Squared distance between each picture's logits, apart from a shift of all of them; of maps the mean over
/// their positions.
fn squared_errors(outputs: &[Output], fp32: &Array2<f32>, int8: &Array2<f32>) -> Vec<f64> {
    let error = |(fp32, int8): (ndarray::ArrayView1<'_, f32>, ndarray::ArrayView1<'_, f32>)| {
        let differences = fp32.iter().zip(int8).map(|(a, b)| f64::from(*a) - f64::from(*b));
        let differences: Vec<f64> = differences.collect();
        let mut rest = &differences[..];
        let mut error = 0.0;
        for output in outputs {
            let (own, after) = rest.split_at(output.numbers());
            // Those that the network makes, which a resized map has fewer of.
            let positions = own.chunks_exact(output.head.outputs());
            let count = positions.len() as f64;
            let of_position = positions.map(|own| {
                // A constant changes no probability of classes.
                let ignored = match output.head {
                    Head::Classes(_) => own.iter().sum::<f64>() / own.len() as f64,
                    Head::Labels(_) | Head::Gaussian(_) => 0.0,
                };
                own.iter().map(|d| (d - ignored).powi(2)).sum::<f64>()
            });
            error += of_position.sum::<f64>() / count;
            rest = after;
        }
        error
    };
    fp32.outer_iter().zip(int8.outer_iter()).map(error).collect()
}

/// Returns the squared errors of the logits of `plain`, the mean weights of a model, for each
/// member and picture. `fp32` has the logits of each member.
pub(crate) fn errors_of_means<'a, D: Dimension>(
    fp32: impl Iterator<Item = &'a Array2<f32>>,
    plain: &QuantizedModel,
    pictures: ArrayView<'_, f32, D>,
) -> Result<Vec<f64>, QuantizeError> {
    let mut errors = Vec::new();
    for (fp32, member) in fp32.zip(0..) {
        let int8 = quantized_logits::logits(plain, pictures.view(), member)?;
        errors.extend(squared_errors(plain.outputs(), fp32, &int8));
    }
    Ok(errors)
}

/// For every weighted node, the mean input of each weight of a row, over pictures and output
/// positions.
#[derive(Debug)]
pub struct InputMeans {
    members: Vec<MemberMeans>,
}

/// The inputs of the weights of one member.
#[derive(Debug)]
struct MemberMeans {
    /// Per node `[groups][KD][KH][KW][I / groups]`; empty where a node has no weights.
    nodes: Vec<Vec<f64>>,
    /// Logits of the pictures, `[N, classes]`.
    logits: Array2<f32>,
}

/// Means are summed in units of this, so that the order of the pictures does not matter.
const UNIT: f64 = 1.0 / (1u64 << 40) as f64;

impl InputMeans {
    /// Runs `pictures`, as [`run`] takes them, through every member: with drawn weights for the inputs, and
    /// with mean weights for the logits.
    ///
    /// # Errors
    /// [`RunError`] when the pictures do not fit the network.
    pub fn new<D: Dimension>(
        network: &Network,
        pictures: ArrayView<'_, f32, D>,
    ) -> Result<Self, RunError> {
        let means = |member| MemberMeans::new(network, member, pictures.view());
        Ok(Self { members: (0..network.members()).map(means).collect::<Result<_, _>>()? })
    }

    /// Iterates over the logits of the members, each `[N, classes]`.
    pub(crate) fn logits(&self) -> impl Iterator<Item = &Array2<f32>> {
        self.members.iter().map(|member| &member.logits)
    }

    /// Returns `model`, which was made from `network`, with corrected biases.
    ///
    /// # Errors
    /// [`ModelError`] when a corrected bias would leave no room for the sums of its layer.
    pub fn correct(
        &self,
        network: &Network,
        model: QuantizedModel,
    ) -> Result<QuantizedModel, ModelError> {
        let nodes = network.graph.nodes();
        let grids: Vec<f32> = nodes
            .iter()
            // Only the logits have no grid, and nothing reads them.
            .map(|node| model.grid(node.inputs[0]).map_or(1.0, |grid| grid.scale))
            .collect();
        model.map_layers(|n, member, layer| {
            let Some(parameters) = nodes[n].data.layer() else { return };
            let inputs = self.inputs(n, (!parameters.is_shared()).then_some(member));
            shift(layer, &parameters.member(member).weight.mean, &inputs, grids[n]);
        })
    }

    /// Returns the mean inputs of node `n` over one member, or over all.
    pub(crate) fn inputs(&self, n: usize, member: Option<usize>) -> Cow<'_, [f64]> {
        let members = match (member, &*self.members) {
            (Some(member), members) => return Cow::Borrowed(&members[member].nodes[n]),
            (None, [only]) => return Cow::Borrowed(&only.nodes[n]),
            (None, members) => members,
        };
        let mut means = vec![0.0; members[0].nodes[n].len()];
        for member in members {
            let inputs = member.nodes[n].iter().map(|x| x / members.len() as f64);
            means.iter_mut().zip(inputs).for_each(|(mean, x)| *mean += x);
        }
        Cow::Owned(means)
    }
}

impl MemberMeans {
    fn new<D: Dimension>(
        network: &Network,
        member: usize,
        pictures: ArrayView<'_, f32, D>,
    ) -> Result<Self, RunError> {
        let graph = &network.graph;
        let taps: Vec<Option<WeightInputs>> =
            graph.nodes().iter().map(|node| WeightInputs::of(graph, node)).collect();
        let sums: Vec<Mutex<Vec<i128>>> = taps
            .iter()
            .map(|taps| Mutex::new(vec![0; taps.as_ref().map_or(0, WeightInputs::count)]))
            .collect();
        let observe = |value: Value, _: usize, numbers: &[f32]| {
            for ((node, taps), sums) in graph.nodes().iter().zip(&taps).zip(&sums) {
                let Some(taps) = taps.as_ref().filter(|_| node.inputs[0] == value) else {
                    continue;
                };
                let means = taps.means(numbers);
                // After each picture, sums are multiples of the unit.
                let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
                for (sum, mean) in sums.iter_mut().zip(means) {
                    *sum = sum.saturating_add((mean / UNIT).round() as i128);
                }
            }
        };
        run_typical(network, member, pictures.view(), observe)?;
        let means = FloatWeights::mean(network, member);
        let logits = run(network, &means, pictures.view(), |_, _, _| {})?;
        let count = pictures.len_of(Axis(0)).max(1) as f64;
        let mean = |sums: Mutex<Vec<i128>>| {
            let sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
            sums.iter().map(|&sum| sum as f64 * UNIT / count).collect()
        };
        Ok(Self { nodes: sums.into_iter().map(mean).collect(), logits })
    }
}

/// Moves the biases of `layer`, whose weights are rows `[out_channels][fan-in]` of `mean`, by the
/// shift that rounding caused in the mean of its outputs.
fn shift(layer: &mut Layer, mean: &[f32], inputs: &[f64], input_scale: f32) {
    let fan_in = layer.fan_in();
    let groups = inputs.len() / fan_in;
    let per_group = layer.out_channels / groups;
    let shift = |channel: usize| {
        let scale = f64::from(layer.scale[channel]);
        let weights = &mean[channel * fan_in..][..fan_in];
        let inputs = &inputs[channel / per_group * fan_in..][..fan_in];
        let lost = weights.iter().zip(inputs).enumerate().map(|(i, (&w, x))| {
            let code = layer.mu[layer.position(channel, i)];
            (f64::from(w) - scale * f64::from(code)) * x
        });
        (lost.sum::<f64>() / (scale * f64::from(input_scale))).round() as i32
    };
    let shifts: Vec<i32> = (0..layer.out_channels).map(shift).collect();
    match &mut layer.bias {
        Some(bias) => {
            for (bias, shift) in bias.mu.iter_mut().zip(&shifts) {
                *bias = bias.saturating_add(*shift);
            }
        }
        None => layer.bias = Some(Bias { mu: shifts, sigma: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Shifts differ between positions, and more positions have no larger error.
    #[test]
    fn errors_of_maps_are_those_of_a_position() {
        let map =
            |columns| Output { positions: [1, 1, columns], ..Output::of_classes(0, 2, Vec::new()) };
        let fp32 = array![[0.0f32, 0.0, 0.0, 0.0]];
        let shifted = array![[5.0f32, 5.0, -3.0, -3.0]];
        assert_eq!(squared_errors(&[map(2)], &fp32, &shifted), [0.0]);
        let other = array![[1.0f32, -1.0, 7.0, 7.0]];
        assert_eq!(squared_errors(&[map(2)], &fp32, &other), [1.0]);
        let one = array![[1.0f32, -1.0]];
        assert_eq!(squared_errors(&[map(1)], &array![[0.0f32, 0.0]], &one), [2.0]);
    }
}
