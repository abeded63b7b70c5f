//! Runs a model on pictures and measures its maps.

use std::path::Path;
use std::time::Instant;

use bayes8_convert::Inputs;
use bayes8_convert::progress::Observer;
use bayes8_core::head::Uncertainty;
use bayes8_core::head::classes::Classes;
use bayes8_core::head::map::{ClassMapUncertainty, MapUncertainty};

use super::figures::MapFigures;
use super::sums::Sums;
use crate::candidate::Candidate;
use crate::error::EvaluateError;

/// Bytes of the sums of pictures that are predicted together.
const TOGETHER: usize = 128 << 20;

/// The pictures of a map and the class of each position.
pub(crate) struct Known<'a> {
    /// The file.
    pub(crate) path: &'a Path,
    pub(crate) inputs: &'a Inputs,
    /// Picture by picture; `None` where the label is ignored.
    pub(crate) truth: &'a [Option<u16>],
}

/// Measures a map of classes with `samples` samples of each picture. Returns its figures, and the seconds of
/// the predictions. Only what is most likely and how uncertain it is stays of each picture.
///
/// # Errors
/// When pictures do not fit the model, naming their file.
pub(crate) fn measure(
    candidate: &Candidate<'_>,
    head: &Classes,
    known: &Known<'_>,
    samples: u32,
    seed: u64,
    observer: Observer<'_>,
) -> Result<(MapFigures, f64), EvaluateError> {
    let mut sums = Sums::new(head.count);
    let seconds = each_map(candidate, known, samples, seed, observer, |map, truth| {
        sums.add(map, truth);
    })?;
    let positions = candidate.output.positions;
    Ok((MapFigures::new(head, positions, sums, known.truth), seconds))
}

/// Predicts maps of classes from `samples` samples, and shows each to `with`, with the class of each position.
/// Returns the seconds of the predictions. Only some pictures are predicted at a time.
///
/// # Errors
/// When pictures do not fit the model, naming their file.
pub(crate) fn each_map(
    candidate: &Candidate<'_>,
    known: &Known<'_>,
    samples: u32,
    seed: u64,
    observer: Observer<'_>,
    mut with: impl FnMut(&ClassMapUncertainty, &[Option<u16>]),
) -> Result<f64, EvaluateError> {
    let size: usize = candidate.output.positions.iter().product();
    let together = (TOGETHER / candidate.result_bytes().max(1)).max(1);
    let view = known.inputs.view(candidate.values());
    let mut seconds = 0.0;
    for (group, truth) in known.truth.chunks(together * size).enumerate() {
        let first = group * together;
        let pictures = view.range(first..first + truth.len() / size);
        let start = Instant::now();
        let predicted = candidate.predict(pictures, samples, seed, None, observer);
        let predicted = predicted.map_err(|source| EvaluateError::Array {
            path: known.path.into(),
            array: "x".into(),
            source: Box::new(source),
        })?;
        seconds += start.elapsed().as_secs_f64();
        for (figures, truth) in predicted.iter().zip(truth.chunks_exact(size)) {
            if let Uncertainty::Map(MapUncertainty::Classes(map)) = figures {
                with(map, truth);
            }
        }
    }
    Ok(seconds)
}
