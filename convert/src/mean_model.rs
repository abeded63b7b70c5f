//! The INT8 network of the mean weights: what quantization does apart from sampling.

use bayes8_core::model::{Model, ModelError};
use bayes8_native::{ModelOptions, Pictures, PredictOptions};
use ndarray::{Array2, ArrayView, Axis, Dimension};

use crate::quantize::QuantizeError;

/// `model` with every weight and bias at its mean.
///
/// # Errors
/// None: fewer numbers are no less a model.
pub fn of(model: &Model) -> Result<Model, ModelError> {
    model.clone().map_layers(|layer| {
        layer.posterior = None;
        if let Some(bias) = &mut layer.bias {
            bias.sigma = None;
        }
    })
}

/// Pictures that run together, which bounds memory.
const BATCH: usize = 32;

/// Logits `[N, classes]` of normalized `pictures` with sample 0 of `model`.
///
/// # Errors
/// [`QuantizeError::Load`], [`QuantizeError::Predict`].
pub(crate) fn logits<D: Dimension>(
    model: &Model,
    pictures: ArrayView<'_, f32, D>,
) -> Result<Array2<f32>, QuantizeError> {
    let classes = model.classes();
    let model = bayes8_native::Model::new(model.clone(), ModelOptions::default())?;
    let options = PredictOptions { samples: 0..1, keep_logits: true, ..PredictOptions::default() };
    let mut logits = Vec::new();
    for batch in pictures.axis_chunks_iter(Axis(0), BATCH) {
        let predictions = model.predict(Pictures::Normalized(batch), &options)?;
        predictions
            .iter()
            .for_each(|prediction| logits.extend(prediction.logits().iter().flatten()));
    }
    let rows = pictures.len_of(Axis(0));
    // One logit a class of every picture.
    Ok(Array2::from_shape_vec((rows, classes), logits).unwrap_or_default())
}
