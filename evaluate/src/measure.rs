//! Runs models on the pictures of an evaluation.

use std::path::{Path, PathBuf};
use std::time::Instant;

use bayes8_convert::inputs::fp32_inputs;
use bayes8_convert::progress::Observer;
use bayes8_convert::reference::predict_mean;
use bayes8_convert::{Inputs, mean_weights};
use bayes8_core::head::Accumulator;
use bayes8_core::head::classes::{ClassSums, ClassUncertainty};
use bayes8_native::{self as native, Model};
use ndarray::{ArrayView2, Axis, IxDyn};

use crate::candidate::{Candidate, Engine, classes as classes_of};
use crate::corrupted::{CorruptedPictures, Drift};
use crate::error::{EvaluateError, PredictionError};
use crate::figures::Figures;
use crate::labelled::Labelled;
use crate::metrics::{
    Convergence, DriftAuroc, DriftPoint, MemberDisagreement, MemberPairs, Metrics, Uncertainties,
};
use crate::prediction::LogitsObserver;

/// Pictures that the members of an FP32 network are compared on at a time.
const TOGETHER: usize = 256;

/// The pictures of an evaluation.
pub(crate) struct Pictures {
    pub(crate) clean: Labelled,
    /// Pictures of another distribution, with their file.
    pub(crate) unknown: Option<(PathBuf, Inputs)>,
    /// Corrupted pictures, with their file.
    pub(crate) corrupted: Option<(PathBuf, CorruptedPictures)>,
}

/// Numbers of samples of a model.
pub(crate) struct Samples {
    pub(crate) clean: u32,
    /// Smaller numbers: figures from the first samples of `clean`.
    pub(crate) first: Vec<u32>,
    pub(crate) drift: u32,
    pub(crate) seed: u64,
}

/// The measurements of a model.
pub(crate) struct Measured {
    /// Measured with all samples.
    pub(crate) whole: Predicted,
    /// Measured with the first samples.
    pub(crate) first: Vec<Predicted>,
}

/// Predictions of the labelled pictures, and their figures.
pub(crate) struct Predicted {
    /// Monte-Carlo samples; `None` if recorded predictions do not say.
    pub(crate) samples: Option<u32>,
    pub(crate) predictions: Vec<ClassUncertainty>,
    pub(crate) figures: Figures,
}

impl Measured {
    /// The measurement with `samples` samples, or with all if there is none.
    pub(crate) fn from(&self, samples: Option<u32>) -> &Predicted {
        self.first.iter().find(|part| part.samples == samples).unwrap_or(&self.whole)
    }
}

impl Predicted {
    /// Predictions with `samples` samples for pictures with these labels, and the uncertainties about
    /// pictures of another distribution. The figures of the deterministic network do not depend on the
    /// number of samples.
    pub(crate) fn new(
        samples: Option<u32>,
        predictions: Vec<ClassUncertainty>,
        labels: &[i64],
        unknown: Option<&Uncertainties>,
        mean_weights: Option<Metrics>,
    ) -> Self {
        let mut figures = Figures::new(&predictions, labels, unknown);
        figures.mean_weights = mean_weights;
        Self { samples, predictions, figures }
    }
}

/// Measures a model on all pictures, and the seconds for the labelled ones.
///
/// # Errors
/// When pictures do not fit the model or cannot be read, naming their file.
pub(crate) fn measure(
    candidate: &Candidate<'_>,
    pictures: &mut Pictures,
    samples: &Samples,
    observer: Observer<'_>,
) -> Result<(Measured, f64), EvaluateError> {
    let Pictures { clean: Labelled { path, pictures: clean, labels }, unknown, corrupted } =
        pictures;
    let &Samples { clean: count, ref first, drift, seed } = samples;
    let (classes, values) = (candidate.output.classes(), candidate.values());
    type Observed<'a> = Option<LogitsObserver<'a>>;
    type View<'a> = native::Pictures<'a, IxDyn>;
    let predict = |path: &Path,
                   array: &str,
                   pictures: View<'_>,
                   count,
                   observe: Observed<'_>,
                   observer: Observer<'_>| {
        let predicted = candidate.predict(pictures, count, seed, observe, observer).map(classes_of);
        let (path, array) = (path.into(), array.into());
        predicted.map_err(|e| EvaluateError::Array { path, array, source: Box::new(e) })
    };

    let start = Instant::now();
    let mut convergence = Convergence::new(labels, classes, candidate.distinct(count) as usize);
    let mut known_first = FirstSamples::new(first, labels.len(), classes);
    let mut observe = |picture: usize, logits: &[f32]| {
        convergence.add(picture, logits);
        known_first.add(picture, logits);
    };
    let predictions = predict(path, "x", clean.view(values), count, Some(&mut observe), observer)?;
    let seconds = start.elapsed().as_secs_f64();
    let (mean_weights, disagreement) = candidate.predict_mean(clean.view(values), observer)?;
    let mean_weights = Some(Metrics::new(&mean_weights, labels));
    let unknown = match unknown {
        Some((path, unknown)) => {
            let mut sums = FirstSamples::new(first, unknown.count(), classes);
            let mut observe = |picture: usize, logits: &[f32]| sums.add(picture, logits);
            // Observing logits takes memory.
            let observe: Observed<'_> = if first.is_empty() { None } else { Some(&mut observe) };
            let all = predict(path, "x", unknown.view(values), count, observe, observer)?;
            Some((Uncertainties::of(&all), sums))
        }
        None => None,
    };
    let predicted = |samples, predictions, unknown: Option<&Uncertainties>| {
        let mut predicted =
            Predicted::new(Some(samples), predictions, labels, unknown, mean_weights);
        predicted.figures.member_disagreement = disagreement;
        predicted
    };
    let first = first.iter().enumerate().map(|(i, &samples)| {
        let unknown = unknown.as_ref().map(|(_, first)| Uncertainties::of(&first.predictions(i)));
        predicted(samples, known_first.predictions(i), unknown.as_ref())
    });
    let first = first.collect();
    let mut whole = predicted(count, predictions, unknown.as_ref().map(|(all, _)| all));
    whole.figures.convergence = convergence.points();
    if let Some((path, corrupted)) = corrupted {
        let mut predict =
            |array: &str, pictures: View<'_>| predict(path, array, pictures, drift, None, observer);
        // The loss is measured from predictions with the same number of samples.
        let (clean, known) = match drift == count {
            true => (whole.figures.metrics, Uncertainties::of(&whole.predictions)),
            false => {
                let predictions = predict("x", clean.view(values))?;
                (Metrics::new(&predictions, labels), Uncertainties::of(&predictions))
            }
        };
        let mut points = Vec::new();
        for drift_of in corrupted.drifts().to_vec() {
            let pictures = corrupted.load(&drift_of)?;
            let pictures = View::Bytes(pictures.view());
            let predictions = predict(&drift_of.array(), pictures)?;
            let Drift { corruption, severity } = drift_of;
            points.push(DriftPoint {
                corruption,
                severity,
                metrics: Metrics::new(&predictions, labels),
                auroc: DriftAuroc::new(&known, &Uncertainties::of(&predictions)),
            });
        }
        whole.figures.set_drift(clean, points);
    }
    Ok((Measured { whole, first }, seconds))
}

/// The sums of the first samples, for several numbers of samples.
struct FirstSamples(Vec<(u32, Vec<ClassSums>)>);

impl FirstSamples {
    fn new(numbers: &[u32], pictures: usize, classes: usize) -> Self {
        let sums = || vec![ClassSums::new(classes); pictures];
        Self(numbers.iter().map(|&number| (number, sums())).collect())
    }

    /// Adds the next sample of a picture.
    fn add(&mut self, picture: usize, logits: &[f32]) {
        for (number, sums) in &mut self.0 {
            if sums[picture].samples() < u64::from(*number) {
                sums[picture].add(logits);
            }
        }
    }

    /// The predictions with the number of samples at `index`.
    fn predictions(&self, index: usize) -> Vec<ClassUncertainty> {
        self.0[index].1.iter().map(ClassSums::finish).collect()
    }
}

impl Candidate<'_> {
    /// Predicts pictures with every weight at its mean and without dropout, once with each member, and
    /// compares the members.
    fn predict_mean(
        &self,
        pictures: native::Pictures<'_, IxDyn>,
        observer: Observer<'_>,
    ) -> Result<(Vec<ClassUncertainty>, Option<MemberDisagreement>), PredictionError> {
        let (count, output) = (pictures.extents()[0], self.output);
        match &self.engine {
            Engine::Int8(model, options) => {
                let model = Model::new(mean_weights::of(model.quantized())?, options.clone())?;
                let members = model.quantized().members();
                let mut pairs = MemberPairs::new(members, count);
                let mut observe = |picture: usize, logits: &[f32]| pairs.add(picture, logits);
                // Observing logits takes memory.
                let observe: Option<LogitsObserver<'_>> =
                    if members > 1 { Some(&mut observe) } else { None };
                let plain = Candidate { engine: Engine::Int8(&model, options.clone()), output };
                let predictions = plain.predict(pictures, members as u32, 0, observe, observer)?;
                Ok((classes_of(predictions), pairs.finish()))
            }
            Engine::Fp32(network, model, _) => {
                let channels = network.graph.input().channels;
                let inputs = fp32_inputs(pictures, model.preprocessing(), channels)?;
                let mut pairs = MemberPairs::new(network.members(), count);
                let mut predictions = Vec::with_capacity(count);
                // Some pictures at a time: the probabilities of all members are kept until then.
                for (first, inputs) in
                    (0..).step_by(TOGETHER).zip(inputs.axis_chunks_iter(Axis(0), TOGETHER))
                {
                    let each = |logits: ArrayView2<'_, f32>| {
                        for (i, logits) in logits.rows().into_iter().enumerate() {
                            pairs.add(first + i, output.part(&logits.to_vec()));
                        }
                    };
                    let outputs = model.shared_outputs();
                    let estimates = predict_mean(network, outputs, inputs, each)?;
                    predictions.extend(classes_of(output.of(&estimates)));
                }
                Ok((predictions, pairs.finish()))
            }
        }
    }
}
