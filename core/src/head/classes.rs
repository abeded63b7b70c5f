//! Classes: from the logits of S Monte-Carlo samples to mean probabilities and their uncertainty.
//!
//! Each sample's softmax and entropy are rounded once to fixed-point integers (scaled by 2^30);
//! the samples are then summed as integers. Partial sums of different threads, workers or
//! machines therefore merge to exactly the same bits, in any order and any split.
//!
//! Entropies are in nats. Decomposition: Depeweg et al., "Decomposition of Uncertainty in Bayesian
//! Deep Learning" (ICML 2018): H(mean p) = aleatoric (mean of H(p_s)) + epistemic (the mutual
//! information between the prediction and the weights).

use super::accumulator::{
    Accumulator, WordsError, add_all, check_range, check_samples, grown, zeros,
};
use super::errors::{ClassErrors, Freedom, of_entropy};
use super::fixed::{self, FRACTION_BITS, ONE, SQUARES_ONE, fixed};
use alloc::collections::TryReserveError;
use alloc::string::String;
use alloc::{vec, vec::Vec};
use serde::{Deserialize, Serialize};

/// More than the entropy of a sample can be: 31 nats are e^31 classes. The sum over [`MAX_SAMPLES`]
/// samples still fits i64.
pub(super) const MOST_ENTROPY: i64 = 31 << FRACTION_BITS;

/// The square of that, in units of 2^-25.
const MOST_ENTROPY_SQUARE: i64 = 31 * 31 * SQUARES_ONE as i64;

/// Mutually exclusive classes, of which a picture has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    /// Number of classes, at least 1.
    pub count: usize,
    /// The name of each class; empty if the classes have no names.
    pub names: Vec<String>,
}

/// Integer sums over the Monte-Carlo samples of one picture with classes.
///
/// # Examples
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::classes::ClassSums;
///
/// let mut sums = ClassSums::new(3);
/// sums.add(&[2.0, 0.0, -1.0]); // the logits of sample 0
/// sums.add(&[1.5, 0.5, -2.0]); // the logits of sample 1
/// let uncertainty = sums.finish();
/// assert_eq!(uncertainty.samples, 2);
/// assert!(uncertainty.probabilities[0] > 0.7);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassSums {
    samples: u64,
    probabilities: Vec<i64>,
    squares: Vec<i64>,
    entropy: i64,
    entropy_squares: i64,
}

/// The mean probabilities of one picture's classes and their uncertainty. Entropies and mutual
/// information are in nats.
///
/// # Examples
/// Two samples that are certain but contradict each other: all uncertainty is epistemic.
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::classes::ClassSums;
///
/// let mut sums = ClassSums::new(2);
/// sums.add(&[50.0, 0.0]);
/// sums.add(&[0.0, 50.0]);
/// let uncertainty = sums.finish();
/// assert_eq!(uncertainty.probabilities, [0.5, 0.5]);
/// assert_eq!(uncertainty.std, [0.5, 0.5]);
/// assert!((uncertainty.predictive_entropy - 2f64.ln()).abs() < 1e-9);
/// assert!(uncertainty.expected_entropy < 1e-9);
/// assert!((uncertainty.mutual_information - 2f64.ln()).abs() < 1e-9);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassUncertainty {
    /// Number of Monte-Carlo samples.
    pub samples: u64,
    /// Mean probability of each class.
    pub probabilities: Vec<f64>,
    /// Standard deviation of each class's probability over the samples.
    pub std: Vec<f64>,
    /// Total uncertainty: entropy of the mean probabilities, H(mean p).
    pub predictive_entropy: f64,
    /// Aleatoric uncertainty: mean of the samples' entropies.
    pub expected_entropy: f64,
    /// Epistemic uncertainty: `predictive_entropy - expected_entropy`, at least zero. It is the
    /// mutual information between the class and the weights.
    pub mutual_information: f64,
    /// How far the figures are from those of infinitely many samples; `None` for fewer than two samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<ClassErrors>,
}

impl ClassSums {
    /// Creates sums over `classes` classes, without samples.
    pub fn new(classes: usize) -> Self {
        let (probabilities, squares) = (vec![0; classes], vec![0; classes]);
        Self { samples: 0, probabilities, squares, entropy: 0, entropy_squares: 0 }
    }

    /// Returns the number of classes. Only sums with the same number of classes merge.
    pub fn classes(&self) -> usize {
        self.probabilities.len()
    }

    /// Restores sums from the words of [`Accumulator::to_words`].
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    pub fn from_words(words: &[i64]) -> Result<Self, WordsError> {
        if words.len() < 5 || words.len().is_multiple_of(2) {
            return Err(WordsError::Classes(words.len()));
        }
        let samples = check_samples(words[0])?;
        check_range(words, 1..2, 0..=MOST_ENTROPY)?;
        check_range(words, 2..3, 0..=MOST_ENTROPY_SQUARE)?;
        check_range(words, 3..words.len(), 0..=1 << FRACTION_BITS)?;
        let (probabilities, squares) = words[3..].split_at((words.len() - 3) / 2);
        Ok(Self {
            samples,
            probabilities: probabilities.into(),
            squares: squares.into(),
            entropy: words[1],
            entropy_squares: words[2],
        })
    }

    /// Creates sums over `classes` classes, without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub(super) fn try_new(classes: usize) -> Result<Self, TryReserveError> {
        let (probabilities, squares) = (zeros(classes)?, zeros(classes)?);
        Ok(Self { samples: 0, probabilities, squares, entropy: 0, entropy_squares: 0 })
    }

    /// Computes the errors of these figures.
    fn errors_into(
        &self,
        errors: &mut ClassErrors,
        freedom: Freedom,
        probabilities: &[f64],
        expected_entropy: f64,
    ) {
        let total = self.samples as f64 * ONE;
        let pairs = self.squares.iter().zip(probabilities);
        errors.probabilities.clear();
        let of_classes = pairs.map(|(&squares, &p)| freedom.of_mean(p, squares as f64 / total));
        errors.probabilities.extend(of_classes);
        errors.predictive_entropy = of_entropy(probabilities, &errors.probabilities);
        let squares = self.entropy_squares as f64 / (self.samples as f64 * SQUARES_ONE);
        errors.expected_entropy = freedom.of_entropies(expected_entropy, squares);
        errors.mutual_information = errors.predictive_entropy + errors.expected_entropy;
    }

    /// Returns the bytes of the sums over `classes` classes.
    pub(super) const fn bytes(classes: usize) -> usize {
        2 * size_of::<i64>() * classes
    }

    /// Returns the number of words of the sums over `classes` classes.
    pub(super) const fn words(classes: usize) -> usize {
        3 + 2 * classes
    }
}

impl Accumulator for ClassSums {
    type Summary = ClassUncertainty;

    fn samples(&self) -> u64 {
        self.samples
    }

    fn clear(&mut self) {
        self.samples = 0;
        self.entropy = 0;
        self.entropy_squares = 0;
        self.probabilities.fill(0);
        self.squares.fill(0);
    }

    fn add(&mut self, logits: &[f32]) {
        assert_eq!(logits.len(), self.probabilities.len(), "one logit for every class");
        self.samples = grown(self.samples, 1);
        let largest = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let shifted = |logit: f32| f64::from(logit) - f64::from(largest);
        let (mut sum, mut weighted) = (0.0, 0.0);
        for &logit in logits {
            let e = libm::exp(shifted(logit));
            sum += e;
            weighted += e * shifted(logit);
        }
        for (class, &logit) in logits.iter().enumerate() {
            let p = libm::exp(shifted(logit)) / sum;
            self.probabilities[class] += fixed(p);
            self.squares[class] += fixed(p * p);
        }
        // H = -sum p ln p with ln p = (x - max) - ln sum.
        let entropy = libm::log(sum) - weighted / sum;
        self.entropy += fixed(entropy);
        self.entropy_squares += libm::rint(entropy * entropy * SQUARES_ONE) as i64;
    }

    fn merge(&mut self, other: &Self) {
        assert_eq!(other.probabilities.len(), self.probabilities.len(), "the same classes");
        self.samples = grown(self.samples, other.samples);
        self.entropy += other.entropy;
        self.entropy_squares += other.entropy_squares;
        add_all(&mut self.probabilities, &other.probabilities);
        add_all(&mut self.squares, &other.squares);
    }

    /// Returns `[samples, entropy, entropy_squares, probabilities..., squares...]`.
    fn to_words(&self) -> Vec<i64> {
        let mut words = Vec::with_capacity(Self::words(self.classes()));
        // At most MAX_SAMPLES.
        words.extend([self.samples as i64, self.entropy, self.entropy_squares]);
        words.extend(&self.probabilities);
        words.extend(&self.squares);
        words
    }

    fn finish_into(&self, uncertainty: &mut ClassUncertainty) {
        // A single division by this rounds only once.
        let total = self.samples.max(1) as f64 * ONE;
        let ClassUncertainty { probabilities, std, standard_errors, .. } = uncertainty;
        probabilities.clear();
        probabilities.extend(self.probabilities.iter().map(|&p| p as f64 / total));
        let pairs = self.squares.iter().zip(&*probabilities);
        std.clear();
        std.extend(pairs.map(|(&squares, &p)| fixed::std(squares, p, total)));
        let entropy_term = |&p: &f64| if p > 0.0 { p * libm::log(p) } else { 0.0 };
        let predictive_entropy =
            probabilities.iter().map(entropy_term).fold(0.0, |sum, term| sum - term);
        let expected_entropy = self.entropy as f64 / total;
        match Freedom::of(self.samples) {
            Some(freedom) => {
                let errors = standard_errors.get_or_insert_default();
                self.errors_into(errors, freedom, probabilities, expected_entropy);
            }
            None => *standard_errors = None,
        }
        uncertainty.samples = self.samples;
        uncertainty.predictive_entropy = predictive_entropy;
        uncertainty.expected_entropy = expected_entropy;
        uncertainty.mutual_information = (predictive_entropy - expected_entropy).max(0.0);
    }
}

impl ClassUncertainty {
    /// Returns the `count` most probable classes with their mean probabilities, the most probable
    /// first. Equally probable classes come in the order of their indices.
    ///
    /// # Examples
    /// ```
    /// use bayes8_core::head::classes::ClassUncertainty;
    ///
    /// let probabilities = vec![0.2, 0.5, 0.3];
    /// let uncertainty = ClassUncertainty { probabilities, ..ClassUncertainty::default() };
    /// assert_eq!(uncertainty.top(2), [(1, 0.5), (2, 0.3)]);
    /// ```
    pub fn top(&self, count: usize) -> Vec<(usize, f64)> {
        let mut classes = by_probability(&self.probabilities);
        classes.truncate(count);
        classes
    }
}

/// Returns the classes with their probabilities, the most probable first, equal ones in the order of their
/// indices.
pub(crate) fn by_probability(probabilities: &[f64]) -> Vec<(usize, f64)> {
    let mut classes: Vec<(usize, f64)> = probabilities.iter().copied().enumerate().collect();
    // No two are equal.
    classes.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    classes
}
