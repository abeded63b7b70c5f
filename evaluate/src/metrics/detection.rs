//! Detection of unknown pictures by their uncertainty.

use bayes8_core::head::classes::ClassUncertainty;
use serde::Serialize;

use super::ranks::mutual_information;

/// Uncertainties of pictures, in nats, to tell one distribution from another.
#[derive(Clone, Debug, PartialEq)]
pub struct Uncertainties {
    /// Total uncertainty of each picture.
    pub predictive_entropy: Vec<f64>,
    /// Epistemic uncertainty of each picture; 0 if there is only rounding.
    pub mutual_information: Vec<f64>,
}

impl Uncertainties {
    /// Returns the uncertainties of predictions.
    pub fn of(predictions: &[ClassUncertainty]) -> Self {
        Self {
            predictive_entropy: predictions.iter().map(|u| u.predictive_entropy).collect(),
            mutual_information: mutual_information(predictions),
        }
    }
}

/// Detection of pictures from another distribution by an uncertainty. The pictures of the other
/// distribution are the positives, and should have the larger values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// Area under the receiver operating characteristic: the chance that a positive has a larger
    /// value than a negative; equal values count half. 0.5 is guessing, 1 perfect.
    pub auroc: f64,
    /// Area under the precision-recall curve as average precision: the precision at each threshold,
    /// weighted by the recall that it adds. Guessing has the share of positives.
    pub aupr: f64,
    /// Share of negatives that are taken for positives at the largest threshold that finds 95 % of
    /// the positives.
    pub fpr_at_95_tpr: f64,
}

/// Share of positives that [`Detection::fpr_at_95_tpr`] finds.
const TRUE_POSITIVE_RATE: f64 = 0.95;

impl Detection {
    /// Computes the detection by values of `negatives` and `positives`; NaN if either is empty.
    pub fn new(negatives: &[f64], positives: &[f64]) -> Self {
        let (all_negatives, all_positives) = (negatives.len() as f64, positives.len() as f64);
        let (mut pairs, mut aupr, mut fpr) = (0.0, 0.0, f64::NAN);
        let [mut false_before, mut true_before] = [0.0, 0.0];
        for [false_positives, true_positives] in thresholds(negatives, positives) {
            let new_positives = true_positives - true_before;
            pairs += (false_positives - false_before) * (true_before + new_positives / 2.0);
            let precision = true_positives / (true_positives + false_positives);
            aupr += precision * new_positives / all_positives;
            if true_before / all_positives < TRUE_POSITIVE_RATE
                && true_positives / all_positives >= TRUE_POSITIVE_RATE
            {
                fpr = false_positives / all_negatives;
            }
            [false_before, true_before] = [false_positives, true_positives];
        }
        let empty = negatives.is_empty() || positives.is_empty();
        Self {
            auroc: pairs / (all_negatives * all_positives),
            aupr: if empty { f64::NAN } else { aupr },
            fpr_at_95_tpr: fpr,
        }
    }
}

/// Counts of negatives and positives at or above each threshold, as it falls from value to value.
fn thresholds(negatives: &[f64], positives: &[f64]) -> Vec<[f64; 2]> {
    let mut values: Vec<(f64, bool)> = negatives.iter().map(|&value| (value, false)).collect();
    values.extend(positives.iter().map(|&value| (value, true)));
    values.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let equal = values.chunk_by(|a, b| a.0 == b.0);
    let counts = equal.scan([0.0; 2], |[false_positives, true_positives], equal| {
        let new_positives = equal.iter().filter(|(_, positive)| *positive).count() as f64;
        *true_positives += new_positives;
        *false_positives += equal.len() as f64 - new_positives;
        Some([*false_positives, *true_positives])
    });
    counts.collect()
}

/// Least distance of a point of [`roc`] from the previous one, in either rate.
const ROC_STEP: f64 = 0.004;

/// Computes the receiver operating characteristic for a diagram: false and true positive rates as the
/// threshold falls, from 0 and 0 to 1 and 1. Empty without negatives or without positives.
pub fn roc(negatives: &[f64], positives: &[f64]) -> Vec<[f64; 2]> {
    if negatives.is_empty() || positives.is_empty() {
        return Vec::new();
    }
    let all = [negatives.len() as f64, positives.len() as f64];
    let mut points = vec![[0.0; 2]];
    let mut last = [0.0; 2];
    for counts in thresholds(negatives, positives) {
        let rates = [counts[0] / all[0], counts[1] / all[1]];
        if (rates[0] - last[0]).max(rates[1] - last[1]) >= ROC_STEP || rates == [1.0; 2] {
            points.push(rates);
            last = rates;
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::{close, prediction};

    #[test]
    fn matches_values_computed_by_hand() {
        // From the top: 0.9 +, 0.8 -, 0.7 +, 0.3 -. Pairs won: 2 of 0.9, 1 of 0.7.
        let detection = Detection::new(&[0.3, 0.8], &[0.9, 0.7]);
        close(detection.auroc, 3.0 / 4.0);
        // Precision 1 for the first half of the recall, 2 / 3 for the second.
        close(detection.aupr, (1.0 + 2.0 / 3.0) / 2.0);
        // Both positives are found at 0.7, where one of two negatives is too.
        close(detection.fpr_at_95_tpr, 0.5);
    }

    #[test]
    fn separation_is_perfect_and_its_reverse_is_not() {
        let (low, high) = ([0.1, 0.2], [0.3, 0.4]);
        let perfect = Detection { auroc: 1.0, aupr: 1.0, fpr_at_95_tpr: 0.0 };
        assert_eq!(Detection::new(&low, &high), perfect);
        let reverse = Detection::new(&high, &low);
        close(reverse.auroc, 0.0);
        close(reverse.fpr_at_95_tpr, 1.0);
        close(reverse.aupr, (1.0 / 3.0 + 2.0 / 4.0) / 2.0);
    }

    #[test]
    fn equal_values_have_no_order() {
        // In whichever order they come.
        for (negatives, positives) in [([1.0, 1.0], [1.0, 1.0]), ([2.0, 2.0], [2.0, 2.0])] {
            let detection = Detection::new(&negatives, &positives);
            close(detection.auroc, 0.5);
            close(detection.aupr, 0.5);
            close(detection.fpr_at_95_tpr, 1.0);
        }
    }

    #[test]
    fn nineteen_of_twenty_positives_are_95_percent() {
        let positives: Vec<f64> = (0..20).map(f64::from).collect();
        // At threshold 1 nineteen are found: the negative at 0.5 is below it, that at 1.5 above.
        close(Detection::new(&[0.5, 1.5], &positives).fpr_at_95_tpr, 0.5);
    }

    /// Thinning the curve hardly changes the area under it.
    #[test]
    fn the_curve_goes_from_corner_to_corner() {
        let negatives: Vec<f64> = (0..3000).map(|i| f64::from(i % 1000)).collect();
        let positives: Vec<f64> = (0..2000).map(|i| f64::from(i).sqrt() * 25.0).collect();
        let points = roc(&negatives, &positives);
        assert_eq!((points[0], points.last()), ([0.0; 2], Some(&[1.0; 2])));
        assert!(points.len() < 600, "{}", points.len());
        let trapezoid = |pair: &[[f64; 2]]| (pair[1][0] - pair[0][0]) * (pair[0][1] + pair[1][1]);
        let area = points.windows(2).map(trapezoid).sum::<f64>() / 2.0;
        let auroc = Detection::new(&negatives, &positives).auroc;
        assert!((area - auroc).abs() < 1e-3, "{area} {auroc}");
        assert!(roc(&[], &positives).is_empty() && roc(&negatives, &[]).is_empty());
    }

    #[test]
    fn rounding_tells_nothing_apart() {
        let residue = |i: f64| prediction([0.5, 0.5], 0.5, 0.5 - i);
        let [low, high] = [1e-9, 2e-9].map(|i| Uncertainties::of(&[residue(i), residue(i)]));
        close(Detection::new(&low.mutual_information, &high.mutual_information).auroc, 0.5);
    }

    #[test]
    fn nothing_to_detect_is_not_a_number() {
        for detection in [Detection::new(&[], &[1.0]), Detection::new(&[1.0], &[])] {
            assert!(detection.auroc.is_nan() && detection.aupr.is_nan());
            assert!(detection.fpr_at_95_tpr.is_nan());
        }
    }
}
