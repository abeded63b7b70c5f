//! Labels, and whether predictions match them.

use ndarray::{ArrayView1, ArrayView2, Axis};
use thiserror::Error;

/// A label that is not a class of the model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("label {label} of example {picture} is not a class: the model has {classes}")]
pub struct LabelError {
    /// Index of the picture.
    pub picture: usize,
    /// Its label.
    pub label: i64,
    /// Number of classes of the model.
    pub classes: usize,
}

/// Checks that every label is one of `classes` classes.
///
/// # Errors
/// [`LabelError`], which names the first picture with another label.
pub fn check_labels(labels: &[i64], classes: usize) -> Result<(), LabelError> {
    let is_class = |label: i64| usize::try_from(label).is_ok_and(|label| label < classes);
    match labels.iter().position(|&label| !is_class(label)) {
        Some(picture) => Err(LabelError { picture, label: labels[picture], classes }),
        None => Ok(()),
    }
}

/// Returns whether the predicted class of each picture is its label.
///
/// # Panics
/// When the counts differ or a label is not a class ([`check_labels`]).
pub fn right(probabilities: ArrayView2<'_, f64>, labels: &[i64]) -> Vec<bool> {
    pairs(probabilities, labels).map(|(p, label)| best(p).0 == label).collect()
}

/// Every picture's probabilities with its label.
pub(crate) fn pairs<'a>(
    probabilities: ArrayView2<'a, f64>,
    labels: &'a [i64],
) -> impl ExactSizeIterator<Item = (ArrayView1<'a, f64>, usize)> {
    assert_eq!(probabilities.nrows(), labels.len(), "one label for every picture");
    if let Err(error) = check_labels(labels, probabilities.ncols()) {
        panic!("{error}");
    }
    (0..labels.len()).map(move |n| (probabilities.index_axis_move(Axis(0), n), labels[n] as usize))
}

/// The most probable class and its probability.
pub(super) fn best(probabilities: ArrayView1<'_, f64>) -> (usize, f64) {
    let all = probabilities.iter().copied().enumerate();
    all.fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_must_be_classes() {
        assert_eq!(check_labels(&[0, 2], 3), Ok(()));
        for label in [-1, 3, i64::MIN, i64::MAX] {
            let error = LabelError { picture: 1, label, classes: 3 };
            assert_eq!(check_labels(&[0, label], 3), Err(error));
        }
    }
}
