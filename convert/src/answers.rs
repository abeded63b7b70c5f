//! The answers of a network in another runtime, which its import must reproduce.
//!
//! An import that reads the axes of its input in another order answers at random, and no comparison
//! of INT8 with it can show that. Recorded answers can: for example those of ONNX Runtime to the
//! same file, mean weights and normalized pictures.

use std::fs::File;
use std::path::Path;

use bayes8_core::head::gaussian::Variance;
use bayes8_core::head::{Head, Output};
use bayes8_core::quoted::Echo;
use ndarray::{Array2, ArrayView, ArrayView1, ArrayView2, Axis, Dimension, Slice};
use thiserror::Error;

use crate::network::Network;
use crate::npz::Archive;
use crate::pictures::PicturesError;
use crate::reference::{FloatWeights, RunError, run};

/// How far log probabilities may be off, as a share of the largest: float32 on another machine and
/// TF32 on a GPU round differently.
const TOLERANCE: f64 = 1e-3;

/// The number of pictures to compare: a wrong import is wrong for most of them.
const COMPARED: usize = 64;

/// Log probabilities below this count as equal.
const LEAST: f64 = -69.0;

/// How recorded answers differ from those of a network.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum AnswersError {
    /// The answers come from another network or belong to other inputs.
    #[error(
        "its shape is {found:?}, expected {expected:?}: for each input, the numbers of all outputs"
    )]
    Shape {
        /// Rows and columns of the recorded answers.
        found: [usize; 2],
        /// Inputs and numbers.
        expected: [usize; 2],
    },
    /// Outputs that are maps.
    #[error("the output `{}` is a map, whose answers are not compared: leave the array out", Echo(.0))]
    Map(String),
    /// NaN or infinity.
    #[error("it holds a number for input {0} that is not finite")]
    NotFinite(usize),
    /// The answers differ.
    #[error(
        "input {input}: the {what} of the imported network is {found:.4}, recorded is {recorded:.4}"
    )]
    Differ {
        /// The input that differs most.
        input: usize,
        /// The number of the answer that differs most, in words.
        what: String,
        /// The answer of the imported network.
        found: f64,
        /// The recorded answer.
        recorded: f64,
    },
    /// The network does not run.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Reads the array `logits` of an npz archive, the answers to its pictures, if there is one. `path`
/// is for errors.
///
/// # Errors
/// [`PicturesError`] when the file is not an archive, or the array does not hold floats
/// `[N, classes]`.
pub fn read(path: &Path, file: File) -> Result<Option<Array2<f32>>, PicturesError> {
    let mut archive = Archive::open(path, file)?;
    archive.has("logits").then(|| archive.floats("logits")).transpose()
}

/// Runs `network`, every weight at its mean, on the first of the normalized `pictures`
/// `[N, .., C]`, and compares its answers with the `recorded` ones `[N, numbers]`. If `outputs` are
/// classes, these are logits, log probabilities or probabilities; logits may differ by a constant per
/// picture, since a LogSoftmax may follow them. Otherwise they are the numbers of all outputs.
///
/// # Errors
/// [`AnswersError`] when they differ by more than rounding, or an output is a map.
pub fn check<D: Dimension>(
    network: &Network,
    outputs: &[Output],
    pictures: ArrayView<'_, f32, D>,
    recorded: ArrayView2<'_, f32>,
) -> Result<(), AnswersError> {
    if let Some(map) = outputs.iter().find(|output| output.is_map()) {
        return Err(AnswersError::Map(map.name.clone()));
    }
    let expected = [pictures.len_of(Axis(0)), network.numbers()];
    let found: [usize; 2] = recorded.dim().into();
    if found != expected {
        return Err(AnswersError::Shape { found, expected });
    }
    let first = Slice::from(..expected[0].min(COMPARED));
    let (pictures, recorded) =
        (pictures.slice_axis(Axis(0), first), recorded.slice_axis(Axis(0), first));
    let is_finite = |row: ArrayView1<'_, f32>| row.iter().all(|x| x.is_finite());
    if let Some(picture) = recorded.rows().into_iter().position(|row| !is_finite(row)) {
        return Err(AnswersError::NotFinite(picture));
    }
    let logits = run(network, &FloatWeights::mean(network, 0), pictures.view(), |_, _, _| ())?;
    let are_classes = matches!(outputs, [Output { head: Head::Classes(_), .. }]);
    let comparable = |numbers: ArrayView2<'_, f32>| match are_classes {
        true => log_probabilities(numbers),
        false => numbers.mapv(f64::from),
    };
    let (found, recorded) = (comparable(logits.view()), comparable(recorded.view()));
    let largest = recorded.iter().fold(1.0, |largest: f64, p| largest.max(p.abs()));
    let differences = found.indexed_iter().map(|(place, p)| (place, (p - recorded[place]).abs()));
    match differences.max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((place @ (input, number), difference)) if difference > TOLERANCE * largest => {
            let (found, recorded) = (found[place], recorded[place]);
            let what = name_of(outputs, number);
            Err(AnswersError::Differ { input, what, found, recorded })
        }
        _ => Ok(()),
    }
}

/// What a number of the answers is, such as `logit of label 3`.
fn name_of(outputs: &[Output], mut number: usize) -> String {
    for output in outputs {
        let head = &output.head;
        let Some(after) = number.checked_sub(head.outputs()) else {
            let of_output = match outputs {
                [_] => String::new(),
                _ => format!(" of output `{}`", Echo(&output.name)),
            };
            let what = match head {
                Head::Classes(_) if outputs.len() == 1 => {
                    format!("log probability of class {number}")
                }
                Head::Classes(_) => format!("logit of class {number}"),
                Head::Labels(_) => format!("logit of label {number}"),
                Head::Gaussian(of) if number < of.targets.len() => {
                    format!("mean of target {number}")
                }
                Head::Gaussian(of) => {
                    let target = number - of.targets.len();
                    match of.variance {
                        Variance::Log => format!("log variance of target {target}"),
                        Variance::Softplus | Variance::None => {
                            format!("variance of target {target} before its softplus")
                        }
                    }
                }
            };
            return format!("{what}{of_output}");
        };
        number = after;
    }
    format!("number {number}")
}

/// The log probabilities of logits, or of probabilities if all rows are probabilities.
fn log_probabilities(answers: ArrayView2<'_, f32>) -> Array2<f64> {
    let mut answers = answers.mapv(f64::from);
    let is_distribution = |row: ArrayView1<'_, f64>| {
        row.iter().all(|p| (0.0..=1.0).contains(p)) && (row.sum() - 1.0).abs() < 1e-3
    };
    if answers.rows().into_iter().all(is_distribution) {
        answers.mapv_inplace(f64::ln);
    } else {
        for mut row in answers.rows_mut() {
            let max = row.fold(f64::NEG_INFINITY, |max, &x| max.max(x));
            let sum = row.fold(0.0, |sum, x| sum + (x - max).exp());
            row -= max + sum.ln();
        }
    }
    answers.mapv_inplace(|p| p.max(LEAST));
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn logits_log_probabilities_and_probabilities_are_the_same_answers() {
        let logits = array![[1.0f32, 2.0, 4.0], [0.0, 0.0, -80.0]];
        let expected = log_probabilities(logits.view());
        let shifted = log_probabilities((&logits + &array![[7.0], [-3.0]]).view());
        let logs = log_probabilities(expected.mapv(|p| p as f32).view());
        let probabilities = log_probabilities(expected.mapv(|p| p.exp() as f32).view());
        for other in [shifted, logs, probabilities] {
            assert!((&other - &expected).iter().all(|d| d.abs() < 1e-5), "{other} {expected}");
        }
        assert!((expected[[0, 2]] + 0.169_846).abs() < 1e-6);
    }
}
