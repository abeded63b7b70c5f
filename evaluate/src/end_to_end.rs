//! Predictions of a network and of its INT8 model, side by side.

use bayes8_convert::inputs::fp32_inputs;
use bayes8_convert::progress::{Observer, Progress};
use bayes8_convert::quantization::Quantization;
use bayes8_convert::reference;
use bayes8_core::draws::Draws;
use bayes8_core::head::classes::ClassUncertainty;
use bayes8_native::Model;
use serde::Serialize;

use crate::candidate::classes;
use crate::error::PredictionError;
use crate::labelled::Labelled;
use crate::metrics::{Metrics, mutual_information_ranks, predictive_entropy_ranks};
use crate::prediction::{Job, Outcome};
use crate::selected::Selected;

/// Predictions of the FP32 network and of the INT8 model on the same pictures.
#[derive(Clone, Debug, Serialize)]
pub struct EndToEnd {
    /// Number of pictures.
    pub pictures: usize,
    /// Monte-Carlo samples per picture and model.
    pub samples: u64,
    /// Figures of the FP32 network.
    pub fp32: Metrics,
    /// Figures of the INT8 model.
    pub int8: Metrics,
    /// Rank correlation of the pictures' predictive entropies, FP32 against INT8.
    pub spearman_predictive_entropy: f64,
    /// Rank correlation of the pictures' mutual information, FP32 against INT8; NaN if one model has
    /// none.
    pub spearman_mutual_information: f64,
}

impl EndToEnd {
    /// Predicts pictures with the network of `quantization` and with its INT8 model, with `samples`
    /// samples each.
    ///
    /// # Errors
    /// [`PredictionError`] when the pictures do not fit.
    pub fn measure(
        quantization: &Quantization,
        model: &Model,
        data: &Labelled,
        samples: u32,
        seed: u64,
        observer: Observer<'_>,
    ) -> Result<Self, PredictionError> {
        let Quantization { network, outputs, preprocessing, .. } = quantization;
        let pictures = || data.pictures.view(model.quantized().preprocessing().values);
        let channels = network.graph.input().channels;
        let inputs = fp32_inputs(pictures(), preprocessing, channels)?;
        let task = "predicting in FP32";
        let fp32 = Progress::during(observer, task, Some(samples.into()), |observer| {
            let advance = || observer(Progress::Advance(1));
            reference::predict(network, outputs, inputs.view(), seed, samples, advance)
        })?;
        let job = Job {
            model,
            pictures: pictures(),
            samples: 0..samples,
            draws: Draws::Random { seed },
            until: None,
            digests: false,
        };
        let outcomes = job.run(observer)?.into_iter();
        let int8: Vec<_> = outcomes.filter_map(Outcome::classes).collect();
        let fp32 = classes(Selected::first(outputs).of(&fp32));
        Ok(Self::new(&fp32, &int8, &data.labels))
    }

    /// Compares predictions for the same pictures, whose classes are `labels`.
    fn new(fp32: &[ClassUncertainty], int8: &[ClassUncertainty], labels: &[i64]) -> Self {
        Self {
            pictures: labels.len(),
            samples: int8.first().map_or(0, |u| u.samples),
            fp32: Metrics::new(fp32, labels),
            int8: Metrics::new(int8, labels),
            spearman_predictive_entropy: predictive_entropy_ranks(fp32, int8),
            spearman_mutual_information: mutual_information_ranks(fp32, int8),
        }
    }
}
