//! Stops a prediction as soon as it is precise enough.

use crate::head::classes::{ClassUncertainty, by_probability};
use crate::head::labels::LabelUncertainty;
use crate::head::{Head, Output, Uncertainty};
use core::fmt;
use thiserror::Error;

/// The numbers of samples after which a prediction may stop, and the quantiles of Student's distribution with one
/// degree of freedom less, one-sided, for 1 % over all of them.
const LOOKS: [(u32, f64); 6] = [
    (8, 4.355_275_017_523_707),
    (16, 3.483_676_876_389_67),
    (32, 3.180_018_102_032_915_5),
    (64, 3.051_247_739_446_126),
    (128, 2.991_740_321_077_238),
    (256, 2.963_111_513_395_482_6),
];

/// The fewest samples after which standard errors are compared with a target: smaller samples underrate their own.
const FEWEST_FOR_ERRORS: u64 = 32;

/// When a prediction is precise enough to stop.
///
/// Standard errors are compared with the target after 32, 64, 128 and 256 samples. Whether the class is decided is
/// asked after 8 and 16 too. A picture stops by its own sums, so its answer does not depend on the batch.
///
/// The first output of the model decides. A prediction that never becomes precise enough ends with the last of the
/// samples that were asked for.
///
/// # Examples
/// ```
/// use bayes8_core::head::classes::ClassSums;
/// use bayes8_core::head::{Accumulator, Uncertainty};
/// use bayes8_core::session::Until;
///
/// let mut sums = ClassSums::new(2);
/// for sample in 0..8 {
///     assert!(!Until::Decided.is_met(&Uncertainty::Classes(sums.finish())));
///     sums.add(&[3.0 + sample as f32 / 8.0, 0.0]);
/// }
/// assert!(Until::Decided.is_met(&Uncertainty::Classes(sums.finish())));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Until {
    /// The most probable class is ahead of the next by more than chance: `p1 - p2 > t (se1 + se2)`, with t such that
    /// the class of at most 1 % of pictures changes with more samples.
    Decided,
    /// The standard error of each probability is at most this.
    Probability(f64),
    /// That of the predictive entropy, in nats; of labels, of each.
    Entropy(f64),
    /// That of the mutual information, in nats; of labels, of each.
    MutualInformation(f64),
}

/// Why a prediction cannot stop early.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum UntilError {
    /// A target that no standard error reaches, or any.
    #[error(
        "the standard error of the {figure} to stop at must be a finite number above 0, not {target}"
    )]
    Target {
        /// The figure.
        figure: &'static str,
        /// The number.
        target: f64,
    },
    /// Fewer samples than the first look needs.
    #[error("{found} samples are too few to stop early: at least {least} are needed", least = LOOKS[0].0)]
    Samples {
        /// The most samples of the prediction.
        found: usize,
    },
    /// A stream, which ends when its reader has seen enough.
    #[error("a stream of estimates ends when its reader stops; it takes no target")]
    Stream,
    /// An output without such figures.
    #[error(
        "a prediction of {what} cannot stop when {until}: its first output has no such figures"
    )]
    Head {
        /// What the first output is.
        what: &'static str,
        /// When to stop.
        until: Until,
    },
}

/// Says when a prediction stops, as in "it stops when ...".
impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decided => f.write_str("the class is decided"),
            Self::Probability(target) => write!(f, "probabilities have an error of {target}"),
            Self::Entropy(target) => write!(f, "the entropy has an error of {target}"),
            Self::MutualInformation(target) => {
                write!(f, "the mutual information has an error of {target}")
            }
        }
    }
}

impl Until {
    /// Checks that predictions of `output` with at most `samples` samples can stop.
    ///
    /// # Errors
    /// [`UntilError`].
    pub fn check(self, output: &Output, samples: usize) -> Result<(), UntilError> {
        let (figure, target) = match self {
            Self::Decided => ("class", 1.0),
            Self::Probability(target) => ("probabilities", target),
            Self::Entropy(target) => ("entropy", target),
            Self::MutualInformation(target) => ("mutual information", target),
        };
        if !(target.is_finite() && target > 0.0) {
            return Err(UntilError::Target { figure, target });
        }
        let what = match &output.head {
            _ if output.is_map() => "a map",
            Head::Classes(_) => "",
            Head::Labels(_) if self != Self::Decided => "",
            Head::Labels(_) => "labels",
            Head::Gaussian(_) => "targets of a regression",
        };
        if !what.is_empty() {
            return Err(UntilError::Head { what, until: self });
        }
        if samples < LOOKS[0].0 as usize {
            return Err(UntilError::Samples { found: samples });
        }
        Ok(())
    }

    /// Returns the number of samples after which a prediction that has `samples` may stop next, if there is one.
    pub fn next_look(samples: u32) -> Option<u32> {
        LOOKS.iter().map(|&(look, _)| look).find(|&look| look > samples)
    }

    /// Returns whether a prediction with these figures is precise enough. Never, unless the number of its samples is
    /// one after which it may stop.
    pub fn is_met(self, figures: &Uncertainty) -> bool {
        let samples = figures.samples();
        let Some(&(_, t)) = LOOKS.iter().find(|(look, _)| u64::from(*look) == samples) else {
            return false;
        };
        match figures {
            Uncertainty::Classes(classes) if self == Self::Decided => is_decided(classes, t),
            _ if samples < FEWEST_FOR_ERRORS => false,
            Uncertainty::Classes(ClassUncertainty { standard_errors: Some(errors), .. }) => {
                match self {
                    Self::Decided => false,
                    Self::Probability(target) => {
                        errors.probabilities.iter().all(|&se| se <= target)
                    }
                    Self::Entropy(target) => errors.predictive_entropy <= target,
                    Self::MutualInformation(target) => errors.mutual_information <= target,
                }
            }
            Uncertainty::Labels(LabelUncertainty { standard_errors: Some(errors), .. }) => {
                match self {
                    Self::Decided => false,
                    Self::Probability(target) => {
                        errors.probabilities.iter().all(|&se| se <= target)
                    }
                    Self::Entropy(target) => {
                        errors.predictive_entropy.iter().all(|&se| se <= target)
                    }
                    Self::MutualInformation(target) => {
                        errors.mutual_information.iter().all(|&se| se <= target)
                    }
                }
            }
            _ => false,
        }
    }
}

/// Whether the most probable class is ahead by more than `t` errors.
fn is_decided(classes: &ClassUncertainty, t: f64) -> bool {
    let Some(errors) = &classes.standard_errors else { return false };
    match by_probability(&classes.probabilities)[..] {
        [(first, p1), (second, p2), ..] => {
            p1 - p2 > t * (errors.probabilities[first] + errors.probabilities[second])
        }
        // A single class.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Accumulator;
    use crate::head::classes::ClassSums;
    use crate::head::labels::LabelSums;
    use alloc::string::ToString;

    /// Sums of samples whose logits of class 0 alternate around `logit`.
    fn sums(samples: u32, logit: f32, spread: f32) -> ClassSums {
        let mut sums = ClassSums::new(3);
        for sample in 0..samples {
            let noise = if sample % 2 == 0 { spread } else { -spread };
            sums.add(&[logit + noise, 0.0, -1.0]);
        }
        sums
    }

    fn met(until: Until, sums: &ClassSums) -> bool {
        until.is_met(&Uncertainty::Classes(sums.finish()))
    }

    #[test]
    fn predictions_stop_after_powers_of_two_alone() {
        let looks = core::iter::successors(Until::next_look(0), |&look| Until::next_look(look));
        assert!(looks.eq([8, 16, 32, 64, 128, 256]));
        assert_eq!(Until::next_look(100), Some(128));
        for samples in [1, 7, 9, 31, 33, 255, 257, 512] {
            assert!(!met(Until::Decided, &sums(samples, 9.0, 0.0)), "{samples}");
        }
        assert!(met(Until::Decided, &sums(8, 9.0, 0.0)));
    }

    #[test]
    fn a_class_is_decided_once_it_is_ahead_by_more_than_chance() {
        // Equal probabilities, however sure they are.
        assert!(!met(Until::Decided, &sums(256, 0.0, 0.0)));
        let spread = [8, 16, 32, 64, 128, 256].map(|n| met(Until::Decided, &sums(n, 0.5, 1.5)));
        assert!(!spread[0] && spread[5], "{spread:?}");
        assert!(spread.is_sorted(), "{spread:?}");
    }

    #[test]
    fn errors_are_compared_from_32_samples_on() {
        for until in [Until::Probability(0.5), Until::Entropy(5.0), Until::MutualInformation(5.0)] {
            assert!(!met(until, &sums(16, 1.0, 1.0)), "{until}");
            assert!(met(until, &sums(32, 1.0, 1.0)), "{until}");
        }
        let tight = sums(32, 1.0, 1.0).finish().standard_errors.expect("32 samples");
        let (entropy, more) = (tight.predictive_entropy, tight.mutual_information);
        assert!(met(Until::Entropy(entropy), &sums(32, 1.0, 1.0)));
        assert!(!met(Until::Entropy(entropy * 0.999), &sums(32, 1.0, 1.0)));
        assert!(!met(Until::MutualInformation(more * 0.999), &sums(32, 1.0, 1.0)));
        let mut labels = LabelSums::new(2);
        for sample in 0..32 {
            labels.add(&[0.0, sample as f32 - 16.0]);
        }
        let labels = Uncertainty::Labels(labels.finish());
        assert!(!Until::Probability(0.05).is_met(&labels), "the second label");
        assert!(Until::Probability(0.2).is_met(&labels));
        assert!(!Until::Decided.is_met(&labels));
    }

    #[test]
    fn what_can_never_be_met_is_refused() {
        let output = Output::of_classes(0, 3, alloc::vec::Vec::new());
        for target in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            for until in [Until::Probability, Until::Entropy, Until::MutualInformation] {
                let error = until(target).check(&output, 64).expect_err("no such target");
                let is_target = matches!(error, UntilError::Target { .. });
                assert!(is_target, "{target}: {error}");
            }
        }
        let few = UntilError::Samples { found: 7 };
        assert_eq!(Until::Decided.check(&output, 7), Err(few));
        assert_eq!(Until::Decided.check(&output, 8), Ok(()));
        let map = Output { positions: [1, 2, 2], ..output };
        let error = Until::Decided.check(&map, 64).expect_err("a map");
        assert!(error.to_string().contains("a map cannot stop"), "{error}");
    }
}
