//! Histograms of the numbers that a value takes, whatever order they come in.

use std::collections::BTreeMap;

/// Half of the bins of a histogram.
pub(super) const HALF: usize = 4096;

/// Counts of numbers in equal bins over `-reach..reach`. When a number lies beyond the reach, the
/// reach doubles and bins merge in pairs; so one pass is enough. It is a power of two, so that the
/// bins of any two reaches nest exactly and the result does not depend on the order of the numbers.
#[derive(Debug)]
pub(super) struct Histogram {
    /// `None` until the first nonzero number.
    pub(super) reach: Option<f64>,
    counts: Counts,
    pub(super) smallest: f32,
    pub(super) largest: f32,
    pub(super) total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            reach: None,
            counts: Counts::default(),
            smallest: f32::INFINITY,
            largest: f32::NEG_INFINITY,
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts numbers.
    pub(super) fn add(&mut self, numbers: &[f32]) {
        let [smallest, largest] = ends(numbers);
        self.smallest = self.smallest.min(smallest);
        self.largest = self.largest.max(largest);
        self.total += numbers.len() as u64;
        let farthest = f64::from(self.largest.max(-self.smallest));
        if farthest > 0.0 {
            self.grow(farthest);
        }
        // Both are powers of two, in the range of f64 for any reach of f32: products are exact.
        let bins_per_unit = HALF as f64 / self.reach.unwrap_or(1.0);
        self.counts.add(numbers.iter().map(|&x| bin(x, bins_per_unit)));
    }

    /// Makes the reach larger than `farthest`.
    fn grow(&mut self, farthest: f64) {
        let mut reach = self.reach.unwrap_or_else(|| farthest.log2().floor().exp2());
        while farthest >= reach && reach.is_finite() {
            reach *= 2.0;
            self.widen();
        }
        self.reach = Some(reach);
    }

    /// Merges the bins in pairs towards the centre.
    fn widen(&mut self) {
        self.counts = self.counts.rebinned(|bin| (HALF + bin) / 2);
    }

    /// The count of every bin.
    pub(super) fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; 2 * HALF];
        self.counts.filled().for_each(|(bin, count)| counts[bin] = count);
        counts
    }

    /// The lower edge of bin `bin`.
    pub(super) fn edge(&self, bin: usize) -> f64 {
        (bin as f64 / HALF as f64 - 1.0) * self.reach.unwrap_or(1.0)
    }

    /// Centre and count of every bin that is not empty, from the lowest on.
    pub(super) fn filled(&self) -> Vec<(f64, f64)> {
        let width = self.edge(1) - self.edge(0);
        let counts = self.counts.filled();
        counts.map(|(bin, count)| (self.edge(bin) + width / 2.0, count as f64)).collect()
    }

    /// Share of the numbers that lie beyond `low` or `high`, to within the width of a bin.
    pub(super) fn beyond(&self, [low, high]: [f32; 2]) -> f64 {
        // The ends that were seen lie within bins whose centres may be beyond them.
        let (low, high) = (f64::from(low), f64::from(high));
        let width = self.edge(1) - self.edge(0);
        let outside = |&&(x, _): &&(f64, f64)| x + width / 2.0 < low || x - width / 2.0 > high;
        // Not `sum`, which is -0 for no numbers.
        let count = self.filled().iter().filter(outside).fold(0.0, |sum, (_, count)| sum + count);
        if self.total == 0 { 0.0 } else { count / self.total as f64 }
    }
}

/// Bins that the map counts.
const FEW: usize = 256;

/// The count of numbers from which an array of bins is worth its memory.
const MANY: u64 = 1 << 16;

/// A count per bin, in little memory: a network may have a hundred thousand values with few numbers
/// each.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counts {
    /// The part of each count that `low` does not hold, a multiple of 256. The whole counts as long
    /// as `low` is empty.
    high: BTreeMap<u16, u64>,
    /// The lower eight bits of each count; empty while there are few numbers in few bins.
    low: Vec<u8>,
    total: u64,
}

impl Counts {
    fn add(&mut self, bins: impl ExactSizeIterator<Item = usize>) {
        self.total += bins.len() as u64;
        for bin in bins {
            if self.low.is_empty() {
                *self.high.entry(bin as u16).or_default() += 1;
                if self.high.len() > FEW {
                    self.spread();
                }
            } else {
                self.low[bin] = self.low[bin].wrapping_add(1);
                if self.low[bin] == 0 {
                    *self.high.entry(bin as u16).or_default() += 256;
                }
            }
        }
        if self.low.is_empty() && self.total > MANY {
            self.spread();
        }
    }

    /// Switches to an array.
    fn spread(&mut self) {
        self.low = vec![0; 2 * HALF];
        for (&bin, count) in &mut self.high {
            self.low[usize::from(bin)] = *count as u8;
            *count &= !0xff;
        }
        self.high.retain(|_, count| *count > 0);
    }

    /// Bins that are not empty, from the lowest on, and their counts.
    fn filled(&self) -> impl Iterator<Item = (usize, u64)> {
        let mut bins = if self.low.is_empty() { Vec::new() } else { (0..self.low.len()).collect() };
        if self.low.is_empty() {
            bins.extend(self.high.keys().map(|&bin| usize::from(bin)));
        }
        let count = |bin: usize| {
            let low = self.low.get(bin).copied().unwrap_or_default();
            u64::from(low) + self.high.get(&(bin as u16)).copied().unwrap_or_default()
        };
        bins.into_iter().map(move |bin| (bin, count(bin))).filter(|&(_, count)| count > 0)
    }

    /// Moves the count of each bin to bin `to(bin)`.
    fn rebinned(&self, to: impl Fn(usize) -> usize) -> Self {
        let mut high = BTreeMap::new();
        for (bin, count) in self.filled() {
            *high.entry(to(bin) as u16).or_default() += count;
        }
        let mut counts = Self { high, low: Vec::new(), total: self.total };
        if !self.low.is_empty() {
            counts.spread();
        }
        counts
    }
}

/// The smallest and the largest of `numbers`, in lanes that a compiler can vectorize.
fn ends(numbers: &[f32]) -> [f32; 2] {
    const LANES: usize = 8;
    let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    for numbers in numbers.chunks(LANES) {
        for ((low, high), &x) in low.iter_mut().zip(&mut high).zip(numbers) {
            *low = low.min(x);
            *high = high.max(x);
        }
    }
    [
        low.into_iter().fold(f32::INFINITY, f32::min),
        high.into_iter().fold(f32::NEG_INFINITY, f32::max),
    ]
}

/// The bin of `x`. The floor is computed by hand: `f64::floor` is a call on targets without an
/// instruction for it.
fn bin(x: f32, bins_per_unit: f64) -> usize {
    let from_centre = f64::from(x) * bins_per_unit;
    let towards_zero = from_centre as i32;
    let floor = towards_zero - i32::from(from_centre < f64::from(towards_zero));
    (floor + HALF as i32).clamp(0, 2 * HALF as i32 - 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(numbers: impl Iterator<Item = f32>) -> Histogram {
        let mut histogram = Histogram::default();
        numbers.for_each(|x| histogram.add(&[x]));
        histogram
    }

    #[test]
    fn counts_survive_widening() {
        let histogram = histogram((0..20).map(|i| (i as f32 - 10.0) * 2f32.powi(i)));
        assert_eq!(histogram.counts().iter().sum::<u64>(), 20);
    }

    /// Threads add numbers in no particular order, but a model must come out the same each time.
    #[test]
    fn the_order_of_the_numbers_does_not_matter() {
        let number =
            |i: i32| if i % 3 == 0 { 0.0 } else { (i as f32 - 70.0) * 1.7f32.powi(i % 40) };
        let forth = histogram((0..200).map(number));
        let back = histogram((0..200).rev().map(number));
        assert_eq!((forth.reach, forth.counts()), (back.reach, back.counts()));
    }

    /// Few numbers, many numbers, and counts beyond eight bits must equal those of a plain array.
    #[test]
    fn no_number_is_lost_between_map_and_array() {
        let mut histogram = Histogram::default();
        let mut expected = BTreeMap::new();
        let mut state = 1u32;
        for round in 0..400 {
            let numbers: Vec<f32> = (0..100 + round)
                .map(|i| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Most go into one bin, as after a ReLU; the others spread further from round
                    // to round.
                    if i % 3 > 0 { 0.0 } else { (state >> 8) as f32 * (1e-7 * round as f32) }
                })
                .collect();
            histogram.add(&numbers);
            numbers.iter().for_each(|x| *expected.entry(x.to_bits()).or_insert(0u64) += 1);
            let mut counts = vec![0; 2 * HALF];
            let bins_per_unit = HALF as f64 / histogram.reach.unwrap_or(1.0);
            let bins = expected.iter().map(|(&x, n)| (bin(f32::from_bits(x), bins_per_unit), n));
            bins.for_each(|(bin, n)| counts[bin] += n);
            assert_eq!(histogram.counts(), counts, "round {round}");
        }
        assert!(!histogram.counts.low.is_empty() && !histogram.counts.high.is_empty());
    }

    #[test]
    fn what_lies_beyond_a_range_is_counted() {
        let histogram = histogram((0..1000).map(|i| i as f32 - 100.5));
        assert_eq!(histogram.beyond([-100.5, 898.5]), 0.0);
        let beyond = histogram.beyond([-50.0, 799.0]);
        assert!((beyond - 0.151).abs() < 0.003, "{beyond}");
    }
}
