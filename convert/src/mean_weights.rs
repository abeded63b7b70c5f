//! The INT8 network of the mean weights: what quantization does apart from sampling.

use bayes8_core::model::{ModelError, QuantizedModel};

/// `model` with every weight and bias at its mean.
///
/// # Errors
/// None: fewer numbers are no less a model.
pub fn of(model: &QuantizedModel) -> Result<QuantizedModel, ModelError> {
    model.clone().map_layers(|_, layer| {
        layer.posterior = None;
        if let Some(bias) = &mut layer.bias {
            bias.sigma = None;
        }
    })
}
