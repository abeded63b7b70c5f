//! The range that the codes of a value cover, from the numbers that it took.
//!
//! A wide range has a coarse step; a narrow one clips. Min-max clips nothing, and a percentile
//! clips the rarest numbers. The two other methods search for the range with the least squared
//! error or the least loss of information.

use std::fmt;

use bayes8_core::numerics::{ActivationBits, Quantization};

use super::histogram::{HALF, Histogram};
use crate::quantize::grid;

/// How a range follows from the observed numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RangeMethod {
    /// From the smallest to the largest number.
    MinMax,
    /// Without the rarest numbers: this percentage lies below the upper and above the lower end.
    Percentile(f64),
    /// The least mean squared error between the numbers and their codes.
    Mse,
    /// The least Kullback-Leibler divergence of the numbers from their codes: S. Migacz, "8-bit
    /// Inference with TensorRT" (GTC 2017), with windows about zero as in `get_entropy_threshold`
    /// of ONNX Runtime's `quantization/calibrate.py`, for values of either sign.
    Entropy,
}

impl fmt::Display for RangeMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MinMax => f.write_str("min-max"),
            Self::Percentile(p) => write!(f, "percentile {p}"),
            Self::Mse => f.write_str("mse"),
            Self::Entropy => f.write_str("entropy"),
        }
    }
}

impl RangeMethod {
    /// The range for codes of `bits` bits, never beyond the observed numbers; `[0, 0]` if there are
    /// none.
    pub(super) fn range(self, histogram: &Histogram, bits: ActivationBits) -> [f32; 2] {
        if histogram.total == 0 {
            return [0.0, 0.0];
        }
        let ends = [histogram.smallest, histogram.largest];
        let finite = histogram.reach.is_some_and(f64::is_finite);
        if !finite || ends[0] >= ends[1] {
            return ends;
        }
        match self {
            Self::MinMax => ends,
            Self::Percentile(percentile) => self::percentile(histogram, percentile),
            Self::Mse => least_squares(histogram, bits),
            Self::Entropy => least_divergence(histogram, bits),
        }
    }
}

fn percentile(histogram: &Histogram, percentile: f64) -> [f32; 2] {
    let outside = (histogram.total as f64 * (1.0 - percentile / 100.0)) as u64;
    let counts = histogram.counts();
    let below = skip(counts.iter(), outside);
    let above = skip(counts.iter().rev(), outside);
    within(histogram, [histogram.edge(below), histogram.edge(2 * HALF - above)])
}

/// `range`, but not beyond the observed numbers.
fn within(histogram: &Histogram, [low, high]: [f64; 2]) -> [f32; 2] {
    [(low as f32).max(histogram.smallest), (high as f32).min(histogram.largest)]
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

/// The ends that a search tries, as shares of the observed ones.
const TRIED: usize = 100;

/// Tries one end after the other, twice. If a range has one side only, the first search finds it;
/// otherwise the two ends depend on each other, though little, through the step.
fn least_squares(histogram: &Histogram, bits: ActivationBits) -> [f32; 2] {
    let numbers = histogram.filled();
    let mut best = [histogram.smallest, histogram.largest];
    let mut least = squared_error(&numbers, grid(best, bits), bits);
    for _ in 0..2 {
        for (side, end) in [(1, histogram.largest), (0, histogram.smallest)] {
            // A range always includes zero.
            let outwards = if side == 1 { end > 0.0 } else { end < 0.0 };
            for i in (1..=TRIED).filter(|_| outwards) {
                let mut range = best;
                range[side] = end * i as f32 / TRIED as f32;
                let error = squared_error(&numbers, grid(range, bits), bits);
                if error < least {
                    (best, least) = (range, error);
                }
            }
        }
    }
    best
}

/// Sum of the squared differences between numbers, each with its count, and their codes.
fn squared_error(numbers: &[(f64, f64)], grid: Quantization, bits: ActivationBits) -> f64 {
    let scale = f64::from(grid.scale);
    let low = -f64::from(grid.zero_point);
    let high = low + f64::from(bits.largest_code());
    let error = |x: f64| ((x / scale).round().clamp(low, high) * scale - x).powi(2);
    numbers.iter().map(|&(x, count)| count * error(x)).sum()
}

/// Bins between two windows that a search tries.
const STRIDE: usize = 16;

/// Windows of bins from zero outwards to both sides, as far as the observed numbers reach.
fn least_divergence(histogram: &Histogram, bits: ActivationBits) -> [f32; 2] {
    let counts = histogram.counts();
    // Both exist, since there are numbers.
    let first = counts.iter().position(|&count| count > 0).unwrap_or(HALF).min(HALF);
    let end = counts.iter().rposition(|&count| count > 0).map_or(HALF, |last| last + 1).max(HALF);
    let mut counts: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
    // Zeros that a ReLU made say nothing about the range and would outweigh everything else
    // (pytorch-quantization's `_compute_amax_entropy` drops them, too).
    counts[HALF] = if end > HALF + 1 { counts[HALF + 1] } else { counts[HALF - 1] };
    let levels = usize::from(bits.largest_code()) + 1;
    let farthest = (HALF - first).max(end - HALF);
    let (mut best, mut least) = ([first, end], f64::INFINITY);
    let mut reach = farthest;
    loop {
        let window = [(HALF - reach.min(HALF)).max(first), (HALF + reach).min(end)];
        // Fewer bins than codes lose nothing, so the method cannot compare them.
        if window[1] - window[0] < levels {
            break;
        }
        let divergence = divergence(&counts, window, levels);
        if divergence < least {
            (best, least) = (window, divergence);
        }
        let Some(nearer) = reach.checked_sub(STRIDE) else { break };
        reach = nearer;
    }
    within(histogram, best.map(|bin| histogram.edge(bin)))
}

/// The count of a bin that is empty in the codes but not in the numbers.
const SMOOTH: f64 = 1e-4;

/// Kullback-Leibler divergence of all counts from the quantized ones. Counts outside the window are
/// moved to its ends; the quantized counts are those inside, spread evenly over the bins of each of
/// `levels` codes that are not empty.
fn divergence(counts: &[f64], [first, end]: [usize; 2], levels: usize) -> f64 {
    let inside = &counts[first..end];
    let length = inside.len();
    let mut all = inside.to_vec();
    all[0] += counts[..first].iter().sum::<f64>();
    all[length - 1] += counts[end..].iter().sum::<f64>();
    let mut codes = vec![0.0; length];
    for level in 0..levels {
        let bins = level * length / levels..(level + 1) * length / levels;
        let sum: f64 = inside[bins.clone()].iter().sum();
        let filled = all[bins.clone()].iter().filter(|&&count| count > 0.0).count();
        for bin in bins.filter(|&bin| all[bin] > 0.0) {
            codes[bin] = (sum / filled as f64).max(SMOOTH);
        }
    }
    let (total, coded): (f64, f64) = (all.iter().sum(), codes.iter().sum());
    let term = |(&p, &q): (&f64, &f64)| {
        if p > 0.0 { p / total * ((p / total) / (q / coded)).ln() } else { 0.0 }
    };
    all.iter().zip(&codes).map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [RangeMethod; 4] = [
        RangeMethod::MinMax,
        RangeMethod::Percentile(99.9),
        RangeMethod::Mse,
        RangeMethod::Entropy,
    ];

    fn histogram(numbers: impl Iterator<Item = f32>) -> Histogram {
        let mut histogram = Histogram::default();
        numbers.for_each(|x| histogram.add(&[x]));
        histogram
    }

    /// The inverse of a distribution function at evenly spaced shares: a sample without noise.
    fn quantiles(count: usize, inverse: impl Fn(f64) -> f64) -> impl Iterator<Item = f32> {
        (0..count).map(move |i| inverse((i as f64 + 0.5) / count as f64) as f32)
    }

    /// A standard normal sample: the Box-Muller transform of evenly spaced radii and angles.
    fn normal(count: usize) -> impl Iterator<Item = f32> {
        (0..count).map(move |i| {
            let radius = (-2.0 * ((i as f64 + 0.5) / count as f64).ln()).sqrt();
            // The multiples of the golden ratio fill the circle evenly.
            let angle = (i as f64 * 0.618_033_988_749_895).fract() * std::f64::consts::TAU;
            (radius * angle.cos()) as f32
        })
    }

    #[test]
    fn percentile_leaves_out_the_rarest_numbers_on_both_sides() {
        let numbers = (0..100_000).map(|i| i as f32 / 1000.0 - 30.0).chain([-500.0, 900.0]);
        let histogram = histogram(numbers);
        let range = |method: RangeMethod| method.range(&histogram, ActivationBits::Eight);
        assert_eq!(range(RangeMethod::MinMax), [-500.0, 900.0]);
        let [low, high] = range(RangeMethod::Percentile(99.0));
        let bin = 1024.0 / HALF as f32;
        assert!((low + 29.0).abs() < 2.0 * bin, "{low}");
        assert!((high - 69.0).abs() < 2.0 * bin, "{high}");
    }

    /// The uniform quantizer with the least squared error of a normal distribution clips at 3.92
    /// standard deviations with 256 codes and at 3.61 with 128 (R. Banner et al., "Post training
    /// 4-bit quantization of convolutional networks for rapid-deployment", NeurIPS 2019).
    #[test]
    fn mse_clips_a_normal_distribution_where_it_is_best() {
        let histogram = histogram(normal(1 << 20));
        assert!(histogram.largest > 4.5 && histogram.smallest < -4.5, "tails to be clipped");
        for (bits, best) in [(ActivationBits::Eight, 3.92), (ActivationBits::Seven, 3.61)] {
            let range = RangeMethod::Mse.range(&histogram, bits);
            for end in range {
                assert!((end.abs() - best).abs() < 0.15, "{bits:?}: {range:?}");
            }
        }
    }

    /// Every part of a uniform distribution counts alike: nothing is to be clipped.
    #[test]
    fn nothing_of_a_uniform_distribution_is_clipped() {
        for [low, high] in [[0.0, 5.0], [-1.0, 3.0], [-7.0, 7.0]] {
            let histogram = histogram(quantiles(200_000, |p| low + (high - low) * p));
            for method in METHODS {
                let [least, largest] = method.range(&histogram, ActivationBits::Eight);
                let tolerance = 0.02 * (high - low) as f32;
                assert!((least - low as f32).abs() < tolerance, "{method}: {least}");
                assert!((largest - high as f32).abs() < tolerance, "{method}: {largest}");
            }
        }
    }

    /// A few numbers far out must not cost all others their precision. (Those few make up most of
    /// the squares, so the least squared error keeps them.)
    #[test]
    fn outliers_are_clipped_by_percentile_and_entropy() {
        // Half of the numbers are zero, as after a ReLU; the others fall off exponentially.
        let relu = quantiles(400_000, |p| if p < 0.5 { 0.0 } else { -(2.0 * (1.0 - p)).ln() });
        let histogram = histogram(relu.chain([200.0; 3]));
        assert_eq!(RangeMethod::MinMax.range(&histogram, ActivationBits::Eight), [0.0, 200.0]);
        for method in [RangeMethod::Percentile(99.9), RangeMethod::Entropy] {
            let [low, high] = method.range(&histogram, ActivationBits::Eight);
            assert_eq!(low, 0.0, "{method}");
            assert!((3.0..30.0).contains(&high), "{method}: {high}");
        }
    }

    #[test]
    fn mse_has_the_least_squared_error_of_all_methods() {
        let histogram = histogram(normal(200_000).map(|x| x * x * x - 0.5 * x));
        let numbers = histogram.filled();
        for bits in [ActivationBits::Seven, ActivationBits::Eight] {
            let error = |method: RangeMethod| {
                squared_error(&numbers, grid(method.range(&histogram, bits), bits), bits)
            };
            let least = error(RangeMethod::Mse);
            for method in METHODS {
                assert!(least <= error(method), "{method}");
            }
        }
    }

    /// With fewer codes each step costs more, so the range is narrower.
    #[test]
    fn fewer_bits_clip_more() {
        let histogram = histogram(normal(1 << 18));
        for method in [RangeMethod::Mse, RangeMethod::Entropy] {
            let width = |bits| {
                let [low, high] = method.range(&histogram, bits);
                high - low
            };
            assert!(width(ActivationBits::Seven) < width(ActivationBits::Eight), "{method}");
        }
    }

    #[test]
    fn constant_and_empty_values_have_a_range() {
        for method in METHODS {
            let range = |numbers: &[f32]| {
                method.range(&histogram(numbers.iter().copied()), ActivationBits::Eight)
            };
            assert_eq!(range(&[]), [0.0, 0.0], "{method}");
            assert_eq!(range(&[0.0; 8]), [0.0, 0.0], "{method}");
            assert_eq!(range(&[3.0; 8]), [3.0, 3.0], "{method}");
            assert_eq!(range(&[-3.0; 8]), [-3.0, -3.0], "{method}");
            let [low, high] = range(&[-1e30, 0.0, 1e-30, 1e30]);
            assert!(low.is_finite() && high.is_finite(), "{method}");
            let [_, high] = range(&[0.0, f32::INFINITY]);
            assert!(high.is_infinite(), "{method}: the quantizer is to refuse it");
        }
    }
}
