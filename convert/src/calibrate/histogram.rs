//! What a value reaches: counts of its numbers, in whatever order they come.

/// Half of the bins of a histogram.
pub(super) const HALF: usize = 4096;

/// Counts of numbers in equal bins over `-reach..reach`. The reach doubles, merging bins in pairs,
/// when a number lies beyond it; so one pass is enough. It is a power of two, so that the bins of
/// any two reaches nest exactly and the result does not depend on the order of the numbers.
pub(super) struct Histogram {
    /// `None` until the first number that is not zero.
    pub(super) reach: Option<f64>,
    pub(super) counts: Vec<u64>,
    pub(super) smallest: f32,
    pub(super) largest: f32,
    pub(super) total: u64,
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
        numbers.iter().for_each(|&x| self.counts[bin(x, bins_per_unit)] += 1);
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
        let pair = |counts: &[u64], i: usize| counts[i] + counts[i + 1];
        let mut wider = vec![0; 2 * HALF];
        for i in 0..HALF {
            wider[HALF / 2 + i] = pair(&self.counts, 2 * i);
        }
        self.counts = wider;
    }

    /// The lower edge of bin `bin`.
    pub(super) fn edge(&self, bin: usize) -> f64 {
        (bin as f64 / HALF as f64 - 1.0) * self.reach.unwrap_or(1.0)
    }

    /// Centre and count of every bin that is not empty, from the lowest on.
    pub(super) fn filled(&self) -> Vec<(f64, f64)> {
        let width = self.edge(1) - self.edge(0);
        let counts = self.counts.iter().enumerate().filter(|&(_, &count)| count > 0);
        counts.map(|(bin, &count)| (self.edge(bin) + width / 2.0, count as f64)).collect()
    }

    /// Share of the numbers that lie beyond `low` or `high`, but for the width of a bin.
    pub(super) fn beyond(&self, [low, high]: [f32; 2]) -> f64 {
        // The ends that were seen lie within bins whose centres may be beyond them.
        let (low, high) = (f64::from(low), f64::from(high));
        let width = self.edge(1) - self.edge(0);
        let outside = |&&(x, _): &&(f64, f64)| x + width / 2.0 < low || x - width / 2.0 > high;
        // Not `sum`, which is -0 for none.
        let count = self.filled().iter().filter(outside).fold(0.0, |sum, (_, count)| sum + count);
        if self.total == 0 { 0.0 } else { count / self.total as f64 }
    }
}

/// The smallest and the largest of `numbers`, in lanes that a compiler makes vectors of.
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

/// Number of the bin of `x`, the floor by hand: `f64::floor` is a call where the target has no
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
    fn what_lies_beyond_a_range_is_counted() {
        let histogram = histogram((0..1000).map(|i| i as f32 - 100.5));
        assert_eq!(histogram.beyond([-100.5, 898.5]), 0.0);
        let beyond = histogram.beyond([-50.0, 799.0]);
        assert!((beyond - 0.151).abs() < 0.003, "{beyond}");
    }
}
