//! Labels: from the logits of S Monte-Carlo samples to the mean probability of each label, and its
//! uncertainty.
//!
//! Labels are independent: a picture may have any of them, several or none. The logistic function
//! turns the logit of each into its probability. A network with a single logit is the binary case.
//! Entropies are those of a label's two outcomes, in nats. Rounding, merging and the decomposition
//! are those of [classes](super::classes).

use super::accumulator::{
    Accumulator, WordsError, add_all, check_range, check_samples, grown, zeros,
};
use super::errors::{Freedom, LabelErrors, of_binary_entropy};
use super::fixed::{self, FRACTION_BITS, ONE, fixed};
use alloc::collections::TryReserveError;
use alloc::string::String;
use alloc::{vec, vec::Vec};
use serde::{Deserialize, Serialize};

/// Independent labels, each of which a picture has or does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Number of labels, at least 1.
    pub count: usize,
    /// The name of each label; empty if the labels have no names. A single label may have two names
    /// instead: of the case without it, then of the case with it, such as `benign`, `malignant`.
    pub names: Vec<String>,
}

impl Labels {
    /// Returns the names of the two outcomes of label `label`: without it, then with it. They are
    /// `no` and `yes` unless a single label has two names.
    ///
    /// # Examples
    /// ```
    /// use bayes8_core::head::labels::Labels;
    ///
    /// let names = vec!["benign".to_string(), "malignant".to_string()];
    /// assert_eq!(Labels { count: 1, names }.outcomes(), ["benign", "malignant"]);
    /// assert_eq!(Labels { count: 3, names: Vec::new() }.outcomes(), ["no", "yes"]);
    /// ```
    pub fn outcomes(&self) -> [&str; 2] {
        match &self.names[..] {
            [no, yes] if self.count == 1 => [no, yes],
            _ => ["no", "yes"],
        }
    }

    /// Returns the name of label `label`, if it has one.
    pub fn name(&self, label: usize) -> Option<&str> {
        match &self.names[..] {
            [_, yes] if self.count == 1 => Some(yes),
            names => names.get(label).map(String::as_str),
        }
    }
}

/// Integer sums over the Monte-Carlo samples of one picture with labels.
///
/// # Examples
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::labels::LabelSums;
///
/// let mut sums = LabelSums::new(2);
/// sums.add(&[2.0, -4.0]); // the logits of sample 0
/// sums.add(&[1.5, -3.0]); // the logits of sample 1
/// let uncertainty = sums.finish();
/// assert_eq!(uncertainty.samples, 2);
/// assert!(uncertainty.probabilities[0] > 0.8 && uncertainty.probabilities[1] < 0.1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSums {
    samples: u64,
    entropies: Vec<i64>,
    entropy_squares: Vec<i64>,
    probabilities: Vec<i64>,
    squares: Vec<i64>,
}

/// The mean probability of each label of one picture, and its uncertainty. Entropies and mutual
/// information are in nats, at most ln 2.
///
/// # Examples
/// Two samples that are certain but contradict each other: all uncertainty is epistemic.
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::labels::LabelSums;
///
/// let mut sums = LabelSums::new(1);
/// sums.add(&[50.0]);
/// sums.add(&[-50.0]);
/// let uncertainty = sums.finish();
/// assert_eq!(uncertainty.probabilities, [0.5]);
/// assert_eq!(uncertainty.std, [0.5]);
/// assert!((uncertainty.mutual_information[0] - 2f64.ln()).abs() < 1e-9);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelUncertainty {
    /// Number of Monte-Carlo samples.
    pub samples: u64,
    /// Mean probability of each label.
    pub probabilities: Vec<f64>,
    /// Standard deviation of each label's probability over the samples.
    pub std: Vec<f64>,
    /// Total uncertainty of each label: the entropy of its mean probability.
    pub predictive_entropy: Vec<f64>,
    /// Aleatoric uncertainty of each label: the mean of the samples' entropies.
    pub expected_entropy: Vec<f64>,
    /// Epistemic uncertainty of each label: `predictive_entropy - expected_entropy`, at least zero.
    /// It is the mutual information between the label and the weights.
    pub mutual_information: Vec<f64>,
    /// How far the figures are from those of infinitely many samples; `None` for fewer than two samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<LabelErrors>,
}

impl LabelSums {
    /// Creates sums over `labels` labels, without samples.
    pub fn new(labels: usize) -> Self {
        let [entropies, entropy_squares, probabilities, squares] =
            [(); 4].map(|()| vec![0; labels]);
        Self { samples: 0, entropies, entropy_squares, probabilities, squares }
    }

    /// Returns the number of labels. Only sums with the same number of labels merge.
    pub fn labels(&self) -> usize {
        self.probabilities.len()
    }

    /// Restores sums from the words of [`Accumulator::to_words`].
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    pub fn from_words(words: &[i64]) -> Result<Self, WordsError> {
        if words.len() < 5 || !(words.len() - 1).is_multiple_of(4) {
            return Err(WordsError::Labels(words.len()));
        }
        let samples = check_samples(words[0])?;
        check_range(words, 1..words.len(), 0..=1 << FRACTION_BITS)?;
        let labels = (words.len() - 1) / 4;
        let kind = |kind: usize| words[1 + kind * labels..][..labels].into();
        let (entropies, entropy_squares) = (kind(0), kind(1));
        Ok(Self { samples, entropies, entropy_squares, probabilities: kind(2), squares: kind(3) })
    }

    /// Creates sums over `labels` labels, without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub(super) fn try_new(labels: usize) -> Result<Self, TryReserveError> {
        let (entropies, entropy_squares) = (zeros(labels)?, zeros(labels)?);
        let (probabilities, squares) = (zeros(labels)?, zeros(labels)?);
        Ok(Self { samples: 0, entropies, entropy_squares, probabilities, squares })
    }

    /// Computes the errors of these figures.
    fn errors_into(
        &self,
        errors: &mut LabelErrors,
        freedom: Freedom,
        probabilities: &[f64],
        expected_entropies: &[f64],
    ) {
        let total = self.samples as f64 * ONE;
        let LabelErrors { probabilities: means, predictive_entropy, .. } = &mut *errors;
        means.clear();
        predictive_entropy.clear();
        for (&squares, &p) in self.squares.iter().zip(probabilities) {
            let error = freedom.of_mean(p, squares as f64 / total);
            means.push(error);
            predictive_entropy.push(of_binary_entropy(p, error));
        }
        let LabelErrors { expected_entropy, mutual_information, .. } = errors;
        expected_entropy.clear();
        let pairs = self.entropy_squares.iter().zip(expected_entropies);
        let of_labels =
            pairs.map(|(&squares, &mean)| freedom.of_mean(mean, squares as f64 / total));
        expected_entropy.extend(of_labels);
        mutual_information.clear();
        let pairs = errors.predictive_entropy.iter().zip(&errors.expected_entropy);
        errors.mutual_information.extend(pairs.map(|(a, b)| a + b));
    }

    /// Returns the bytes of the sums over `labels` labels.
    pub(super) const fn bytes(labels: usize) -> usize {
        4 * size_of::<i64>() * labels
    }

    /// Returns the number of words of the sums over `labels` labels.
    pub(super) const fn words(labels: usize) -> usize {
        1 + 4 * labels
    }
}

impl Accumulator for LabelSums {
    type Summary = LabelUncertainty;

    fn samples(&self) -> u64 {
        self.samples
    }

    fn clear(&mut self) {
        self.samples = 0;
        self.entropies.fill(0);
        self.entropy_squares.fill(0);
        self.probabilities.fill(0);
        self.squares.fill(0);
    }

    fn add(&mut self, logits: &[f32]) {
        assert_eq!(logits.len(), self.probabilities.len(), "one logit for every label");
        self.samples = grown(self.samples, 1);
        for (label, &logit) in logits.iter().enumerate() {
            let distance = f64::from(logit.abs());
            let e = libm::exp(-distance);
            // The probability of the less likely outcome.
            let lesser = e / (1.0 + e);
            let p = if logit < 0.0 { lesser } else { 1.0 / (1.0 + e) };
            self.probabilities[label] += fixed(p);
            self.squares[label] += fixed(p * p);
            // H = -sum p ln p, with ln p = -ln(1 + e) and -ln(1 + e) - distance.
            let entropy = libm::log(1.0 + e) + lesser * distance;
            self.entropies[label] += fixed(entropy);
            self.entropy_squares[label] += fixed(entropy * entropy);
        }
    }

    fn merge(&mut self, other: &Self) {
        assert_eq!(other.labels(), self.labels(), "the same labels");
        self.samples = grown(self.samples, other.samples);
        add_all(&mut self.entropies, &other.entropies);
        add_all(&mut self.entropy_squares, &other.entropy_squares);
        add_all(&mut self.probabilities, &other.probabilities);
        add_all(&mut self.squares, &other.squares);
    }

    /// Returns `[samples, entropies..., entropy_squares..., probabilities..., squares...]`.
    fn to_words(&self) -> Vec<i64> {
        let mut words = Vec::with_capacity(Self::words(self.labels()));
        // At most MAX_SAMPLES.
        words.push(self.samples as i64);
        words.extend(&self.entropies);
        words.extend(&self.entropy_squares);
        words.extend(&self.probabilities);
        words.extend(&self.squares);
        words
    }

    fn finish_into(&self, uncertainty: &mut LabelUncertainty) {
        let total = self.samples.max(1) as f64 * ONE;
        let LabelUncertainty {
            samples,
            probabilities,
            std,
            predictive_entropy,
            expected_entropy,
            mutual_information,
            standard_errors,
        } = uncertainty;
        *samples = self.samples;
        for figures in [
            &mut *probabilities,
            &mut *std,
            &mut *predictive_entropy,
            &mut *expected_entropy,
            &mut *mutual_information,
        ] {
            figures.clear();
        }
        for label in 0..self.labels() {
            let p = self.probabilities[label] as f64 / total;
            let predictive = if self.samples == 0 { 0.0 } else { entropy(p) + entropy(1.0 - p) };
            let expected = self.entropies[label] as f64 / total;
            probabilities.push(p);
            std.push(fixed::std(self.squares[label], p, total));
            predictive_entropy.push(predictive);
            expected_entropy.push(expected);
            mutual_information.push((predictive - expected).max(0.0));
        }
        match Freedom::of(self.samples) {
            Some(freedom) => {
                let errors = standard_errors.get_or_insert_default();
                self.errors_into(errors, freedom, probabilities, expected_entropy);
            }
            None => *standard_errors = None,
        }
    }
}

/// Returns `-p ln p`.
fn entropy(p: f64) -> f64 {
    if p > 0.0 { -(p * libm::log(p)) } else { 0.0 }
}
