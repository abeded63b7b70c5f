//! Models that predict the pictures of an evaluation.

use bayes8_convert::Network;
use bayes8_convert::inputs::fp32_inputs;
use bayes8_convert::progress::{Observer, Progress};
use bayes8_convert::reference::{CommonNoise, draw, predict_samples};
use bayes8_core::draws::Draws;
use bayes8_core::head::classes::ClassUncertainty;
use bayes8_core::head::{Output, Uncertainty};
use bayes8_core::model::{QuantizedModel, Values};
use bayes8_native::{self as native, Model, ModelOptions};
use ndarray::{ArrayView2, IxDyn};

use crate::error::PredictionError;
use crate::prediction::{Job, LogitsObserver};
use crate::selected::Selected;

/// An output of a model that can be measured.
pub(crate) struct Candidate<'a> {
    pub(crate) engine: Engine<'a>,
    pub(crate) output: &'a Selected,
}

/// What computes the outputs.
pub(crate) enum Engine<'a> {
    /// The quantized model, and how to run its deterministic copy.
    Int8(&'a Model, ModelOptions),
    /// The FP32 network, the model that was made from it, and the noise of its draws unless it is
    /// independent.
    Fp32(&'a Network, &'a QuantizedModel, Option<CommonNoise<'a>>),
}

impl Candidate<'_> {
    /// The model, or that of which the network is the FP32 original.
    fn model(&self) -> &QuantizedModel {
        match &self.engine {
            Engine::Int8(model, _) => model.quantized(),
            Engine::Fp32(_, model, _) => model,
        }
    }

    /// What the candidate takes.
    pub(crate) fn values(&self) -> Values {
        self.model().preprocessing().values
    }

    /// The most bytes of the sums over the samples of one picture, and of the numbers of one sample.
    pub(crate) fn result_bytes(&self) -> usize {
        let outputs = match &self.engine {
            Engine::Int8(model, _) => model.outputs(),
            Engine::Fp32(_, model, _) => model.shared_outputs(),
        };
        outputs.iter().map(Output::result_bytes).sum()
    }

    /// Number of different samples. A deterministic FP32 network has one, as it is slow.
    pub(crate) fn distinct(&self, samples: u32) -> u32 {
        match &self.engine {
            Engine::Fp32(network, ..) if network.period() == Some(1) => samples.min(1),
            _ => samples,
        }
    }

    /// Predicts pictures; `observe` sees the numbers of every sample of each picture, in order.
    pub(crate) fn predict(
        &self,
        pictures: native::Pictures<'_, IxDyn>,
        samples: u32,
        seed: u64,
        observe: Option<LogitsObserver<'_>>,
        observer: Observer<'_>,
    ) -> Result<Vec<Uncertainty>, PredictionError> {
        let output = self.output;
        match &self.engine {
            &Engine::Int8(model, _) => {
                let job = Job {
                    model,
                    pictures,
                    samples: 0..samples,
                    draws: Draws::Random { seed },
                    until: None,
                    digests: false,
                };
                let mut part = observe.map(|observe| {
                    move |picture: usize, numbers: &[f32]| observe(picture, output.part(numbers))
                });
                let part = part.as_mut().map(|part| part as LogitsObserver<'_>);
                let outcomes = job.run_observed(part, observer)?.into_iter();
                Ok(outcomes.filter_map(|mut of| of.outputs.drain(..).nth(output.index)).collect())
            }
            Engine::Fp32(network, model, noise) => {
                let channels = network.graph.input().channels;
                let inputs = fp32_inputs(pictures, model.preprocessing(), channels)?;
                let samples = self.distinct(samples);
                let draws = (0..samples).map(|sample| match noise {
                    Some(noise) => noise.draw(seed, sample),
                    None => draw(network, seed, sample),
                });
                let task = "predicting in FP32";
                let mut observe = observe;
                Progress::during(observer, task, Some(samples.into()), |observer| {
                    let each = |numbers: ArrayView2<'_, f32>| {
                        if let Some(observe) = &mut observe {
                            for (picture, numbers) in numbers.rows().into_iter().enumerate() {
                                observe(picture, output.part(&numbers.to_vec()));
                            }
                        }
                        observer(Progress::Advance(1));
                    };
                    let outputs = model.shared_outputs();
                    Ok(output.of(&predict_samples(network, outputs, inputs.view(), draws, each)?))
                })
            }
        }
    }
}

/// The figures of classes; none of other heads.
pub(crate) fn classes(figures: impl IntoIterator<Item = Uncertainty>) -> Vec<ClassUncertainty> {
    figures.into_iter().filter_map(Uncertainty::classes).collect()
}
