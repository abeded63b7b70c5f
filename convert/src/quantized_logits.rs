//! Predictions and logits of an INT8 model for normalized pictures.

use bayes8_core::model::QuantizedModel;
use bayes8_native::{ModelOptions, Pictures, PredictOptions, Prediction};
use ndarray::{Array2, ArrayView, Axis, Dimension};

use crate::quantize::QuantizeError;

/// The number of pictures that run together, to bound memory.
const BATCH: usize = 32;

/// Returns the predictions of `model`, one per picture.
///
/// # Errors
/// [`QuantizeError::Load`], [`QuantizeError::Predict`].
pub(crate) fn predict<D: Dimension>(
    model: &QuantizedModel,
    pictures: ArrayView<'_, f32, D>,
    options: &PredictOptions,
) -> Result<Vec<Prediction>, QuantizeError> {
    let model = bayes8_native::Model::new(model.clone(), ModelOptions::default())?;
    let mut predictions = Vec::with_capacity(pictures.len_of(Axis(0)));
    for batch in pictures.axis_chunks_iter(Axis(0), BATCH) {
        predictions.extend(model.predict(Pictures::Normalized(batch), options)?);
    }
    Ok(predictions)
}

/// Returns the logits `[N, classes]` of sample `sample` of `model`.
///
/// # Errors
/// Those of [`predict`].
pub(crate) fn logits<D: Dimension>(
    model: &QuantizedModel,
    pictures: ArrayView<'_, f32, D>,
    sample: u32,
) -> Result<Array2<f32>, QuantizeError> {
    let options = PredictOptions::new().samples(sample..sample + 1).keep_logits(true);
    let predictions = predict(model, pictures, &options)?;
    let mut logits = Vec::with_capacity(predictions.len() * model.output_numbers());
    predictions.iter().for_each(|prediction| logits.extend(prediction.logits().iter().flatten()));
    // One logit per picture and class.
    let shape = (predictions.len(), model.output_numbers());
    Ok(Array2::from_shape_vec(shape, logits).unwrap_or_default())
}
