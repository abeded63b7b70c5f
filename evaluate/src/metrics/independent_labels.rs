//! Measures of independent labels, each of which is present or not.

use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use super::detection::Detection;
use super::scores::{accuracy, ece, nll};

/// Figures of one label. The figures that no prediction can have without examples of both kinds are
/// `None` if the label is present in all of them or in none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LabelFigures {
    /// Number of examples that have the label.
    pub positives: usize,
    /// Average precision: the precision at each threshold, weighted by the recall that it adds, as
    /// `average_precision_score` of scikit-learn. Guessing has the share of positives, 1 is perfect.
    pub average_precision: Option<f64>,
    /// Area under the receiver operating characteristic: the chance that an example with the label has
    /// a larger probability than one without; equal ones count half. 0.5 is guessing, 1 perfect.
    pub auroc: Option<f64>,
    /// Mean squared difference of the probability and 1 or 0, between 0 and 1; lower is better (Brier,
    /// Monthly Weather Review 1950). Half of the score of two classes.
    pub brier: f64,
    /// Expected calibration error of "yes" and "no" as two classes ([`ece`]).
    pub ece: f64,
    /// Share of examples for which "probability above 0.5" is right.
    pub accuracy: f64,
    /// Mean negative log-likelihood, in nats; probabilities have the floor of [`nll`].
    pub log_loss: f64,
}

/// Figures of all labels, and their means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelsFigures {
    /// Figures of each label.
    pub labels: Vec<LabelFigures>,
    /// Mean average precision over the labels that have one; `None` if none has.
    pub average_precision: Option<f64>,
    /// Mean AUROC over the labels that have one; `None` if none has.
    pub auroc: Option<f64>,
    /// Mean Brier score over the labels.
    pub brier: f64,
    /// Mean expected calibration error over the labels.
    pub ece: f64,
    /// Mean accuracy over the labels.
    pub accuracy: f64,
    /// Mean log loss over the labels.
    pub log_loss: f64,
}

impl LabelFigures {
    /// Computes the figures of a label's `probabilities`; `present` says which examples have it. NaN if
    /// there are no examples.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn new(probabilities: &[f64], present: &[bool]) -> Self {
        assert_eq!(probabilities.len(), present.len(), "one probability for every example");
        let of = |wanted: bool| -> Vec<f64> {
            let both = probabilities.iter().zip(present);
            both.filter(|(_, present)| **present == wanted).map(|(p, _)| *p).collect()
        };
        let (without, with) = (of(false), of(true));
        let detection =
            (!without.is_empty() && !with.is_empty()).then(|| Detection::new(&without, &with));
        let squares = probabilities.iter().zip(present).map(|(p, &present)| {
            let distance = p - f64::from(present);
            distance * distance
        });
        // Class 0 is "no", class 1 "yes". At 0.5 the first is predicted.
        let two = Array2::from_shape_fn((present.len(), 2), |(n, class)| match class {
            0 => 1.0 - probabilities[n],
            _ => probabilities[n],
        });
        let classes: Vec<i64> = present.iter().map(|&present| present.into()).collect();
        Self {
            positives: with.len(),
            average_precision: detection.map(|detection| detection.aupr),
            auroc: detection.map(|detection| detection.auroc),
            brier: squares.sum::<f64>() / present.len() as f64,
            ece: ece(two.view(), &classes),
            accuracy: accuracy(two.view(), &classes),
            log_loss: nll(two.view(), &classes),
        }
    }
}

impl LabelsFigures {
    /// Computes the figures of `probabilities` `[examples, labels]`; `present` says which example has
    /// which label. NaN if there are no labels or no examples.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn new(probabilities: ArrayView2<'_, f64>, present: ArrayView2<'_, bool>) -> Self {
        assert_eq!(probabilities.dim(), present.dim(), "one probability for every label");
        let columns = probabilities.columns().into_iter().zip(present.columns());
        let labels: Vec<LabelFigures> =
            columns.map(|(p, present)| LabelFigures::new(&p.to_vec(), &present.to_vec())).collect();
        let mean =
            |of: fn(&LabelFigures) -> f64| labels.iter().map(of).sum::<f64>() / labels.len() as f64;
        let mean_of_defined = |of: fn(&LabelFigures) -> Option<f64>| {
            let defined: Vec<f64> = labels.iter().filter_map(of).collect();
            (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
        };
        Self {
            average_precision: mean_of_defined(|label| label.average_precision),
            auroc: mean_of_defined(|label| label.auroc),
            brier: mean(|label| label.brier),
            ece: mean(|label| label.ece),
            accuracy: mean(|label| label.accuracy),
            log_loss: mean(|label| label.log_loss),
            labels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;
    use ndarray::array;

    const FIRST: [f64; 8] = [0.9, 0.2, 0.6, 0.6, 0.35, 0.8, 0.05, 0.5];
    const SECOND: [f64; 8] = [0.1, 0.7, 0.4, 0.3, 0.85, 0.15, 0.95, 0.45];
    const HAS_FIRST: [bool; 8] = [true, false, true, false, true, false, false, true];
    const HAS_SECOND: [bool; 8] = [false, true, true, false, true, false, true, false];

    /// Values of scikit-learn 1.9, of `average_precision_score`, `roc_auc_score`, `brier_score_loss`,
    /// `log_loss` and `accuracy_score` with `p > 0.5`. 0.6 is there twice.
    #[test]
    fn matches_scikit_learn() {
        let figures = LabelFigures::new(&FIRST, &HAS_FIRST);
        assert_eq!(figures.positives, 4);
        close(figures.average_precision.unwrap(), 0.6916666666666667);
        close(figures.auroc.unwrap(), 0.65625);
        close(figures.brier, 0.23562500000000003);
        close(figures.log_loss, 0.644915116811557);
        close(figures.accuracy, 0.5);
        let figures = LabelFigures::new(&SECOND, &HAS_SECOND);
        close(figures.average_precision.unwrap(), 0.95);
        close(figures.auroc.unwrap(), 0.9375);
        close(figures.brier, 0.1);
        close(figures.log_loss, 0.33864616119352087);
        close(figures.accuracy, 0.875);
    }

    #[test]
    fn means_skip_what_is_undefined() {
        let rows = |i: usize| [FIRST[i], SECOND[i], 0.25];
        let probabilities = Array2::from_shape_fn((8, 3), |(n, label)| rows(n)[label]);
        let present =
            Array2::from_shape_fn((8, 3), |(n, label)| [HAS_FIRST[n], HAS_SECOND[n], false][label]);
        let figures = LabelsFigures::new(probabilities.view(), present.view());
        let absent = figures.labels[2];
        assert_eq!((absent.positives, absent.average_precision, absent.auroc), (0, None, None));
        close(absent.brier, 0.0625);
        close(absent.ece, 0.25);
        // Macro averages of scikit-learn, over the first two labels.
        close(figures.average_precision.unwrap(), 0.8208333333333333);
        close(figures.auroc.unwrap(), 0.796875);
        close(figures.accuracy, (0.5 + 0.875 + 1.0) / 3.0);
    }

    #[test]
    fn a_label_that_all_or_none_have_is_none() {
        for present in [true, false] {
            let figures = LabelFigures::new(&[0.3, 0.8], &[present; 2]);
            assert_eq!((figures.average_precision, figures.auroc), (None, None));
            assert!(figures.log_loss.is_finite());
        }
        let nothing = LabelsFigures::new(array![[0.5]].view(), array![[true]].view());
        assert_eq!((nothing.average_precision, nothing.auroc), (None, None));
    }
}
