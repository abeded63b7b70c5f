//! Figures of a model that answers only when it is sure.

use serde::Serialize;

/// Selective prediction: the surest pictures by an uncertainty are answered, the others are not.
/// Risk is the share of answers that are wrong, coverage the share of pictures that are answered
/// (Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Selective {
    /// Area under the risk-coverage curve: the mean risk over all coverages. Lower is better.
    pub aurc: f64,
    /// Risk at each of [`COVERAGES`].
    pub risk: [f64; COVERAGES.len()],
    /// The risk-coverage curve: risk at coverages of 1 %, 2 %, ..., 100 %.
    pub curve: Vec<f64>,
}

/// Coverages whose risk is reported.
pub const COVERAGES: [f64; 5] = [0.5, 0.7, 0.8, 0.9, 1.0];

impl Selective {
    /// Selects by `uncertainty`; `right` says which predictions are right. Pictures of equal
    /// uncertainty count with the mean over all their orders. NaN without pictures.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn new(uncertainty: &[f64], right: &[bool]) -> Self {
        assert_eq!(uncertainty.len(), right.len(), "one uncertainty for every prediction");
        let pairs = uncertainty.iter().copied().zip(right.iter().copied());
        let mut pairs: Vec<(f64, bool)> = pairs.collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        // Risk among the first 1, 2, ... pictures.
        let mut risks = Vec::with_capacity(right.len());
        let mut wrong_before = 0.0;
        for equal in pairs.chunk_by(|a, b| a.0 == b.0) {
            let wrong = equal.iter().filter(|(_, right)| !right).count() as f64;
            for answered in 1..=equal.len() {
                let expected = wrong_before + wrong * answered as f64 / equal.len() as f64;
                risks.push(expected / (risks.len() + 1) as f64);
            }
            wrong_before += wrong;
        }
        let at = |coverage: f64| {
            let answered = (coverage * risks.len() as f64).round().max(1.0) as usize;
            risks.get(answered - 1).copied().unwrap_or(f64::NAN)
        };
        Self {
            aurc: risks.iter().sum::<f64>() / risks.len() as f64,
            risk: COVERAGES.map(at),
            curve: (1..=100).map(|percent| at(f64::from(percent) / 100.0)).collect(),
        }
    }
}

/// Accuracy versus uncertainty, AvU: the share of predictions that are right and sure or wrong and
/// unsure (Krishnan and Tickoo, "Improving model calibration with accuracy versus uncertainty
/// optimization", NeurIPS 2020, equation 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AccuracyVersusUncertainty {
    /// The share, between 0 and 1.
    pub avu: f64,
    /// Predictions of more uncertainty than this count as unsure: halfway between the mean
    /// uncertainties of right and wrong predictions, as in the paper.
    pub threshold: f64,
}

impl AccuracyVersusUncertainty {
    /// Computes the figure; `right` says which predictions are right. NaN if all are right or all are
    /// wrong, as there is then no threshold.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn new(uncertainty: &[f64], right: &[bool]) -> Self {
        assert_eq!(uncertainty.len(), right.len(), "one uncertainty for every prediction");
        let mean = |wanted: bool| {
            let values = uncertainty.iter().zip(right).filter(|(_, right)| **right == wanted);
            let (sum, count) = values.fold((0.0, 0.0), |(s, n), (u, _)| (s + u, n + 1.0));
            sum / count
        };
        let threshold = (mean(true) + mean(false)) / 2.0;
        if threshold.is_nan() {
            return Self { avu: f64::NAN, threshold };
        }
        let agrees = |(u, right): &(&f64, &bool)| (**u <= threshold) == **right;
        let count = uncertainty.iter().zip(right).filter(agrees).count();
        Self { avu: count as f64 / right.len() as f64, threshold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    #[test]
    fn matches_values_computed_by_hand() {
        // Surest first: right, wrong, right, wrong. Risks 0, 1 / 2, 1 / 3, 1 / 2.
        let selective = Selective::new(&[0.4, 0.1, 0.3, 0.2], &[false, true, true, false]);
        close(selective.aurc, (0.5 + 1.0 / 3.0 + 0.5) / 4.0);
        // Coverages 0.5, 0.7 (2.8 pictures), 0.8 (3.2), 0.9 (3.6) and 1.
        let expected = [0.5, 1.0 / 3.0, 1.0 / 3.0, 0.5, 0.5];
        selective.risk.into_iter().zip(expected).for_each(|(a, b)| close(a, b));
        assert_eq!(selective.curve.len(), 100);
        close(selective.curve[49], selective.risk[0]);
        close(selective.curve[0], 0.0);
    }

    #[test]
    fn equal_uncertainties_are_no_selection() {
        for right in [[true, true, false, false], [false, false, true, true]] {
            let selective = Selective::new(&[1.0; 4], &right);
            close(selective.aurc, 0.5);
            selective.risk.into_iter().for_each(|risk| close(risk, 0.5));
        }
    }

    #[test]
    fn no_pictures_have_no_risk() {
        let selective = Selective::new(&[], &[]);
        assert!(selective.aurc.is_nan() && selective.risk.iter().all(|risk| risk.is_nan()));
    }

    #[test]
    fn avu_counts_sure_and_right_with_unsure_and_wrong() {
        // Means 0.2 and 0.8: the threshold is 0.5.
        let uncertainty = [0.1, 0.3, 0.6, 1.0];
        let figure = AccuracyVersusUncertainty::new(&uncertainty, &[true, true, false, false]);
        close(figure.threshold, 0.5);
        close(figure.avu, 1.0);
        // Means (0.1 + 1) / 2 and (0.3 + 0.6) / 2: 0.5 again. Right: 0.1 sure, 1 not. Wrong: 0.6
        // unsure, 0.3 not.
        let figure = AccuracyVersusUncertainty::new(&uncertainty, &[true, false, false, true]);
        close(figure.threshold, 0.5);
        close(figure.avu, 0.5);
        assert!(AccuracyVersusUncertainty::new(&uncertainty, &[true; 4]).avu.is_nan());
    }
}
