//! Activation ranges: what every value of the network reaches on real pictures under several
//! draws of the weights.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use bayes8_core::graph::Value;
use bayes8_core::model::Calibration;
use ndarray::{ArrayView, Axis, Dimension};

use crate::network::Network;
use crate::reference::{RunError, draw, run};

/// How a range follows from what was observed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RangeMethod {
    /// From the smallest to the largest number.
    MinMax,
    /// Without the rarest numbers: this percentage lies below the upper and above the lower end.
    Percentile(f64),
}

impl fmt::Display for RangeMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MinMax => f.write_str("min-max"),
            Self::Percentile(p) => write!(f, "percentile {p}"),
        }
    }
}

/// What to observe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationOptions {
    /// How ranges follow from the observations.
    pub method: RangeMethod,
    /// Draws of the weights, each over all pictures.
    pub weight_samples: u32,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for CalibrationOptions {
    fn default() -> Self {
        Self { method: RangeMethod::Percentile(99.99), weight_samples: 8, seed: 0 }
    }
}

/// Observes the ranges of all values of `network` over `pictures`, as [`run`] takes them.
/// Calls `progress` after each draw of the weights.
///
/// # Errors
/// [`RunError`] when the pictures do not fit the network.
pub fn calibrate<D: Dimension>(
    network: &Network,
    pictures: ArrayView<'_, f32, D>,
    options: &CalibrationOptions,
    mut progress: impl FnMut(),
) -> Result<Calibration, RunError> {
    let nodes = network.graph.nodes().len();
    let histograms: Vec<Mutex<Histogram>> = (0..=nodes).map(|_| Mutex::default()).collect();
    let observe = |value: Value, _: usize, numbers: &[f32]| {
        let index = match value {
            Value::Input => 0,
            Value::Node(n) => n + 1,
        };
        // A histogram is whole between any two numbers.
        let mut histogram = histograms[index].lock().unwrap_or_else(PoisonError::into_inner);
        numbers.iter().for_each(|&x| histogram.add(x));
    };
    for sample in 0..options.weight_samples {
        run(network, &draw(network, options.seed, sample), pictures.view(), observe)?;
        progress();
    }
    let range = |histogram: Mutex<Histogram>| {
        let histogram = histogram.into_inner().unwrap_or_else(PoisonError::into_inner);
        histogram.range(options.method)
    };
    Ok(Calibration {
        method: options.method.to_string(),
        pictures: pictures.len_of(Axis(0)) as u32,
        weight_samples: options.weight_samples,
        ranges: histograms.into_iter().map(range).collect(),
    })
}

/// Half of the bins of a histogram.
const HALF: usize = 4096;

/// Counts of numbers in equal bins over `-reach..reach`. The reach doubles, merging bins in pairs,
/// when a number lies beyond it; so one pass is enough. It is a power of two, so that the bins of
/// any two reaches nest exactly and the result does not depend on the order of the numbers.
struct Histogram {
    /// `None` until the first number that is not zero.
    reach: Option<f64>,
    counts: Vec<u64>,
    smallest: f32,
    largest: f32,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            reach: None,
            counts: vec![0; 2 * HALF],
            smallest: f32::INFINITY,
            largest: f32::NEG_INFINITY,
            total: 0,
        }
    }
}

impl Histogram {
    fn add(&mut self, x: f32) {
        self.smallest = self.smallest.min(x);
        self.largest = self.largest.max(x);
        self.total += 1;
        let x = f64::from(x);
        let mut reach = match self.reach {
            Some(reach) => reach,
            None if x == 0.0 => 1.0,
            None => *self.reach.insert(x.abs().log2().floor().exp2()),
        };
        while x.abs() >= reach && reach.is_finite() {
            reach *= 2.0;
            self.reach = Some(reach);
            self.widen();
        }
        self.counts[bin(x, reach)] += 1;
    }

    /// Merges the bins in pairs towards the centre.
    fn widen(&mut self) {
        let pair = |counts: &[u64], i: usize| counts[i] + counts[i + 1];
        let mut wider = vec![0; 2 * HALF];
        for i in 0..HALF {
            wider[HALF / 2 + i] = pair(&self.counts, 2 * i);
        }
        self.counts = wider;
    }

    fn range(&self, method: RangeMethod) -> [f32; 2] {
        if self.total == 0 {
            return [0.0, 0.0];
        }
        let ends = [self.smallest, self.largest];
        let (RangeMethod::Percentile(percentile), Some(reach)) = (method, self.reach) else {
            return ends;
        };
        let outside = (self.total as f64 * (1.0 - percentile / 100.0)) as u64;
        let edge = |bin: usize| ((bin as f64 / HALF as f64 - 1.0) * reach) as f32;
        let below = skip(self.counts.iter(), outside);
        let above = skip(self.counts.iter().rev(), outside);
        [edge(below).max(ends[0]), edge(2 * HALF - above).min(ends[1])]
    }
}

/// Number of the bin of `x`. Scaling by powers of two is exact, so only the floor rounds.
fn bin(x: f64, reach: f64) -> usize {
    let from_centre = (x / reach * HALF as f64).floor();
    ((from_centre + HALF as f64) as usize).min(2 * HALF - 1)
}

/// Number of leading bins that together hold at most `outside` numbers.
fn skip<'a>(counts: impl Iterator<Item = &'a u64>, outside: u64) -> usize {
    let mut sum = 0;
    counts
        .take_while(|&&count| {
            sum += count;
            sum <= outside
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(numbers: impl Iterator<Item = f32>) -> Histogram {
        let mut histogram = Histogram::default();
        numbers.for_each(|x| histogram.add(x));
        histogram
    }

    #[test]
    fn percentile_leaves_out_the_rarest_numbers_on_both_sides() {
        let numbers = (0..100_000).map(|i| i as f32 / 1000.0 - 30.0).chain([-500.0, 900.0]);
        let histogram = histogram(numbers);
        assert_eq!(histogram.range(RangeMethod::MinMax), [-500.0, 900.0]);
        let [low, high] = histogram.range(RangeMethod::Percentile(99.0));
        let bin = 1024.0 / HALF as f32;
        assert!((low + 29.0).abs() < 2.0 * bin, "{low}");
        assert!((high - 69.0).abs() < 2.0 * bin, "{high}");
    }

    #[test]
    fn counts_survive_widening() {
        let histogram = histogram((0..20).map(|i| (i as f32 - 10.0) * 2f32.powi(i)));
        assert_eq!(histogram.counts.iter().sum::<u64>(), 20);
    }

    /// Threads add numbers in no particular order, but a model must come out the same each time.
    #[test]
    fn the_order_of_the_numbers_does_not_matter() {
        let number =
            |i: i32| if i % 3 == 0 { 0.0 } else { (i as f32 - 70.0) * 1.7f32.powi(i % 40) };
        let forth = histogram((0..200).map(number));
        let back = histogram((0..200).rev().map(number));
        assert_eq!((forth.reach, &forth.counts), (back.reach, &back.counts));
    }

    #[test]
    fn an_all_zero_value_has_an_empty_range() {
        let histogram = histogram([0.0; 8].into_iter());
        assert_eq!(histogram.range(RangeMethod::Percentile(99.9)), [0.0, 0.0]);
    }
}
