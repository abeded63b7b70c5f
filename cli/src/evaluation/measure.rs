//! Running models over the pictures of an evaluation.

use super::Figures;
use crate::prediction::{Job, Observer};
use crate::progress::Progress;
use anyhow::{Context, bail};
use bayes8_convert::Network;
use bayes8_convert::corrupted::{CorruptedPictures, Drift};
use bayes8_convert::fidelity::{predict_fp32_mean, predict_fp32_samples};
use bayes8_convert::mean_model;
use bayes8_convert::metadata::normalize;
use bayes8_convert::metrics::{Convergence, DriftAuroc, DriftPoint, Metrics, Uncertainties};
use bayes8_convert::reference::{CommonNoise, draw};
use bayes8_native::core::model::Preprocessing;
use bayes8_native::core::uncertainty::Uncertainty;
use bayes8_native::{Model, ModelOptions};
use ndarray::{ArrayD, ArrayView2, ArrayViewD};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The pictures of an evaluation.
pub(crate) struct Pictures {
    pub(crate) path: PathBuf,
    /// With the axes that [`bayes8_native::Pictures`] takes.
    pub(crate) pictures: ArrayD<u8>,
    pub(crate) labels: Vec<i64>,
    /// Those of another distribution, with their file.
    pub(crate) unknown: Option<(PathBuf, ArrayD<u8>)>,
    /// Corrupted ones, with their file.
    pub(crate) corrupted: Option<(PathBuf, CorruptedPictures)>,
}

impl Pictures {
    /// Opens corruptions of the labelled pictures.
    ///
    /// # Errors
    /// When the file is no archive of corruptions or has other labels.
    pub(crate) fn open_corrupted(&mut self, path: &Path) -> anyhow::Result<()> {
        let corrupted = CorruptedPictures::open(path)?;
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

/// Samples of each model.
#[derive(Clone, Copy)]
pub(crate) struct Samples {
    pub(crate) clean: u32,
    pub(crate) drift: u32,
    pub(crate) seed: u64,
}

/// Predictions of the labelled pictures, and their figures.
pub(crate) struct Measured {
    pub(crate) predictions: Vec<Uncertainty>,
    pub(crate) figures: Figures,
    /// Of the labelled pictures alone.
    pub(crate) seconds: f64,
}

/// A model that can be measured.
pub(crate) enum Candidate<'a> {
    /// The quantized model, and how its deterministic copy is to run.
    Int8(&'a Model, ModelOptions),
    /// The FP32 network, how pictures become its inputs, and the noise of its draws if that is not
    /// its own.
    Fp32(&'a Network, &'a Preprocessing, Option<CommonNoise<'a>>),
}

/// Measures a model on everything that there is.
///
/// # Errors
/// When pictures do not fit the model or cannot be read, naming their file.
pub(crate) fn measure(
    candidate: &Candidate<'_>,
    pictures: &mut Pictures,
    samples: Samples,
) -> anyhow::Result<Measured> {
    let Pictures { path, pictures: clean, labels, unknown, corrupted } = pictures;
    let Samples { clean: count, drift, seed } = samples;
    let run = |path: &Path, array: &str, pictures: &ArrayD<u8>, count| {
        let predicted = candidate.predict(pictures.view(), count, seed, None);
        predicted.with_context(|| format!("{}: array `{array}`", path.display()))
    };

    let start = Instant::now();
    let mut convergence = Convergence::new(labels, candidate.classes(), count as usize);
    let mut observe = |picture: usize, logits: &[f32]| convergence.add(picture, logits);
    let predictions = candidate
        .predict(clean.view(), count, seed, Some(&mut observe))
        .with_context(|| format!("{}: array `x`", path.display()))?;
    let seconds = start.elapsed().as_secs_f64();
    let unknown = match unknown {
        Some((path, unknown)) => Some(Uncertainties::of(&run(path, "x", unknown, count)?)),
        None => None,
    };
    let mut figures = Figures::new(&predictions, labels, unknown.as_ref());
    figures.convergence = convergence.points();
    let mean_weights = candidate.predict_mean(clean.view())?;
    figures.mean_weights = Some(Metrics::new(&mean_weights, labels));
    if let Some((path, corrupted)) = corrupted {
        // What is lost is lost from predictions of as many samples.
        let (clean, known) = match drift == count {
            true => (figures.metrics, Uncertainties::of(&predictions)),
            false => {
                let predictions = run(&*path, "x", clean, drift)?;
                (Metrics::new(&predictions, labels), Uncertainties::of(&predictions))
            }
        };
        let mut points = Vec::new();
        for drift_of in corrupted.drifts().to_vec() {
            let pictures = corrupted.load(&drift_of)?;
            let predictions = run(path, &drift_of.array(), &pictures, drift)?;
            let Drift { corruption, severity } = drift_of;
            points.push(DriftPoint {
                corruption,
                severity,
                metrics: Metrics::new(&predictions, labels),
                auroc: DriftAuroc::new(&known, &Uncertainties::of(&predictions)),
            });
        }
        figures.set_drift(clean, points);
    }
    Ok(Measured { predictions, figures, seconds })
}

impl Candidate<'_> {
    fn classes(&self) -> usize {
        match self {
            Self::Int8(model, _) => model.description().classes(),
            Self::Fp32(network, ..) => network.classes(),
        }
    }

    /// Predicts pictures; `observe` sees the logits of every sample of each picture, in order.
    pub(crate) fn predict(
        &self,
        pictures: ArrayViewD<'_, u8>,
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
                let normalized =
                    normalize(preprocessing, pictures, network.graph.input().channels)?;
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
                Ok(predict_fp32_samples(network, normalized.view(), draws, each)?)
            }
        }
    }

    /// Predicts pictures once with every weight at its mean.
    fn predict_mean(&self, pictures: ArrayViewD<'_, u8>) -> anyhow::Result<Vec<Uncertainty>> {
        match self {
            Self::Int8(model, options) => {
                let model = Model::new(mean_model::of(model.description())?, options.clone())?;
                Candidate::Int8(&model, options.clone()).predict(pictures, 1, 0, None)
            }
            Self::Fp32(network, preprocessing, _) => {
                let normalized =
                    normalize(preprocessing, pictures, network.graph.input().channels)?;
                Ok(predict_fp32_mean(network, normalized.view())?)
            }
        }
    }
}
