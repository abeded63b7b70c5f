//! Runs a model on the examples of an evaluation.

use std::path::{Path, PathBuf};
use std::time::Instant;

use bayes8_convert::Inputs;
use bayes8_convert::progress::Observer;
use bayes8_core::head::gaussian::{Gaussian, TargetUncertainty};
use bayes8_core::head::labels::Labels;
use bayes8_core::head::{Head, Uncertainty};
use ndarray::{Array2, Axis};

use super::examples::{Examples, Truth};
use super::figures::{HeadFigures, LabelsReport, TargetFigures, Uncertainties};
use super::regression::Samples;
use crate::candidate::Candidate;
use crate::error::{EvaluateError, PredictionError};
use crate::maps::{self, Known};
use crate::metrics::regression::Example;

/// The figures of a model, and the seconds for the examples.
pub(crate) struct Measured {
    pub(crate) figures: HeadFigures,
    pub(crate) seconds: f64,
}

/// A model, and how often it predicts each example.
struct Run<'a, 'o> {
    candidate: &'a Candidate<'a>,
    samples: u32,
    seed: u64,
    observer: Observer<'o>,
}

/// Predictions of examples for the targets of a regression.
struct Mixtures {
    /// What is known of each example, for each target.
    targets: Vec<Vec<Example>>,
    predictions: Vec<TargetUncertainty>,
    /// The time of the predictions.
    seconds: f64,
}

/// Measures a model on examples with targets, labels or the classes of a map, and on those of another distribution.
///
/// # Errors
/// When examples do not fit the model, naming their file.
pub(crate) fn measure(
    candidate: &Candidate<'_>,
    examples: &Examples,
    unknown: Option<&(PathBuf, Inputs)>,
    samples: u32,
    seed: u64,
    observer: Observer<'_>,
) -> Result<Measured, EvaluateError> {
    let run = |observer| Run { candidate, samples, seed, observer };
    match (&candidate.output.head, &examples.truth) {
        (Head::Gaussian(head), Truth::Targets(truth)) => {
            run(observer).targets(head, examples, truth, unknown)
        }
        (Head::Labels(head), Truth::Labels(present)) => {
            run(observer).labels(head, examples, present, unknown)
        }
        (Head::Classes(head), Truth::Map(truth)) => {
            let known = Known { path: &examples.path, inputs: &examples.inputs, truth };
            let (map, seconds) = maps::measure(candidate, head, &known, samples, seed, observer)?;
            Ok(Measured { figures: HeadFigures::Map(Box::new(map)), seconds })
        }
        (head, _) => Err(EvaluateError::Head(head.name())),
    }
}

impl Run<'_, '_> {
    fn targets(
        &mut self,
        head: &Gaussian,
        examples: &Examples,
        truth: &Array2<f64>,
        unknown: Option<&(PathBuf, Inputs)>,
    ) -> Result<Measured, EvaluateError> {
        let known = self.mixtures(head, examples, truth)?;
        let unknown = match unknown {
            Some((path, inputs)) => Some(self.predictions(path, inputs, Uncertainty::targets)?),
            None => None,
        };
        let targets = known.targets.iter().enumerate().map(|(index, examples)| {
            let uncertainty = Uncertainties::of_target(&known.predictions, index);
            let unknown = unknown.as_ref().map(|of| Uncertainties::of_target(of, index));
            let truth = truth.column(index).to_vec();
            TargetFigures::new(head, index, examples, &truth, uncertainty, unknown.as_ref())
        });
        let seconds = known.seconds;
        Ok(Measured { figures: HeadFigures::Targets { targets: targets.collect() }, seconds })
    }

    fn labels(
        &mut self,
        head: &Labels,
        examples: &Examples,
        present: &Array2<bool>,
        unknown: Option<&(PathBuf, Inputs)>,
    ) -> Result<Measured, EvaluateError> {
        let start = Instant::now();
        let Examples { path, inputs, .. } = examples;
        let known = self.predictions(path, inputs, Uncertainty::labels)?;
        let seconds = start.elapsed().as_secs_f64();
        let unknown = match unknown {
            Some((path, inputs)) => {
                let unknown = self.predictions(path, inputs, Uncertainty::labels)?;
                Some(Uncertainties::of_labels(&unknown))
            }
            None => None,
        };
        let labels = LabelsReport::new(head, &known, present.view(), unknown.as_ref());
        Ok(Measured { figures: HeadFigures::Labels(Box::new(labels)), seconds })
    }

    /// Predicts examples for all targets. Samples are kept of some examples at a time.
    fn mixtures(
        &mut self,
        head: &Gaussian,
        examples: &Examples,
        truth: &Array2<f64>,
    ) -> Result<Mixtures, EvaluateError> {
        let Examples { path, inputs, .. } = examples;
        let Self { candidate, samples, seed, observer } = self;
        let view = inputs.view(candidate.values());
        let together = Samples::together(head, *samples);
        let targets = head.targets.iter().map(|_| Vec::new()).collect();
        let mut all = Mixtures { targets, predictions: Vec::new(), seconds: 0.0 };
        for (group, truth) in truth.axis_chunks_iter(Axis(0), together).enumerate() {
            let (first, count) = (group * together, truth.nrows());
            let mut kept = Samples::new(head, count);
            let mut observe = |example: usize, numbers: &[f32]| kept.add(example, numbers);
            let inputs = view.range(first..first + count);
            let start = Instant::now();
            let predicted =
                candidate.predict(inputs, *samples, *seed, Some(&mut observe), observer);
            let predicted = predicted.map_err(|source| refused(path, source))?;
            all.seconds += start.elapsed().as_secs_f64();
            all.predictions.extend(predicted.into_iter().filter_map(Uncertainty::targets));
            if let Some(example) = kept.not_a_number() {
                let (path, example) = (path.into(), first + example);
                return Err(EvaluateError::NotANumber { path, example });
            }
            for (index, examples) in all.targets.iter_mut().enumerate() {
                examples.extend(kept.examples(index, &truth.column(index).to_vec()));
            }
        }
        Ok(all)
    }

    /// Predicts examples without keeping their samples; `of` picks the figures of the head.
    fn predictions<T>(
        &mut self,
        path: &Path,
        inputs: &Inputs,
        of: fn(Uncertainty) -> Option<T>,
    ) -> Result<Vec<T>, EvaluateError> {
        let Self { candidate, samples, seed, observer } = self;
        let view = inputs.view(candidate.values());
        let predicted = candidate.predict(view, *samples, *seed, None, observer);
        let predicted = predicted.map_err(|source| refused(path, source))?;
        Ok(predicted.into_iter().filter_map(of).collect())
    }
}

fn refused(path: &Path, source: PredictionError) -> EvaluateError {
    EvaluateError::Array { path: path.into(), array: "x".into(), source: Box::new(source) }
}
