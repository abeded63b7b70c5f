//! The whole way from a calibrated FP32 network to the INT8 model: grids, codes, corrected biases.

use bayes8_core::model::QuantizedModel;
use bayes8_core::numerics::ActivationBits;
use ndarray::{ArrayView, Dimension};

use crate::bias_correction::{BiasCorrection, CorrectionReport, InputMeans, errors_of_means};
use crate::calibrate::{Observations, RangeMethod};
use crate::error_feedback::{Rounding, round_means};
use crate::joint_rounding::round_jointly;
use crate::mean_weights;
use crate::network::Network;
use crate::quantize::{ModelDetails, QuantizeError, quantize};
use crate::range_choice::RangeChoice;

/// The methods of a conversion.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ConversionOptions {
    /// How activation ranges follow from the observations; `None` leaves the choice to
    /// [`RangeChoice`].
    pub method: Option<RangeMethod>,
    /// Bits of the activations.
    pub activation_bits: ActivationBits,
    /// How mean weights become codes.
    pub rounding: Rounding,
    /// Whether to correct biases.
    pub bias_correction: BiasCorrection,
}

impl ConversionOptions {
    /// Returns the defaults: the range method is chosen, activations have 8 bits, mean weights are rounded with
    /// error feedback, and biases are corrected where that clearly helps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the range method; `None` leaves the choice to [`RangeChoice`].
    #[must_use]
    pub fn method(self, method: impl Into<Option<RangeMethod>>) -> Self {
        Self { method: method.into(), ..self }
    }

    /// Sets the bits of the activations.
    #[must_use]
    pub fn activation_bits(self, activation_bits: ActivationBits) -> Self {
        Self { activation_bits, ..self }
    }

    /// Sets how mean weights become codes.
    #[must_use]
    pub fn rounding(self, rounding: Rounding) -> Self {
        Self { rounding, ..self }
    }

    /// Sets whether to correct biases.
    #[must_use]
    pub fn bias_correction(self, bias_correction: BiasCorrection) -> Self {
        Self { bias_correction, ..self }
    }
}

/// The INT8 model, and how it came about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Conversion {
    /// The model.
    pub model: QuantizedModel,
    /// How its range method was chosen; `None` if the options name one.
    pub range_choice: Option<RangeChoice>,
    /// How its mean weights became codes.
    pub rounding: Rounding,
    /// The outcome of bias correction; `None` if it is off.
    pub correction: Option<CorrectionReport>,
}

/// Makes the INT8 model of `network`. `observations` are those of the normalized `pictures`.
///
/// # Errors
/// [`QuantizeError`], which names the node.
pub fn convert<D: Dimension>(
    network: &Network,
    pictures: ArrayView<'_, f32, D>,
    observations: &Observations,
    details: ModelDetails,
    options: &ConversionOptions,
) -> Result<Conversion, QuantizeError> {
    let bits = options.activation_bits;
    let quantized = |method: RangeMethod| {
        quantize(network, observations.calibration(method, bits), bits, details.clone())
    };
    let (method, range_choice) = match options.method {
        Some(method) => (method, None),
        None => {
            let choice = RangeChoice::new(network, pictures.view(), observations, quantized)?;
            (choice.method, Some(choice))
        }
    };
    let means = match options.bias_correction {
        BiasCorrection::Off => None,
        BiasCorrection::Auto | BiasCorrection::On => {
            Some(InputMeans::new(network, pictures.view())?)
        }
    };
    let mut model = quantized(method)?;
    let rounding = options.rounding;
    if rounding == Rounding::ErrorFeedback {
        model = round_means(network, pictures.view(), model)?;
        model = round_jointly(network, pictures.view(), means.as_ref(), model)?;
    }
    let Some(means) = means else {
        return Ok(Conversion { model, range_choice, rounding, correction: None });
    };
    let errors = |model: &QuantizedModel| {
        errors_of_means(means.logits(), &mean_weights::of(model)?, pictures.view())
    };
    let without = errors(&model)?;
    let corrected = means.correct(network, model.clone())?;
    let mut report = CorrectionReport::new(&without, &errors(&corrected)?);
    report.corrected = options.bias_correction == BiasCorrection::On || report.is_clear();
    let model = if report.corrected { corrected } else { model };
    Ok(Conversion { model, range_choice, rounding, correction: Some(report) })
}
