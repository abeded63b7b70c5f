//! Running models over the pictures of an evaluation.

use super::Figures;
use crate::picture;
use crate::prediction::{Job, Observer};
use crate::progress::Progress;
use anyhow::{Context, bail};
use bayes8_convert::corrupted::{CorruptedPictures, Drift};
use bayes8_convert::fidelity::{predict_fp32_mean, predict_fp32_samples};
use bayes8_convert::inputs::fp32_inputs;
use bayes8_convert::mean_model;
use bayes8_convert::metrics::{Convergence, DriftAuroc, DriftPoint, Metrics, Uncertainties};
use bayes8_convert::reference::{CommonNoise, draw};
use bayes8_convert::{Inputs, Network};
use bayes8_native::core::head::Accumulator;
use bayes8_native::core::head::classes::{SampleSums, Uncertainty};
use bayes8_native::core::model::Preprocessing;
use bayes8_native::{self as native, Model, ModelOptions};
use ndarray::{ArrayView2, IxDyn};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The pictures of an evaluation.
pub(crate) struct Pictures {
    pub(crate) path: PathBuf,
    pub(crate) pictures: Inputs,
    pub(crate) labels: Vec<i64>,
    /// Those of another distribution, with their file.
    pub(crate) unknown: Option<(PathBuf, Inputs)>,
    /// Corrupted ones, with their file.
    pub(crate) corrupted: Option<(PathBuf, CorruptedPictures)>,
}

impl Pictures {
    /// Opens corruptions of the labelled pictures.
    ///
    /// # Errors
    /// When the file is no archive of corruptions or has other labels.
    pub(crate) fn open_corrupted(&mut self, path: &Path) -> anyhow::Result<()> {
        let corrupted = picture::open_corrupted(path)?;
        if corrupted.labels() != self.labels {
            bail!(
                "{}: array `y`: these are not the labels of {}: drift is measured from the clean \
                 pictures of --data to the same, corrupted",
                path.display(),
                self.path.display()
            );
        }
        self.corrupted = Some((path.into(), corrupted));
        Ok(())
    }
}

/// Samples of a model.
pub(crate) struct Samples {
    pub(crate) clean: u32,
    /// Numbers of samples whose figures are wanted too: of the first of `clean`.
    pub(crate) first: Vec<u32>,
    pub(crate) drift: u32,
    pub(crate) seed: u64,
}

/// What was measured of a model.
pub(crate) struct Measured {
    /// From all samples.
    pub(crate) whole: Predicted,
    /// From the first samples.
    pub(crate) first: Vec<Predicted>,
}

/// Predictions of the labelled pictures, and their figures.
pub(crate) struct Predicted {
    /// Monte-Carlo samples; `None` where recorded predictions do not tell.
    pub(crate) samples: Option<u32>,
    pub(crate) predictions: Vec<Uncertainty>,
    pub(crate) figures: Figures,
}

impl Measured {
    /// What follows from so many samples; from all where that was not measured.
    pub(crate) fn from(&self, samples: Option<u32>) -> &Predicted {
        self.first.iter().find(|part| part.samples == samples).unwrap_or(&self.whole)
    }
}

impl Predicted {
    /// Predictions from `samples` samples for pictures with these labels, and of the pictures of
    /// another distribution; the figures of the deterministic network are the same from any number
    /// of samples.
    pub(crate) fn new(
        samples: Option<u32>,
        predictions: Vec<Uncertainty>,
        labels: &[i64],
        unknown: Option<&Uncertainties>,
        mean_weights: Option<Metrics>,
    ) -> Self {
        let mut figures = Figures::new(&predictions, labels, unknown);
        figures.mean_weights = mean_weights;
        Self { samples, predictions, figures }
    }
}

/// A model that can be measured.
pub(crate) enum Candidate<'a> {
    /// The quantized model, and how its deterministic copy is to run.
    Int8(&'a Model, ModelOptions),
    /// The FP32 network, how pictures become its inputs, and the noise of its draws if that is not
    /// its own.
    Fp32(&'a Network, &'a Preprocessing, Option<CommonNoise<'a>>),
}

/// Measures a model on everything that there is, and the seconds that the labelled pictures take.
///
/// # Errors
/// When pictures do not fit the model or cannot be read, naming their file.
pub(crate) fn measure(
    candidate: &Candidate<'_>,
    pictures: &mut Pictures,
    samples: &Samples,
) -> anyhow::Result<(Measured, f64)> {
    let Pictures { path, pictures: clean, labels, unknown, corrupted } = pictures;
    let &Samples { clean: count, ref first, drift, seed } = samples;
    let classes = candidate.classes();
    type Observed<'a> = Option<Observer<'a>>;
    type View<'a> = native::Pictures<'a, IxDyn>;
    let run = |path: &Path, array: &str, pictures: View<'_>, count, observe: Observed<'_>| {
        let predicted = candidate.predict(pictures, count, seed, observe);
        predicted.with_context(|| format!("{}: array `{array}`", path.display()))
    };

    let start = Instant::now();
    let mut convergence = Convergence::new(labels, classes, candidate.distinct(count) as usize);
    let mut known_first = FirstSamples::new(first, labels.len(), classes);
    let mut observe = |picture: usize, logits: &[f32]| {
        convergence.add(picture, logits);
        known_first.add(picture, logits);
    };
    let predictions = run(path, "x", clean.view(), count, Some(&mut observe))?;
    let seconds = start.elapsed().as_secs_f64();
    let mean_weights = Some(Metrics::new(&candidate.predict_mean(clean.view())?, labels));
    let unknown = match unknown {
        Some((path, unknown)) => {
            let mut sums = FirstSamples::new(first, unknown.count(), classes);
            let mut observe = |picture: usize, logits: &[f32]| sums.add(picture, logits);
            // Logits take memory.
            let observe: Observed<'_> = if first.is_empty() { None } else { Some(&mut observe) };
            let all = run(path, "x", unknown.view(), count, observe)?;
            Some((Uncertainties::of(&all), sums))
        }
        None => None,
    };
    let predicted = |samples, predictions, unknown: Option<&Uncertainties>| {
        Predicted::new(Some(samples), predictions, labels, unknown, mean_weights)
    };
    let first = first.iter().enumerate().map(|(i, &samples)| {
        let unknown = unknown.as_ref().map(|(_, first)| Uncertainties::of(&first.predictions(i)));
        predicted(samples, known_first.predictions(i), unknown.as_ref())
    });
    let first = first.collect();
    let mut whole = predicted(count, predictions, unknown.as_ref().map(|(all, _)| all));
    whole.figures.convergence = convergence.points();
    if let Some((path, corrupted)) = corrupted {
        let run = |array: &str, pictures: View<'_>| run(path, array, pictures, drift, None);
        // What is lost is lost from predictions of as many samples.
        let (clean, known) = match drift == count {
            true => (whole.figures.metrics, Uncertainties::of(&whole.predictions)),
            false => {
                let predictions = run("x", clean.view())?;
                (Metrics::new(&predictions, labels), Uncertainties::of(&predictions))
            }
        };
        let mut points = Vec::new();
        for drift_of in corrupted.drifts().to_vec() {
            let pictures = corrupted.load(&drift_of)?;
            let pictures = View::Bytes(pictures.view());
            let predictions = run(&drift_of.array(), pictures)?;
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

/// The sums of the first samples, for several numbers of them.
struct FirstSamples(Vec<(u32, Vec<SampleSums>)>);

impl FirstSamples {
    fn new(numbers: &[u32], pictures: usize, classes: usize) -> Self {
        let sums = || vec![SampleSums::new(classes); pictures];
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

    /// The predictions from the number of samples with an index.
    fn predictions(&self, index: usize) -> Vec<Uncertainty> {
        self.0[index].1.iter().map(SampleSums::finish).collect()
    }
}

impl Candidate<'_> {
    fn classes(&self) -> usize {
        match self {
            Self::Int8(model, _) => model.description().classes(),
            Self::Fp32(network, ..) => network.classes(),
        }
    }

    /// Samples that differ: those of a deterministic FP32 network are one, as it takes long.
    fn distinct(&self, samples: u32) -> u32 {
        match self {
            Self::Fp32(network, ..) if !network.is_bayesian() => samples.min(1),
            _ => samples,
        }
    }

    /// Predicts pictures; `observe` sees the logits of every sample of each picture, in order.
    fn predict(
        &self,
        pictures: native::Pictures<'_, IxDyn>,
        samples: u32,
        seed: u64,
        mut observe: Option<Observer<'_>>,
    ) -> anyhow::Result<Vec<Uncertainty>> {
        match self {
            &Self::Int8(model, _) => {
                let job = Job { model, pictures, samples: 0..samples, seed, digests: false };
                let outcomes = job.run_observed(observe)?;
                Ok(outcomes.into_iter().map(|outcome| outcome.uncertainty).collect())
            }
            Self::Fp32(network, preprocessing, noise) => {
                let channels = network.graph.input().channels;
                let inputs = fp32_inputs(pictures, preprocessing, channels)?;
                let samples = self.distinct(samples);
                let draws = (0..samples).map(|sample| match noise {
                    Some(noise) => noise.draw(seed, sample),
                    None => draw(network, seed, sample),
                });
                let progress = Progress::new("predicting in FP32", samples.into());
                let each = |logits: ArrayView2<'_, f32>| {
                    if let Some(observe) = &mut observe {
                        let rows = logits.rows().into_iter().enumerate();
                        rows.for_each(|(picture, logits)| observe(picture, &logits.to_vec()));
                    }
                    progress.advance(1);
                };
                Ok(predict_fp32_samples(network, inputs.view(), draws, each)?)
            }
        }
    }

    /// Predicts pictures once with every weight at its mean.
    fn predict_mean(
        &self,
        pictures: native::Pictures<'_, IxDyn>,
    ) -> anyhow::Result<Vec<Uncertainty>> {
        match self {
            Self::Int8(model, options) => {
                let model = Model::new(mean_model::of(model.description())?, options.clone())?;
                Candidate::Int8(&model, options.clone()).predict(pictures, 1, 0, None)
            }
            Self::Fp32(network, preprocessing, _) => {
                let channels = network.graph.input().channels;
                let inputs = fp32_inputs(pictures, preprocessing, channels)?;
                Ok(predict_fp32_mean(network, inputs.view())?)
            }
        }
    }
}
