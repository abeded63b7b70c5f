//! The effect of quantization on the posterior and on the values of the network.

mod values;

pub use values::ValueFidelity;

use bayes8_core::layer::Layer;
use bayes8_core::model::QuantizedModel;
use bayes8_core::numerics::ActivationBits;
use bayes8_core::posterior::Posterior;
use bayes8_core::posterior::variance::NoiseDistribution;
use ndarray::{ArrayView, Dimension};
use serde::Serialize;

use crate::bias_correction::CorrectionReport;
use crate::calibrate::Observations;
use crate::conversion::Conversion;
use crate::error_feedback::Rounding;
use crate::network::Network;
use crate::quantize::QuantizeError;
use crate::range_choice::RangeChoice;

/// The fidelity of a quantized model to its FP32 network.
#[derive(Clone, Debug, Serialize)]
pub struct FidelityReport {
    /// Name of the model.
    pub model: String,
    /// How activation ranges follow from the calibration.
    pub calibration_method: String,
    /// How that method was chosen; `None` if the options named it.
    pub range_choice: Option<RangeChoice>,
    /// Bits of the activations.
    pub activation_bits: ActivationBits,
    /// How mean weights became codes.
    pub rounding: Rounding,
    /// The outcome of bias correction; `None` if it is off.
    pub bias_correction: Option<CorrectionReport>,
    /// The values of the network: the input, then one per node.
    pub values: Vec<ValueFidelity>,
    /// The spread of each Bayesian layer.
    pub layers: Vec<LayerFidelity>,
}

/// The spread of one Bayesian layer's weights.
#[derive(Clone, Debug, Serialize)]
pub struct LayerFidelity {
    /// Name of the layer.
    pub layer: String,
    /// Number of weights.
    pub weights: usize,
    /// Standard deviations of the posterior in steps of the channel.
    pub sigma_over_step: Quantiles,
    /// The integer sampler's exact standard deviation of each weight, divided by its sigma.
    pub std_ratio: Quantiles,
    /// The exact standard deviation of the sum of each row's noise, divided by that of the
    /// posterior: the spread that a sum over the row sees.
    pub row_std_ratio: Quantiles,
    /// The exact standard deviation of the sum of the layer's noise, in real units, divided by that
    /// of the posterior.
    pub layer_std_ratio: f64,
    /// Share of draws of a weight that reach an end of i8 and lose part of their noise.
    pub saturated: f64,
    /// Rows in which more than half of the weights keep less than half of their sigma, because a
    /// far larger sigma sets the row's step. Rows that are small as a whole, such as those of
    /// channels that training left unused, do not count: their loss has no visible effect.
    pub lossy_rows: usize,
    /// The number of rows, one per output channel.
    pub rows: usize,
    /// The largest sigma of the layer, after BatchNorm is folded in.
    pub largest_sigma: f32,
}

/// Quantiles over the weights or rows of a layer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    /// Smallest.
    pub min: f64,
    /// 5 % lie below.
    pub q05: f64,
    /// Half lie below.
    pub median: f64,
    /// 95 % lie below.
    pub q95: f64,
    /// Largest.
    pub max: f64,
}

/// A sigma of this many steps sets the step of its row: a row's 127 steps hold a mean and three
/// sigmas, and then most of them are for the sigmas.
const SETS_THE_STEP: f64 = 20.0;

impl FidelityReport {
    /// Compares posteriors and values. `conversion` must come from `network` and `observations`,
    /// and `observations` from the normalized `pictures`.
    ///
    /// # Errors
    /// [`QuantizeError`] when the pictures do not fit.
    pub fn new<D: Dimension>(
        network: &Network,
        conversion: &Conversion,
        observations: &Observations,
        pictures: ArrayView<'_, f32, D>,
    ) -> Result<Self, QuantizeError> {
        let Conversion { model, range_choice, rounding, correction } = conversion;
        Ok(Self {
            model: model.name().to_string(),
            calibration_method: model.calibration().map_or(String::new(), |c| c.method.clone()),
            range_choice: range_choice.clone(),
            activation_bits: model.activation_bits(),
            rounding: *rounding,
            bias_correction: *correction,
            values: values::compare(network, model, observations, pictures)?,
            layers: compare_posteriors(network, model),
        })
    }
}

/// How well the sampler of each Bayesian layer of `model` keeps the spread of `network`'s weights.
/// Leaves out layers that are Bayesian in only one of the two.
pub fn compare_posteriors(network: &Network, model: &QuantizedModel) -> Vec<LayerFidelity> {
    let noise = NoiseDistribution::new();
    let mut fidelity = Vec::new();
    for (real, node) in network.graph.nodes().iter().zip(model.graph().nodes()) {
        let (Some(real), Some(layers)) = (real.data.layer(), node.data.layer()) else { continue };
        for (member, (real, layer)) in real.iter().zip(layers.iter()).enumerate() {
            let name = match layers.is_shared() {
                true => node.name.clone(),
                false => format!("{} of member {member}", node.name),
            };
            let sigma = real.weight.sigma.as_ref();
            fidelity.extend(sigma.and_then(|sigma| layer_fidelity(&noise, name, sigma, layer)));
        }
    }
    fidelity
}

/// `sigma` in rows `[out_channels][fan-in]`; `None` for a layer without posterior.
fn layer_fidelity(
    noise: &NoiseDistribution,
    name: String,
    sigma: &[f32],
    layer: &Layer,
) -> Option<LayerFidelity> {
    let Posterior::Gaussian(posterior) = layer.posterior.as_ref()?;
    let fan_in = layer.fan_in();
    let steps = sigma.iter().enumerate().map(|(i, sigma)| sigma / layer.scale[i / fan_in]);
    let sigma_over_step = Quantiles::of(steps.collect());
    // In f32, since a large layer has one of them per weight.
    let (mut ratios, mut row_ratios) = (Vec::with_capacity(sigma.len()), Vec::new());
    let (mut saturated, mut lossy_rows, mut sums) = (0.0, 0, [0.0; 2]);
    for (channel, sigma) in sigma.chunks_exact(fan_in).enumerate() {
        let multiplier = posterior.noise_multiplier[channel];
        let variances = noise.variances(multiplier);
        let scale = f64::from(layer.scale[channel]);
        let (mut wanted, mut produced, mut largest) = (0.0, 0.0, 0f64);
        let first = ratios.len();
        for (i, &sigma) in sigma.iter().enumerate() {
            let position = layer.position(channel, i);
            let code = posterior.sigma[position];
            let target = f64::from(sigma) / scale;
            let variance = variances[usize::from(code)];
            if target > 0.0 {
                ratios.push((variance.sqrt() / target) as f32);
            }
            largest = largest.max(target);
            wanted += target * target;
            produced += variance;
            saturated += noise.saturation(layer.mu[position], code, multiplier);
        }
        let row = &ratios[first..];
        let lossy = row.iter().filter(|&&ratio| ratio < 0.5).count();
        lossy_rows += usize::from(largest > SETS_THE_STEP && 2 * lossy > row.len());
        if wanted > 0.0 {
            row_ratios.push((produced / wanted).sqrt() as f32);
        }
        sums = [sums[0] + produced * scale * scale, sums[1] + wanted * scale * scale];
    }
    Some(LayerFidelity {
        layer: name,
        weights: sigma.len(),
        saturated: saturated / sigma.len() as f64,
        lossy_rows,
        rows: layer.out_channels,
        largest_sigma: sigma.iter().copied().fold(0.0, f32::max),
        sigma_over_step,
        std_ratio: Quantiles::of(ratios),
        row_std_ratio: Quantiles::of(row_ratios),
        layer_std_ratio: (sums[0] / sums[1]).sqrt(),
    })
}

impl Quantiles {
    /// The quantiles of `values`; NaN if there are none.
    fn of(mut values: Vec<f32>) -> Self {
        values.sort_unstable_by(f32::total_cmp);
        let at = |share: f64| {
            let index = (share * values.len().saturating_sub(1) as f64).round() as usize;
            values.get(index).map_or(f64::NAN, |&value| f64::from(value))
        };
        Self { min: at(0.0), q05: at(0.05), median: at(0.5), q95: at(0.95), max: at(1.0) }
    }
}
