//! The INT8 network of the mean weights, which shows the effect of quantization apart from
//! sampling.

use bayes8_core::model::{ModelError, QuantizedModel};

/// Returns `model` with every weight and bias at its mean.
///
/// # Errors
/// Never: a model stays valid without its standard deviations.
pub fn of(model: &QuantizedModel) -> Result<QuantizedModel, ModelError> {
    model.clone().map_layers(|_, layer| {
        layer.posterior = None;
        if let Some(bias) = &mut layer.bias {
            bias.sigma = None;
        }
    })
}
