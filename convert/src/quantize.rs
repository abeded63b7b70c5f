//! From the FP32 network and its activation ranges to the INT8 model.

use bayes8_core::head::{Head, Output};
use bayes8_core::layer::{Bias, Layer, transpose};
use bayes8_core::model::{
    Calibration, ModelError, Parameters, Parts, Preprocessing, Quantized, QuantizedModel, Values,
};
use bayes8_core::numerics::{ActivationBits, CodeRange, Planes, Quantization};
use bayes8_core::ops::GridRule;
use bayes8_core::posterior::gaussian::NOISE_STD;
use bayes8_core::posterior::{self, Posterior};
use bayes8_native::{LoadError, PredictError};
use std::sync::Arc;
use thiserror::Error;

use crate::network::{Clamp, Gaussian, LayerParameters, Network, RealParameters};
use crate::planes::{self, PlanesError};
use crate::reference::{RunError, place};
use crate::sigma_codes::SigmaCoder;

/// The contents of a model file besides the network.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelDetails {
    /// A name for people.
    pub name: String,
    /// Normalization of inputs, one number per channel.
    pub preprocessing: Preprocessing,
    /// The outputs ([`Network::heads`]). The exponents of targets follow from the calibration.
    pub outputs: Arc<[Output]>,
    /// Number of codes of each element of the input; `None`: two of numbers, where the layers that
    /// read them allow it.
    pub input_planes: Option<Planes>,
}

/// Why a network cannot be quantized.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// A range with NaN or infinity.
    #[error("value `{value}` reaches {low}..{high} in the calibration: no finite range")]
    Range {
        /// The node, or `input`.
        value: String,
        /// Lower end.
        low: f32,
        /// Upper end.
        high: f32,
    },
    /// A function that is not finite on the whole range of its input.
    #[error(
        "node `{node}` has no finite value at {at}, but its input reaches {low}..{high} in the \
         calibration; bound its input in the network, for example by Clip"
    )]
    Function {
        /// The node.
        node: String,
        /// A number at which the function is not finite, or that lies next to a pole.
        at: f64,
        /// Lower end of the input's range.
        low: f32,
        /// Upper end of the input's range.
        high: f32,
    },
    /// The input cannot have two planes.
    #[error(transparent)]
    Planes(#[from] PlanesError),
    /// Outputs beyond the numbers of f32.
    #[error(
        "node `{node}`: its weights are so large that its sums may be infinite; outputs of magnitude 1 \
         suit a model, such as those of targets that are divided by their standard deviation for training"
    )]
    TooLarge {
        /// The node.
        node: String,
    },
    /// Outputs that are almost zero.
    #[error(
        "node `{node}`: the outputs reach {largest:e} in the calibration, less than a model can \
         hold; outputs of magnitude 1 suit it, such as those of targets that are divided by their standard \
         deviation for training"
    )]
    TooSmall {
        /// The node.
        node: String,
        /// The largest magnitude of its outputs.
        largest: f32,
    },
    /// The parts do not form a valid model.
    #[error(transparent)]
    QuantizedModel(#[from] ModelError),
    /// The FP32 network does not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The model does not run on this machine.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The model does not run on the calibration pictures.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

/// The room above its mean weights that a channel's step leaves, in standard deviations. A weight
/// that reaches the end of i8 loses spread; a wider step rounds all means more coarsely.
const HEADROOM: f32 = 3.0;

/// Largest code of a bias. Below the exact integers of f32, and far from the accumulator's end.
const LARGEST_BIAS: f32 = (1 << 24) as f32;

/// Smallest ratio of a weight's accumulator step to the output step. It keeps the multipliers of
/// dead channels from being subnormal.
const SMALLEST_MULTIPLIER: f32 = 1.0 / (1 << 30) as f32;

/// The smallest output that keeps its precision, about 1e-18: multipliers stay normal numbers.
const LEAST_OUTPUT: f32 = 1.0 / (1u64 << 60) as f32;

/// Quantizes `network` with the activation ranges that `calibration` observed, to codes of `bits`
/// bits.
///
/// # Errors
/// [`QuantizeError`], which names the node.
pub fn quantize(
    network: &Network,
    calibration: Calibration,
    bits: ActivationBits,
    details: ModelDetails,
) -> Result<QuantizedModel, QuantizeError> {
    let graph = &network.graph;
    let nodes = graph.nodes();
    check_ranges(network, &calibration)?;
    let numbers = details.preprocessing.values == Values::Numbers;
    let input_planes = match details.input_planes {
        None if numbers && planes::check(graph).is_ok() => Planes::Two,
        None | Some(Planes::One) => Planes::One,
        Some(Planes::Two) if !numbers => return Err(PlanesError::Bytes.into()),
        Some(Planes::Two) => {
            planes::check(graph)?;
            Planes::Two
        }
    };
    let input = grid(calibration.ranges[0], bits);
    let reads_input = graph.input_readers();
    let mut coder = SigmaCoder::new();
    let mut is_output = vec![false; nodes.len()];
    network.outputs.iter().flat_map(|output| &output.nodes).for_each(|&n| is_output[n] = true);
    // One for the input, then one per node; those of outputs are not used.
    let mut grids = vec![input];
    let quantized = graph.derive(|index, node| {
        let x = grids[place(node.inputs[0])];
        let rule = node.op.operation().grid();
        let keeps = rule == GridRule::Kept || network.is_selection(index);
        let y = if keeps {
            node.op.operation().kept_grid(x)
        } else {
            grid(calibration.ranges[index + 1], bits)
        };
        grids.push(y);
        let output = (!is_output[index]).then_some(y);
        let range = match output {
            Some(output) if rule == GridRule::Own => code_range(output, node.data.clamp, bits),
            _ => CodeRange::FULL,
        };
        let parameters = match (&node.data.parameters, output) {
            (RealParameters::Layer(parameters), _) => {
                let y = match output {
                    Some(output) => output.scale,
                    // Outputs are in real units, of any magnitude.
                    None => LEAST_OUTPUT,
                };
                let reads_planes = input_planes == Planes::Two && reads_input[index];
                let largest_bias = match reads_planes {
                    true => planes::largest_bias(graph.fan_in(index)) as f32,
                    false => LARGEST_BIAS,
                };
                let steps = Steps { input: x.scale, output: y, largest_bias };
                let depthwise = graph.filters(index).is_some_and(|filters| filters.is_depthwise());
                Parameters::Layer(parameters.clone_map(|parameters| {
                    let channels = node.shape.channels;
                    let mut layer = quantize_layer(parameters, channels, steps, &mut coder);
                    if depthwise {
                        to_depthwise(&mut layer);
                    }
                    Arc::new(layer)
                }))
            }
            (RealParameters::Affine(affine), _) => Parameters::Affine(Arc::new(affine.clone())),
            (RealParameters::Function(function), Some(output)) => {
                let range = calibration.ranges[place(node.inputs[0])];
                Parameters::Table(Box::new(function.table(x, range, output, bits)))
            }
            (RealParameters::None | RealParameters::Function(_), _) => Parameters::None,
        };
        Quantized { output, range, parameters }
    });
    let outputs = with_exponents(&details.outputs, &calibration);
    let model = QuantizedModel::new(Parts {
        name: details.name,
        graph: quantized,
        activation_bits: bits,
        input,
        input_planes,
        preprocessing: details.preprocessing,
        outputs,
        calibration: Some(calibration),
        draws: None,
    });
    let model = model.map_err(too_large)?;
    Ok(model.with_provenance(network.input.provenance(graph.input())))
}

/// Returns the outputs with exponents for the numbers that the calibration saw: the steps of sums hold
/// means 64 times as large.
fn with_exponents(outputs: &Arc<[Output]>, calibration: &Calibration) -> Arc<[Output]> {
    let output = |output: &Output| {
        let mut output = output.clone();
        if let Head::Gaussian(gaussian) = &mut output.head {
            let ranges = output.nodes.iter().map(|&node| largest(calibration.ranges[node + 1]));
            let largest = ranges.fold(0.0, f32::max);
            // 2^31 steps.
            let exponent = (64.0 * f64::from(largest)).log2().ceil() - 31.0;
            let exponent = exponent.clamp(-100.0, 100.0) as i8;
            let targets = Arc::make_mut(gaussian).targets.iter_mut();
            targets.for_each(|target| target.exponent = exponent);
        }
        output
    };
    outputs.iter().map(output).collect()
}

/// The largest magnitude of a range.
fn largest([low, high]: [f32; 2]) -> f32 {
    low.abs().max(high.abs())
}

/// Explains the error of multipliers that overflow.
fn too_large(error: ModelError) -> QuantizeError {
    let node = match &error {
        ModelError::Number { what, .. } => what.strip_suffix(".largest output"),
        _ => None,
    };
    match node {
        Some(node) => QuantizeError::TooLarge { node: node.into() },
        None => error.into(),
    }
}

/// Refuses ranges that are not finite or too small for outputs, and functions that are not finite on the range of their
/// input.
fn check_ranges(network: &Network, calibration: &Calibration) -> Result<(), QuantizeError> {
    let finite = |value: &str, [low, high]: [f32; 2]| {
        let is_finite = (high - low).is_finite();
        is_finite.then_some(()).ok_or_else(|| QuantizeError::Range {
            value: value.into(),
            low,
            high,
        })
    };
    finite("input", calibration.ranges[0])?;
    // Checks the logits too, which have no grid: the file keeps all ranges as evidence.
    for (index, node) in network.graph.nodes().iter().enumerate() {
        // Comes first, since a range leaves out NaN.
        if let Some(function) = node.data.function() {
            let range @ [low, high] = calibration.ranges[place(node.inputs[0])];
            if let Some(at) = function.not_finite_in(range) {
                let node = node.name.clone();
                return Err(QuantizeError::Function { node, at, low, high });
            }
        }
        finite(&node.name, calibration.ranges[index + 1])?;
    }
    for &node in network.outputs.iter().flat_map(|output| &output.nodes) {
        let largest = largest(calibration.ranges[node + 1]);
        if largest > 0.0 && largest < LEAST_OUTPUT {
            let node = network.graph.nodes()[node].name.clone();
            return Err(QuantizeError::TooSmall { node, largest });
        }
    }
    Ok(())
}

/// The grid over a finite range, widened so that it holds zero exactly.
pub(crate) fn grid([low, high]: [f32; 2], bits: ActivationBits) -> Quantization {
    let (low, high) = (low.min(0.0), high.max(0.0));
    let largest = f32::from(bits.largest_code());
    let scale = (high - low) / largest;
    // A value that was always zero may have any grid.
    let scale = if scale.is_normal() { scale } else { 1.0 };
    Quantization { scale, zero_point: (-low / scale).round().clamp(0.0, largest) as u8 }
}

fn code_range(output: Quantization, clamp: Clamp, bits: ActivationBits) -> CodeRange {
    let code = |x: f32| (x / output.scale + f32::from(output.zero_point)).round();
    // Bounds may be infinite; the cast saturates at the ends.
    let ends = [clamp.min, clamp.max].map(|end| (code(end) as u8).min(bits.largest_code()));
    CodeRange { low: ends[0], high: ends[1].max(ends[0]) }
}

/// Steps of a layer's input and output.
#[derive(Clone, Copy)]
struct Steps {
    input: f32,
    output: f32,
    /// The largest code of a bias.
    largest_bias: f32,
}

/// Quantizes a layer, whose weights are rows `[out_channels][fan-in]`; its number is left open.
fn quantize_layer(
    parameters: &LayerParameters,
    out_channels: usize,
    steps: Steps,
    coder: &mut SigmaCoder,
) -> Layer {
    let Gaussian { mean, sigma } = &parameters.weight;
    let fan_in = mean.len() / out_channels;
    let row = |values: &'_ [f32], channel: usize| values[channel * fan_in..][..fan_in].to_vec();
    let mut layer = Layer {
        index: 0,
        out_channels,
        depthwise: false,
        mu: Vec::with_capacity(mean.len()),
        posterior: None,
        scale: Vec::with_capacity(out_channels),
        bias: None,
    };
    let mut spread = sigma.as_ref().map(|sigma| posterior::gaussian::Gaussian {
        sigma: Vec::with_capacity(sigma.len()),
        noise_multiplier: Vec::with_capacity(out_channels),
    });
    for channel in 0..out_channels {
        let mean = row(mean, channel);
        let sigma = sigma.as_ref().map(|sigma| row(sigma, channel));
        let scale = channel_scale(&mean, sigma.as_deref(), bias_reach(parameters, channel), steps);
        layer.scale.push(scale);
        layer.mu.extend(mean.iter().map(|mu| (mu / scale).round().clamp(-128.0, 127.0) as i8));
        if let (Some(spread), Some(sigma)) = (&mut spread, sigma) {
            let variance = |sigma: &f32| (f64::from(*sigma) / f64::from(scale)).powi(2);
            let targets: Vec<f64> = sigma.iter().map(variance).collect();
            let multiplier = coder.multiplier(targets.iter().copied().fold(0.0, f64::max));
            spread.sigma.extend(coder.codes(&targets, multiplier));
            spread.noise_multiplier.push(multiplier);
        }
    }
    layer.posterior = spread.map(Posterior::Gaussian);
    layer.bias = parameters.bias.as_ref().map(|bias| quantize_bias(bias, &layer.scale, steps));
    layer
}

/// The largest magnitude of a channel's bias, in real units.
fn bias_reach(parameters: &LayerParameters, channel: usize) -> f32 {
    let Some(Gaussian { mean, sigma }) = &parameters.bias else { return 0.0 };
    // No draw of the noise is larger than this.
    const FARTHEST: f32 = 4.1;
    mean[channel].abs() + FARTHEST * sigma.as_ref().map_or(0.0, |sigma| sigma[channel])
}

/// The step of a channel's weights.
fn channel_scale(mean: &[f32], sigma: Option<&[f32]>, bias: f32, steps: Steps) -> f32 {
    let room = |i: usize| sigma.map_or(0.0, |sigma| HEADROOM * sigma[i]);
    let reach = mean.iter().enumerate().map(|(i, mu)| mu.abs() + room(i)).fold(0.0, f32::max);
    (reach / 127.0)
        .max(bias / (steps.input * steps.largest_bias))
        .max(SMALLEST_MULTIPLIER * steps.output / steps.input)
}

fn quantize_bias(bias: &Gaussian, scales: &[f32], steps: Steps) -> Bias {
    let step = |channel: usize| f64::from(steps.input) * f64::from(scales[channel]);
    let mu = bias.mean.iter().enumerate().map(|(i, &b)| (f64::from(b) / step(i)).round() as i32);
    let sigma = bias.sigma.as_ref().map(|sigma| {
        let code = |(i, &sigma): (usize, &f32)| {
            (f64::from(sigma) / step(i) / NOISE_STD * f64::from(1 << 15)).round() as i32
        };
        sigma.iter().enumerate().map(code).collect()
    });
    Bias { mu: mu.collect(), sigma }
}

/// Turns `[C][taps]` into the `[taps][C]` that a depthwise layer keeps.
fn to_depthwise(layer: &mut Layer) {
    layer.depthwise = true;
    layer.mu = transpose(&layer.mu, layer.out_channels);
    let by_tap = |codes: &[u8]| transpose(codes, layer.out_channels);
    layer.posterior = layer.posterior.take().map(|posterior| posterior.reordered(by_tap));
}
