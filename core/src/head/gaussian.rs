//! Regression: from the outputs of S Monte-Carlo samples to the mean of each target, and its
//! uncertainty.
//!
//! A sample gives each target a mean m and perhaps a variance v, both in the network's units. The
//! prediction is the mixture of these normal distributions. By the law of total variance, its
//! variance is the mean of v (aleatoric: noise in the data) plus the variance of m (epistemic:
//! doubt about the weights). See Kendall and Gal, "What Uncertainties Do We Need in Bayesian Deep
//! Learning for Computer Vision?" (NeurIPS 2017), and Lakshminarayanan et al., "Simple and Scalable
//! Predictive Uncertainty Estimation using Deep Ensembles" (NeurIPS 2017), section 2.4.
//!
//! m is rounded once to an integer number of steps 2^e, and v to an integer number of 2^2e. Their
//! sums, and the sums of the exact squares of the integers, merge to the same bits in any order.

use super::accumulator::{Accumulator, WordsError, check_range, check_samples, grown, zeros};
use super::errors::{Freedom, TargetErrors};
use super::exponential::{exponential, power_of_two, rounded};
use super::normal;
use super::target_sums::{LOW, TargetSums, add_parts, whole};
use crate::check::{check_count, check_number, check_scale};
use crate::error::ModelError;
use crate::numerics::square_root;
use alloc::collections::TryReserveError;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::{format, vec::Vec};
use serde::{Deserialize, Serialize};

/// Normally distributed targets of a regression.
///
/// The outputs for one sample are the mean of each target, then the variance of each target unless
/// [`Self::variance`] is [`Variance::None`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gaussian {
    /// How the outputs state variances.
    #[serde(default, skip_serializing_if = "is_default")]
    pub variance: Variance,
    /// The targets, at least one.
    pub targets: Vec<Target>,
}

/// How the outputs of a regression state the variance v of a target, in the network's units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variance {
    /// They do not: v = 0.
    #[default]
    None,
    /// By its natural logarithm: v = exp(x).
    Log,
    /// Through softplus: v = ln(1 + exp(x)).
    Softplus,
}

/// A target of a regression, and its units: a number y of the network means `scale * y + offset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// A name; empty if the target has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The unit of measurement, such as `MPa`; empty if it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The standard deviation by which training divided the target; 1 if it did not.
    pub scale: f32,
    /// The mean that training subtracted from the target; 0 if it did not.
    pub offset: f32,
    /// Standard deviation of noise that the outputs do not state, in the unit of the target. It adds
    /// to the aleatoric part.
    #[serde(default, skip_serializing_if = "is_default")]
    pub noise: f32,
    /// Means are rounded to steps of 2^exponent in the network's units; from -100 to 100. Means of
    /// 2^(exponent + 31) and more saturate.
    pub exponent: i8,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The least and the greatest exponent of a target.
const EXPONENTS: core::ops::RangeInclusive<i8> = -100..=100;

/// The largest rounded mean.
const MOST_MEAN: f64 = i32::MAX as f64;

/// The largest rounded variance, 2^62: more than the square of any rounded mean.
const MOST_VARIANCE: f64 = (1u64 << 62) as f64;

impl Gaussian {
    /// Returns the number of f32 outputs for one picture and weight sample.
    pub fn outputs(&self) -> usize {
        self.targets.len() * if self.variance == Variance::None { 1 } else { 2 }
    }

    /// Returns the number of sums of each target: of means, and two each of squares and of variances.
    fn sums(&self) -> usize {
        if self.variance == Variance::None { 3 } else { 5 }
    }

    /// Checks every number.
    pub(crate) fn check(&self, output: &str, outputs: usize) -> Result<(), ModelError> {
        check_count(format!("{output}.targets"), 1, self.targets.len().min(1))?;
        check_count(format!("nodes of output {output}"), self.outputs(), outputs)?;
        for (index, target) in self.targets.iter().enumerate() {
            let named = |field: &str| format!("{output}.targets[{index}].{field}");
            let Target { scale, offset, noise, exponent, .. } = *target;
            check_scale(named("scale"), scale)?;
            check_number(named("offset"), offset, offset.is_finite(), "a finite number")?;
            let fits = noise.is_finite() && noise >= 0.0;
            check_number(named("noise"), noise, fits, "a finite number that is not negative")?;
            let fits = EXPONENTS.contains(&exponent);
            check_number(named("exponent"), exponent.into(), fits, "a number from -100 to 100")?;
        }
        Ok(())
    }
}

impl Variance {
    /// Returns the name in a model file: `none`, `log` or `softplus`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Log => "log",
            Self::Softplus => "softplus",
        }
    }

    /// Returns the variance that output `x` states, in the network's units.
    pub fn of(self, x: f32) -> f64 {
        let x = f64::from(x);
        match self {
            Self::None => 0.0,
            Self::Log => exponential(x),
            // ln(1 + e^x) without overflow.
            Self::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
        }
    }
}

/// Integer sums over the Monte-Carlo samples of one picture with the targets of a regression, or with a
/// map of them: the same targets at each position.
///
/// # Examples
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::gaussian::{Gaussian, GaussianSums, Target, Variance};
///
/// let target = Target {
///     name: "strength".into(),
///     unit: "MPa".into(),
///     scale: 16.0,
///     offset: 35.0,
///     noise: 0.0,
///     exponent: -24,
/// };
/// let head = Gaussian { variance: Variance::Log, targets: vec![target] };
/// let mut sums = GaussianSums::new(&head.into());
/// sums.add(&[0.5, -2.0]); // the mean and the log-variance of sample 0
/// sums.add(&[0.7, -2.0]); // those of sample 1
/// let uncertainty = sums.finish();
/// assert!((uncertainty.mean[0] - (16.0 * 0.6 + 35.0)).abs() < 1e-5);
/// assert!((uncertainty.epistemic_std[0] - 16.0 * 0.1).abs() < 1e-5);
/// assert!((uncertainty.aleatoric_std[0] - 16.0 * f64::exp(-1.0)).abs() < 1e-5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianSums {
    head: Arc<Gaussian>,
    samples: u64,
    /// Of each target, position by position.
    sums: Vec<TargetSums>,
}

/// The mean of each target of one picture and its uncertainty, in the unit of the target. Of a map,
/// each list is `[positions, targets]`, with the positions in the order `[D][H][W]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetUncertainty {
    /// Number of Monte-Carlo samples.
    pub samples: u64,
    /// Mean of each target.
    pub mean: Vec<f64>,
    /// Total standard deviation of each target.
    pub std: Vec<f64>,
    /// The aleatoric part of each standard deviation, from noise in the data. The squares of the
    /// two parts sum to the square of the total.
    pub aleatoric_std: Vec<f64>,
    /// The epistemic part of each standard deviation, from doubt about the weights.
    pub epistemic_std: Vec<f64>,
    /// How far the means are from those of infinitely many samples; `None` for fewer than two samples, and for maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<TargetErrors>,
}

impl TargetUncertainty {
    /// Returns the quantile of target `target` for `probability`, in 0..=1, of the normal
    /// distribution that has the prediction's mean and total standard deviation.
    ///
    /// # Panics
    /// When the target does not exist.
    pub fn quantile(&self, target: usize, probability: f64) -> f64 {
        self.mean[target] + self.std[target] * normal::quantile(probability)
    }

    /// Returns the central interval that holds target `target` with probability `level`, such as
    /// 0.95, of the normal distribution that has the prediction's mean and total standard deviation.
    ///
    /// # Panics
    /// When the target does not exist.
    ///
    /// # Examples
    /// ```
    /// use bayes8_core::head::gaussian::TargetUncertainty;
    ///
    /// let (mean, std) = (vec![31.0], vec![2.0]);
    /// let prediction = TargetUncertainty { mean, std, ..TargetUncertainty::default() };
    /// let [low, high] = prediction.interval(0, 0.95);
    /// assert_eq!(format!("{low:.2} to {high:.2}"), "27.08 to 34.92");
    /// ```
    pub fn interval(&self, target: usize, level: f64) -> [f64; 2] {
        let half = self.std[target] * normal::quantile(0.5 + level / 2.0);
        [self.mean[target] - half, self.mean[target] + half]
    }
}

impl GaussianSums {
    /// Creates sums for one position, without samples.
    pub fn new(head: &Arc<Gaussian>) -> Self {
        let sums = alloc::vec![TargetSums::default(); head.targets.len()];
        Self { head: Arc::clone(head), samples: 0, sums }
    }

    /// Returns the number of positions: 1, or those of a map. Only sums with the same number merge.
    pub fn positions(&self) -> usize {
        self.sums.len() / self.head.targets.len().max(1)
    }

    /// Returns the targets. Only sums with the same targets merge.
    pub fn head(&self) -> &Gaussian {
        &self.head
    }

    /// Restores sums from the words of [`Accumulator::to_words`].
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    pub fn from_words(head: &Arc<Gaussian>, words: &[i64]) -> Result<Self, WordsError> {
        let (found, expected) = (words.len(), Self::words(head, 1));
        if found < expected || !(found - 1).is_multiple_of(expected - 1) {
            return Err(WordsError::Length { found, expected });
        }
        let samples = check_samples(words[0])?;
        // At all positions.
        let targets = (found - 1) / head.sums();
        for kind in 0..head.sums() {
            let one = match kind {
                0 => -i64::from(i32::MAX)..=i64::from(i32::MAX),
                1 | 3 => 0..=1 << (62 - LOW),
                _ => 0..=(1 << LOW) - 1,
            };
            check_range(words, 1 + kind * targets..1 + (kind + 1) * targets, one)?;
        }
        let sums = (0..targets).map(|target| {
            // Absent variances are zero.
            let word = |kind: usize| words.get(1 + kind * targets + target).copied().unwrap_or(0);
            let (square, variance) = ([word(1), word(2)], [word(3), word(4)]);
            let sums = TargetSums { mean: word(0), square, variance };
            let possible = sums.spread(samples).map(|_| sums);
            possible.ok_or(WordsError::Range { index: 1 + target, word: sums.mean, samples })
        });
        Ok(Self { head: Arc::clone(head), samples, sums: sums.collect::<Result<_, _>>()? })
    }

    /// Makes room for `samples` more samples, which [`Self::add_position`] adds to each position.
    pub(super) fn grow(&mut self, samples: u32) {
        self.samples = grown(self.samples, samples.into());
    }

    /// Adds the sums at position `from` of `other` to those at position `to`.
    pub(super) fn add_position(&mut self, to: usize, other: &Self, from: usize) {
        let targets = self.head.targets.len();
        let (to, from) = (&mut self.sums[to * targets..], &other.sums[from * targets..]);
        to.iter_mut().zip(from).take(targets).for_each(|(sums, other)| sums.add(other));
    }

    /// Creates sums without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub(super) fn try_new(head: &Arc<Gaussian>, positions: usize) -> Result<Self, TryReserveError> {
        let sums = zeros(positions * head.targets.len())?;
        Ok(Self { head: Arc::clone(head), samples: 0, sums })
    }

    /// Returns the bytes of the sums at `positions` positions.
    pub(super) fn bytes(head: &Gaussian, positions: usize) -> usize {
        size_of::<TargetSums>() * positions * head.targets.len()
    }

    /// Returns the number of words of the sums at `positions` positions.
    pub(super) fn words(head: &Gaussian, positions: usize) -> usize {
        1 + positions * head.targets.len() * head.sums()
    }
}

impl Accumulator for GaussianSums {
    type Summary = TargetUncertainty;

    fn samples(&self) -> u64 {
        self.samples
    }

    fn clear(&mut self) {
        self.samples = 0;
        self.sums.fill(TargetSums::default());
    }

    fn add(&mut self, outputs: &[f32]) {
        let expected = self.positions() * self.head.outputs();
        assert_eq!(outputs.len(), expected, "the outputs of every target");
        self.samples = grown(self.samples, 1);
        let Gaussian { variance, targets } = &*self.head;
        let sums = self.sums.chunks_exact_mut(targets.len());
        for (outputs, sums) in outputs.chunks_exact(self.head.outputs()).zip(sums) {
            let (means, stated) = outputs.split_at(targets.len());
            // Without variances `stated` is empty.
            let mut stated = stated.iter();
            for ((target, sums), &mean) in targets.iter().zip(sums).zip(means) {
                let steps = power_of_two(-i32::from(target.exponent));
                let mean = rounded((f64::from(mean) * steps).clamp(-MOST_MEAN, MOST_MEAN));
                sums.mean += mean;
                add_parts(&mut sums.square, mean.unsigned_abs().pow(2));
                let Some(&x) = stated.next() else { continue };
                let variance = (variance.of(x) * (steps * steps)).min(MOST_VARIANCE);
                // Not negative.
                add_parts(&mut sums.variance, rounded(variance).unsigned_abs());
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        assert_eq!(other.head, self.head, "the same targets");
        assert_eq!(other.sums.len(), self.sums.len(), "maps of the same size");
        self.samples = grown(self.samples, other.samples);
        self.sums.iter_mut().zip(&other.sums).for_each(|(sums, other)| sums.add(other));
    }

    /// Returns the number of samples and, for all targets each, the sums of means, of the high and
    /// of the low parts of squares, and of the high and of the low parts of variances.
    fn to_words(&self) -> Vec<i64> {
        let mut words = Vec::with_capacity(Self::words(&self.head, self.positions()));
        // At most MAX_SAMPLES.
        words.push(self.samples as i64);
        words.extend(self.sums.iter().map(|sums| sums.mean));
        (0..2).for_each(|part| words.extend(self.sums.iter().map(|sums| sums.square[part])));
        if self.head.variance != Variance::None {
            (0..2).for_each(|part| words.extend(self.sums.iter().map(|sums| sums.variance[part])));
        }
        words
    }

    fn finish_into(&self, uncertainty: &mut TargetUncertainty) {
        let TargetUncertainty { mean, std, aleatoric_std, epistemic_std, .. } = uncertainty;
        let mut lists = [mean, std, aleatoric_std, epistemic_std];
        lists.iter_mut().for_each(|list| list.clear());
        let count = self.samples.max(1) as f64;
        for (target, sums) in self.head.targets.iter().cycle().zip(&self.sums) {
            if self.samples == 0 {
                lists.iter_mut().for_each(|list| list.push(0.0));
                continue;
            }
            let step = f64::from(target.scale) * power_of_two(target.exponent.into());
            // The squares of real numbers have a sum that is large enough.
            let spread = sums.spread(self.samples).unwrap_or(0);
            let epistemic = step * (square_root(spread as f64) / count);
            let stated = match self.head.variance {
                Variance::None => 0.0,
                Variance::Log | Variance::Softplus => whole(sums.variance) as f64 / count,
            };
            let noise = f64::from(target.noise);
            let aleatoric = step * step * stated + noise * noise;
            let mean = step * (sums.mean as f64 / count) + f64::from(target.offset);
            let std = square_root(aleatoric + epistemic * epistemic);
            let figures = [mean, std, square_root(aleatoric), epistemic];
            lists.iter_mut().zip(figures).for_each(|(list, figure)| list.push(figure));
        }
        uncertainty.samples = self.samples;
        match Freedom::of(self.samples).filter(|_| self.positions() == 1) {
            Some(freedom) => {
                let TargetErrors { mean } = uncertainty.standard_errors.get_or_insert_default();
                mean.clear();
                mean.extend(uncertainty.epistemic_std.iter().map(|&std| freedom.of_std(std)));
            }
            None => uncertainty.standard_errors = None,
        }
    }
}
